/* SPDX-License-Identifier: MIT */
#include "common/dev/uart.h"

#define CRYSTAL 1843200u

enum { RBR_THR, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RDA	 0x01 /* received data available, character time-out */
#define IER_THRE 0x02
#define IER_RLS	 0x04 /* receiver line status */
#define IER_MS	 0x08 /* modem status */

#define IIR_NONE    0x01
#define IIR_MS	    0x00
#define IIR_THRE    0x02
#define IIR_RDA	    0x04
#define IIR_RLS	    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFO    0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_DMA	     0x08
#define FCR_TRIGGER  0xc0

#define LCR_DLAB 0x80

#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_DR	  0x01
#define LSR_OE	  0x02
#define LSR_BI	  0x10
#define LSR_THRE  0x20
#define LSR_TEMT  0x40
#define LSR_FIFO  0x80 /* an error somewhere in the FIFO */
#define LSR_ERROR 0x1e

#define MSR_DELTA	0x0f
#define MSR_TERI	0x04
#define MSR_CTS		0x10
#define MSR_DSR		0x20
#define MSR_RI		0x40
#define MSR_DCD		0x80
#define MSR_ALWAYS_HERE (MSR_CTS | MSR_DSR | MSR_DCD)

static unsigned int depth(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static unsigned int trigger(const struct uart *u)
{
	static const u8 level[4] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

static u8 line_status(const struct uart *u)
{
	u8 lsr = LSR_THRE | LSR_TEMT;

	if (u->overrun)
		lsr |= LSR_OE;
	if (u->count)
		lsr |= LSR_DR | u->rx[u->head].error;
	for (unsigned int i = 0; i < u->count && u->fcr & FCR_ENABLE; i++)
		if (u->rx[(u->head + i) % UART_FIFO].error)
			lsr |= LSR_FIFO;
	return lsr;
}

/* The interrupt that comes first, in the datasheet's order of priority (table III). */
static u8 interrupt_id(const struct uart *u)
{
	if (u->ier & IER_RLS && line_status(u) & LSR_ERROR)
		return IIR_RLS;
	if (u->ier & IER_RDA && u->count >= trigger(u))
		return IIR_RDA;
	if (u->ier & IER_RDA && u->timeout)
		return IIR_TIMEOUT;
	if (u->ier & IER_THRE && u->thre)
		return IIR_THRE;
	if (u->ier & IER_MS && u->msr & MSR_DELTA)
		return IIR_MS;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	/* OUT2 enables the driver between the chip and the bus; loopback leaves it alone here. */
	irq_line_set(&u->irq, u->mcr & MCR_OUT2 && interrupt_id(u) != IIR_NONE);
}

/* Four character times from now, unless the guest moves the FIFO before. */
static void restart_timeout(struct uart *u)
{
	/* Start, 5 to 8 data bits, parity, stop. */
	unsigned int bits = 2 + 5 + (u->lcr & 3) + !!(u->lcr & 8) + !!(u->lcr & 4);
	u64 ns = mul_div(4ull * 16 * bits * (u->divisor ? u->divisor : 1), NSEC_PER_SEC, CRYSTAL);
	bool wanted = u->fcr & FCR_ENABLE && u->ier & IER_RDA && u->count;

	u->timeout = false;
	if (wanted || u->timer.deadline != CLOCK_NEVER)
		timer_set(u->clock, &u->timer, wanted ? clock_now(u->clock) + ns : CLOCK_NEVER);
}

static void on_timeout(void *opaque)
{
	struct uart *u = opaque;

	u->timeout = true;
	update_irq(u);
}

static void push(struct uart *u, u8 byte, u8 error)
{
	unsigned int slot;

	if (u->count == depth(u)) {
		/* Without the FIFO the newcomer replaces what was not read; with it, it is lost. */
		u->overrun = true;
		if (depth(u) > 1)
			return;
		u->count = 0;
	}
	slot = (u->head + u->count++) % UART_FIFO;
	u->rx[slot].byte = byte;
	u->rx[slot].error = error;
}

static void ask_for_more(struct uart *u)
{
	if (!u->count && !(u->mcr & MCR_LOOP) && u->rx_ready)
		u->rx_ready(u->rx_ready_arg);
}

static u8 read_rbr(struct uart *u)
{
	u8 byte;

	if (!u->count)
		return 0;
	byte = u->rx[u->head].byte;
	u->head = (u->head + 1) % UART_FIFO;
	u->count--;
	restart_timeout(u);
	update_irq(u);
	ask_for_more(u);
	return byte;
}

static void write_thr(struct uart *u, u8 byte)
{
	if (u->mcr & MCR_LOOP) {
		push(u, byte, 0);
		restart_timeout(u);
	} else {
		u->tx(u->tx_arg, byte);
	}
	/* THR was full for no time: the wire must fall and rise all the same, or an edge-triggered
	 * controller would miss that it is empty again. */
	if (u->ier & IER_THRE) {
		u->thre = false;
		update_irq(u);
	}
	u->thre = true;
	if (u->ier)
		update_irq(u);
}

/* Modem inputs: in loopback the four outputs, otherwise a terminal that is always there. */
static u8 modem_inputs(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_ALWAYS_HERE;
	return (u->mcr & 0x01 ? MSR_DSR : 0) | (u->mcr & 0x02 ? MSR_CTS : 0) |
	       (u->mcr & 0x04 ? MSR_RI : 0) | (u->mcr & 0x08 ? MSR_DCD : 0);
}

static void update_modem(struct uart *u)
{
	u8 old = u->msr & ~MSR_DELTA, new = modem_inputs(u), delta = (old ^ new) >> 4;

	/* RI reports only its trailing edge. */
	if (new &MSR_RI)
		delta &= ~MSR_TERI;
	u->msr = new | (u->msr & MSR_DELTA) | delta;
}

static void write_ier(struct uart *u, u8 value)
{
	bool rda_changed;

	value &= 0x0f;
	/* Enabling the interrupt while THR is empty, which it always is, raises it at once: Linux
	 * starts to transmit, and recognizes broken UARTs, by this. */
	if (value & ~u->ier & IER_THRE)
		u->thre = true;
	rda_changed = (value ^ u->ier) & IER_RDA;
	u->ier = value;
	if (rda_changed)
		restart_timeout(u);
	update_irq(u);
}

static void write_fcr(struct uart *u, u8 value)
{
	bool toggled = (value ^ u->fcr) & FCR_ENABLE;

	if (toggled || (value & FCR_ENABLE && value & FCR_CLEAR_RX))
		u->count = 0;
	u->fcr = value & FCR_ENABLE ? value & (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) : 0;
	restart_timeout(u);
	update_irq(u);
	ask_for_more(u);
}

static void write_mcr(struct uart *u, u8 value)
{
	bool was_loop = u->mcr & MCR_LOOP;

	u->mcr = value & 0x1f;
	update_modem(u);
	update_irq(u);
	if (was_loop)
		ask_for_more(u);
}

static u8 read_iir(struct uart *u)
{
	u8 id = interrupt_id(u);

	/* Reading it acknowledges THRE, and only if it is what was reported. */
	if (id == IIR_THRE) {
		u->thre = false;
		update_irq(u);
	}
	return id | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 read_lsr(struct uart *u)
{
	u8 lsr = line_status(u);

	if (lsr & LSR_ERROR) {
		u->overrun = false;
		if (u->count)
			u->rx[u->head].error = 0;
		update_irq(u);
	}
	return lsr;
}

static u8 read_msr(struct uart *u)
{
	u8 msr = u->msr;

	if (msr & MSR_DELTA) {
		u->msr &= ~MSR_DELTA;
		update_irq(u);
	}
	return msr;
}

static u64 uart_read(void *dev, u64 offset, unsigned int size)
{
	struct uart *u = dev;

	(void)size;
	switch (offset) {
	case RBR_THR:
		return u->lcr & LCR_DLAB ? u->divisor & 0xff : read_rbr(u);
	case IER:
		return u->lcr & LCR_DLAB ? u->divisor >> 8 : u->ier;
	case IIR_FCR:
		return read_iir(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return read_lsr(u);
	case MSR:
		return read_msr(u);
	default:
		return u->scr;
	}
}

static void uart_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct uart *u = dev;
	u8 byte = (u8)value;

	(void)size;
	if (u->lcr & LCR_DLAB && offset <= IER) {
		u->divisor = offset == IER ? (u->divisor & 0xff) | byte << 8
					   : (u->divisor & 0xff00) | byte;
		return;
	}
	switch (offset) {
	case RBR_THR:
		write_thr(u, byte);
		break;
	case IER:
		write_ier(u, byte);
		break;
	case IIR_FCR:
		write_fcr(u, byte);
		break;
	case LCR:
		u->lcr = byte;
		break;
	case MCR:
		write_mcr(u, byte);
		break;
	case SCR:
		u->scr = byte;
		break;
	default: /* LSR and MSR can be written in the factory only */
		break;
	}
}

static const struct bus_ops uart_ops = { uart_read, uart_write, true };

void uart_init(struct uart *uart, struct irq_line irq, struct clock *clock,
	       void (*tx)(void *arg, u8 byte), void *arg)
{
	*uart = (struct uart){ .irq = irq, .clock = clock, .tx = tx, .tx_arg = arg };
	uart->divisor = CRYSTAL / 16 / 9600;
	timer_init(clock, &uart->timer, on_timeout, uart);
	uart_reset(uart);
}

int uart_attach(struct uart *uart, struct bus *pio, u16 base)
{
	return bus_add(pio, &(struct bus_region){ "16550A", base, UART_PORTS, 1, &uart_ops, uart });
}

void uart_reset(struct uart *uart)
{
	uart->ier = uart->fcr = uart->lcr = uart->mcr = 0;
	uart->msr = MSR_ALWAYS_HERE;
	uart->thre = uart->overrun = false;
	uart->head = uart->count = 0;
	restart_timeout(uart);
	update_irq(uart);
}

size_t uart_room(const struct uart *uart)
{
	return uart->mcr & MCR_LOOP ? 0 : depth(uart) - uart->count;
}

size_t uart_receive(struct uart *uart, const u8 *data, size_t len)
{
	size_t room = uart_room(uart);

	if (len > room)
		len = room;
	for (size_t i = 0; i < len; i++)
		push(uart, data[i], 0);
	if (len) {
		restart_timeout(uart);
		update_irq(uart);
	}
	return len;
}

void uart_break(struct uart *uart)
{
	if (!uart_room(uart))
		return;
	push(uart, 0, LSR_BI);
	restart_timeout(uart);
	update_irq(uart);
}
