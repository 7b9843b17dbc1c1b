/* SPDX-License-Identifier: MIT */
#include "common/dev/i8042.h"

#include <string.h>

#define DATA_PORT    0x60
#define COMMAND_PORT 0x64
#define PORT92	     0x92

#define STATUS_FULL    0x01 /* output buffer */
#define STATUS_SYSTEM  0x04 /* self-test passed */
#define STATUS_COMMAND 0x08 /* last write went to the command port */
#define STATUS_UNLOCK  0x10 /* keyboard lock is open */
#define STATUS_AUX     0x20
#define STATUS_TIMEOUT 0x40

#define MODE_IRQ1    0x01
#define MODE_SYSTEM  0x04
#define MODE_KBD_OFF 0x10
#define MODE_AUX_OFF 0x20
#define MODE_XLATE   0x40

#define OUT_RESET    0x01 /* active low */
#define OUT_A20	     0x02
#define OUT_KBD_FULL 0x10
#define OUT_IDLE     0xc0 /* keyboard clock and data are high */

#define PORT92_RESET 0x01
#define PORT92_A20   0x02

#define KBD_ACK	    0xfa
#define KBD_RESEND  0xfe
#define KBD_TEST_OK 0xaa
#define NO_MOUSE    0x01 /* answer to the aux port test: clock line stuck low */

static void update_irq(const struct i8042 *k)
{
	irq_line_set(&k->irq,
		     k->status & STATUS_FULL && !(k->status & STATUS_AUX) && k->ram[0] & MODE_IRQ1);
}

/* Move the keyboard's next byte into the empty output buffer. */
static void load(struct i8042 *k)
{
	if (k->status & STATUS_FULL || !k->count || k->ram[0] & MODE_KBD_OFF)
		return;
	k->data = k->queue[k->head];
	k->head = (k->head + 1) % I8042_QUEUE;
	k->count--;
	k->status = (k->status & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_FULL;
	update_irq(k);
}

/* The controller's own answer displaces what is in the buffer, as on the real chip. */
static void answer(struct i8042 *k, u8 value, u8 flags)
{
	k->data = value;
	k->status = (k->status & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_FULL | flags;
	update_irq(k);
}

static bool enqueue(struct i8042 *k, const u8 *bytes, size_t n)
{
	if (n > I8042_QUEUE - (size_t)k->count)
		return false;
	for (size_t i = 0; i < n; i++)
		k->queue[(k->head + k->count++) % I8042_QUEUE] = bytes[i];
	load(k);
	return true;
}

/* The keyboard answers in its own codes; the controller translates them like scan codes. Of those
 * that a keyboard answers with only these are not their own translation. */
static u8 translate(const struct i8042 *k, u8 code)
{
	if (!(k->ram[0] & MODE_XLATE))
		return code;
	switch (code) {
	case 0x01:
		return 0x43;
	case 0x02:
		return 0x41;
	case 0x03:
		return 0x3f;
	case 0x83:
		return 0x41;
	default:
		return code;
	}
}

static void kbd_send(struct i8042 *k, u8 code)
{
	u8 byte = translate(k, code);

	k->kbd_last = code;
	enqueue(k, &byte, 1);
}

static void kbd_defaults(struct i8042 *k)
{
	k->count = 0;
	k->kbd_pending = 0;
	k->kbd_set = 2;
}

static void kbd_parameter(struct i8042 *k, u8 command, u8 value)
{
	kbd_send(k, KBD_ACK);
	if (command != 0xf0)
		return; /* LEDs and typematic rate: nothing to see here */
	if (!value)
		kbd_send(k, k->kbd_set);
	else if (value <= 3)
		k->kbd_set = value;
}

static void kbd_command(struct i8042 *k, u8 command)
{
	switch (command) {
	case 0xed: /* LEDs */
	case 0xf0: /* scan code set */
	case 0xf3: /* typematic rate */
		k->kbd_pending = command;
		kbd_send(k, KBD_ACK);
		break;
	case 0xee: /* echo */
		kbd_send(k, 0xee);
		break;
	case 0xf2: /* identify: MF2 keyboard */
		kbd_send(k, KBD_ACK);
		kbd_send(k, 0xab);
		kbd_send(k, 0x83);
		break;
	case 0xf4:
		k->kbd_off = false;
		kbd_send(k, KBD_ACK);
		break;
	case 0xf5:
	case 0xf6:
		kbd_defaults(k);
		k->kbd_off = command == 0xf5;
		kbd_send(k, KBD_ACK);
		break;
	case 0xf7 ... 0xfa: /* all keys typematic, make/break…: scan code set 3 only */
		kbd_send(k, KBD_ACK);
		break;
	case 0xfe:
		kbd_send(k, k->kbd_last);
		break;
	case 0xff:
		kbd_defaults(k);
		k->kbd_off = false;
		kbd_send(k, KBD_ACK);
		kbd_send(k, KBD_TEST_OK);
		break;
	default:
		kbd_send(k, KBD_RESEND);
		break;
	}
}

static void kbd_write(struct i8042 *k, u8 value)
{
	u8 command = k->kbd_pending;

	k->ram[0] &= ~MODE_KBD_OFF; /* sending to the keyboard opens its line */
	k->kbd_pending = 0;
	/* Commands have bit 7 set, parameters do not: a command abandons one that waits. */
	if (command && value < 0x80)
		kbd_parameter(k, command, value);
	else
		kbd_command(k, value);
}

static void outport_write(struct i8042 *k, u8 value)
{
	k->outport = value & (OUT_RESET | OUT_A20);
	if (!(value & OUT_RESET)) {
		/* The wire is let go again by the reset itself. */
		k->outport |= OUT_RESET;
		k->reset(k->reset_arg);
	}
}

static u8 outport_read(const struct i8042 *k)
{
	return k->outport | OUT_IDLE | (k->status & STATUS_FULL ? OUT_KBD_FULL : 0);
}

static void mode_write(struct i8042 *k, u8 value)
{
	k->ram[0] = value;
	k->status = (k->status & ~STATUS_SYSTEM) | (value & MODE_SYSTEM);
	update_irq(k);
	load(k);
}

static void mode_change(struct i8042 *k, u8 set, u8 clear)
{
	mode_write(k, (k->ram[0] & ~clear) | set);
}

/* A data byte that belongs to the controller command CMD. */
static void command_data(struct i8042 *k, u8 cmd, u8 value)
{
	switch (cmd) {
	case 0x60:
		mode_write(k, value);
		break;
	case 0x61 ... 0x7f:
		k->ram[cmd & 0x1f] = value;
		break;
	case 0xd1:
		outport_write(k, value);
		break;
	case 0xd2: /* as if it came from the keyboard */
	case 0xd3: /* no mouse port: comes back on the keyboard's side, which Linux takes for "none"
		    */
		answer(k, value, 0);
		break;
	case 0xd4: /* to the mouse, which never answers */
		answer(k, KBD_RESEND, STATUS_AUX | STATUS_TIMEOUT);
		break;
	}
}

static void command_write(struct i8042 *k, u8 cmd)
{
	k->pending = 0;
	switch (cmd) {
	case 0x20 ... 0x3f:
		answer(k, k->ram[cmd & 0x1f], 0);
		break;
	case 0x60 ... 0x7f:
	case 0xd1 ... 0xd4:
		k->pending = cmd;
		break;
	case 0xa4: /* is there a password? */
		answer(k, 0xf1, 0);
		break;
	case 0xa7:
		mode_change(k, MODE_AUX_OFF, 0);
		break;
	case 0xa8:
		mode_change(k, 0, MODE_AUX_OFF);
		break;
	case 0xa9:
		answer(k, NO_MOUSE, 0);
		break;
	case 0xaa:
		mode_change(k, MODE_SYSTEM, 0);
		answer(k, 0x55, 0);
		break;
	case 0xab:
		answer(k, 0, 0);
		break;
	case 0xad:
		mode_change(k, MODE_KBD_OFF, 0);
		break;
	case 0xae:
		mode_change(k, 0, MODE_KBD_OFF);
		break;
	case 0xc0: /* input port: keyboard not locked */
		answer(k, 0x80, 0);
		break;
	case 0xd0:
		answer(k, outport_read(k), 0);
		break;
	case 0xdd:
		k->outport &= ~OUT_A20;
		break;
	case 0xdf:
		k->outport |= OUT_A20;
		break;
	case 0xe0: /* test inputs: clock and data low */
		answer(k, 0, 0);
		break;
	case 0xf0 ... 0xff: /* pulse the output lines whose bit is 0; bit 0 resets the CPU */
		if (!(cmd & OUT_RESET))
			k->reset(k->reset_arg);
		break;
	}
}

static u64 data_read(void *dev, u64 offset, unsigned int size)
{
	struct i8042 *k = dev;
	u8 value = k->data;

	(void)offset, (void)size;
	/* The wire falls before the next byte raises it: controllers see an edge for each. */
	k->status &= ~(STATUS_FULL | STATUS_AUX | STATUS_TIMEOUT);
	update_irq(k);
	load(k);
	if (!k->count && !(k->status & STATUS_FULL) && k->rx_ready)
		k->rx_ready(k->rx_ready_arg);
	return value;
}

static void data_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct i8042 *k = dev;
	u8 cmd = k->pending;

	(void)offset, (void)size;
	k->status &= ~STATUS_COMMAND;
	k->pending = 0;
	if (cmd)
		command_data(k, cmd, (u8)value);
	else
		kbd_write(k, (u8)value);
}

static u64 status_read(void *dev, u64 offset, unsigned int size)
{
	const struct i8042 *k = dev;

	(void)offset, (void)size;
	return k->status;
}

static void status_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct i8042 *k = dev;

	(void)offset, (void)size;
	k->status |= STATUS_COMMAND;
	command_write(k, (u8)value);
}

static u64 port92_read(void *dev, u64 offset, unsigned int size)
{
	const struct i8042 *k = dev;

	(void)offset, (void)size;
	return k->port92 | (k->outport & OUT_A20 ? PORT92_A20 : 0);
}

static void port92_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct i8042 *k = dev;
	bool resets = value & ~k->port92 & PORT92_RESET;

	(void)offset, (void)size;
	k->port92 = value & ~PORT92_A20;
	k->outport = (k->outport & ~OUT_A20) | (value & PORT92_A20 ? OUT_A20 : 0);
	if (resets)
		k->reset(k->reset_arg);
}

static const struct bus_ops data_ops = { data_read, data_write, true };
static const struct bus_ops status_ops = { status_read, status_write, true };
static const struct bus_ops port92_ops = { port92_read, port92_write, true };

void i8042_init(struct i8042 *kbc, struct irq_line irq1, void (*reset)(void *arg), void *arg)
{
	*kbc = (struct i8042){ .irq = irq1, .reset = reset, .reset_arg = arg };
	i8042_reset(kbc);
}

int i8042_attach(struct i8042 *kbc, struct bus *pio)
{
	const struct bus_region region[] = {
		{ "i8042 data", DATA_PORT, 1, 1, &data_ops, kbc },
		{ "i8042 command", COMMAND_PORT, 1, 1, &status_ops, kbc },
		{ "port 92", PORT92, 1, 1, &port92_ops, kbc },
	};

	return bus_add_all(pio, region, ARRAY_SIZE(region));
}

void i8042_reset(struct i8042 *kbc)
{
	memset(kbc->ram, 0, sizeof(kbc->ram));
	kbc->ram[0] = MODE_IRQ1 | MODE_SYSTEM | MODE_AUX_OFF | MODE_XLATE;
	kbc->status = STATUS_SYSTEM | STATUS_UNLOCK;
	kbc->outport = OUT_RESET | OUT_A20;
	kbc->port92 = 0;
	kbc->data = kbc->pending = kbc->kbd_last = 0;
	kbc->head = kbc->count = 0;
	kbc->kbd_off = false;
	kbd_defaults(kbc);
	update_irq(kbc);
}

bool i8042_a20(const struct i8042 *kbc)
{
	return kbc->outport & OUT_A20;
}

size_t i8042_room(const struct i8042 *kbc)
{
	return kbc->count < I8042_KEYS ? I8042_KEYS - (size_t)kbc->count : 0;
}

void i8042_key(struct i8042 *kbc, const u8 *scancodes, size_t n)
{
	if (!kbc->kbd_off && n <= i8042_room(kbc))
		enqueue(kbc, scancodes, n);
}
