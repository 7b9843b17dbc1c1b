/* SPDX-License-Identifier: MIT */
/*
 * 16550A UART (National PC16550D datasheet). Transmission takes no time: a byte written to THR is
 * handed to the sink at once and THR is empty again. Reception is as fast as the guest reads;
 * only the character time-out interrupt follows the programmed rate. vCPU thread only.
 */
#ifndef FVB_UART_H
#define FVB_UART_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/irq.h"
#include "common/types.h"

#define UART_PORTS 8
#define UART_FIFO  16

struct uart {
	struct irq_line irq;
	struct clock *clock;
	struct timer timer; /* character time-out */
	void (*tx)(void *arg, u8 byte);
	void *tx_arg;
	/* Optional; set after uart_init. Called when the receiver has run empty because the guest
	 * read or cleared it, or takes input again after loopback: call uart_receive from it. */
	void (*rx_ready)(void *arg);
	void *rx_ready_arg;

	u8 ier, fcr, lcr, mcr, msr, scr;
	u16 divisor;
	bool thre;    /* transmitter-empty interrupt is pending */
	bool overrun; /* LSR.OE */
	bool timeout; /* character time-out interrupt is pending */
	u8 head, count;
	struct {
		u8 byte, error; /* error: LSR bits that belong to this character */
	} rx[UART_FIFO];
};

/* Power-on state. IRQ is wired through MCR.OUT2 as on a PC. TX is called on every byte sent, on the
 * path of the port write: it should only buffer. */
void uart_init(struct uart *uart, struct irq_line irq, struct clock *clock,
	       void (*tx)(void *arg, u8 byte), void *arg);
/* Claim UART_PORTS ports at BASE. 0 or the negative errno of bus_add. */
int uart_attach(struct uart *uart, struct bus *pio, u16 base);
/* Master reset: registers as in the datasheet's table II; the divisor and scratch survive. */
void uart_reset(struct uart *uart);

/* Characters that uart_receive would take now: 0 to UART_FIFO; 0 in loopback. */
size_t uart_room(const struct uart *uart);
/* LEN characters arrive on the line; takes min(LEN, uart_room) and returns how many. */
size_t uart_receive(struct uart *uart, const u8 *data, size_t len);
/* A break arrives: one NUL with LSR.BI. Dropped when there is no room. */
void uart_break(struct uart *uart);

#endif
