/* SPDX-License-Identifier: MIT */
/*
 * 8042 keyboard controller with a keyboard and no mouse (ports 0x60, 0x64; IBM PS/2 Hardware
 * Interface Technical Reference), and system control port A (0x92), which shares its A20 gate and
 * reset wire. A20 is state only: RAM access is never masked, because hardware virtualization has
 * no way to do it. vCPU thread only.
 */
#ifndef FVB_I8042_H
#define FVB_I8042_H

#include "common/bus.h"
#include "common/irq.h"
#include "common/types.h"

/* Bytes; keys may take so many of them, the rest is for answers to commands. */
#define I8042_QUEUE 64
#define I8042_KEYS  56

struct i8042 {
	struct irq_line irq; /* IRQ 1; there is no IRQ 12 since there is no mouse */
	void (*reset)(void *arg);
	void *reset_arg;
	/* The guest has taken all that came from the keyboard: there may be more. Optional. */
	void (*rx_ready)(void *arg);
	void *rx_ready_arg;

	u8 status;  /* port 0x64 */
	u8 ram[32]; /* [0] is the command byte */
	u8 data;    /* output buffer, valid while STATUS bit 0 is set */
	u8 outport; /* bit 1: A20 */
	u8 port92;  /* as written, without A20 */
	u8 pending; /* controller command that waits for its byte, or 0 */

	u8 kbd_pending; /* keyboard command that waits for its byte, or 0 */
	u8 kbd_last;	/* for "resend" */
	u8 kbd_set;	/* scan code set asked for, 1 to 3 */
	bool kbd_off;	/* scanning disabled */
	u8 head, count;
	u8 queue[I8042_QUEUE]; /* from the keyboard, not yet in DATA */
};

/* A20 open, self-test passed, keyboard interrupt and translation on, as a BIOS leaves it.
 * RESET is called when the guest pulls the CPU's reset; it may be called again until the machine
 * stops. */
void i8042_init(struct i8042 *kbc, struct irq_line irq1, void (*reset)(void *arg), void *arg);
int i8042_attach(struct i8042 *kbc, struct bus *pio);
void i8042_reset(struct i8042 *kbc);

bool i8042_a20(const struct i8042 *kbc);

/* How many bytes of scan codes fit. */
size_t i8042_room(const struct i8042 *kbc);
/* The user's keyboard sends N bytes, scan code set 1 (already translated). All or nothing: dropped
 * when they do not fit, or while the guest has scanning off. */
void i8042_key(struct i8042 *kbc, const u8 *scancodes, size_t n);

#endif
