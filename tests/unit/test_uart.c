/* SPDX-License-Identifier: MIT */
#include "common/dev/uart.h"
#include "tests/unit/devtest.h"

#define BASE 0x3f8
enum { DATA = BASE, IER, IIR, LCR, MCR, LSR, MSR, SCR };
enum { FCR = IIR };

#define OUT2	0x08
#define LOOP	0x10
#define ALL_IRQ 0x0f

struct fixture {
	struct bench b;
	struct uart uart;
	char sent[64];
	unsigned int nr;
	const char *feed; /* what rx_ready gives the UART next */
};

static void record(void *arg, u8 byte)
{
	struct fixture *f = arg;

	f->sent[f->nr++ % sizeof(f->sent)] = (char)byte;
}

static void feed(void *arg)
{
	struct fixture *f = arg;

	f->feed += uart_receive(&f->uart, (const u8 *)f->feed, strlen(f->feed));
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	bench_init(&f->b);
	uart_init(&f->uart, wire_line(&f->b, 4), &f->b.clock, record, f);
	CU_ASSERT_EQUAL_FATAL(uart_attach(&f->uart, &f->b.pio, BASE), 0);
	/* 115200 8N1: a character takes 86.8 us. */
	out8(&f->b, LCR, 0x83);
	out8(&f->b, DATA, 1);
	out8(&f->b, IER, 0);
	out8(&f->b, LCR, 0x03);
	out8(&f->b, MCR, OUT2);
}

static void receive(struct fixture *f, const char *s)
{
	CU_ASSERT_EQUAL(uart_receive(&f->uart, (const u8 *)s, strlen(s)), strlen(s));
}

static void test_registers(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, SCR, 0xa5);
	CU_ASSERT_EQUAL(in8(b, SCR), 0xa5);
	out8(b, IER, 0xff);
	CU_ASSERT_EQUAL(in8(b, IER), 0x0f);
	out8(b, LCR, 0x9b);
	out8(b, DATA, 0x34);
	out8(b, IER, 0x12);
	CU_ASSERT_EQUAL(in8(b, DATA), 0x34);
	CU_ASSERT_EQUAL(in8(b, IER), 0x12);
	CU_ASSERT_EQUAL(f.uart.divisor, 0x1234);
	out8(b, LCR, 0x1b);
	CU_ASSERT_EQUAL(in8(b, LCR), 0x1b);
	CU_ASSERT_EQUAL(in8(b, IER), 0x0f);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	CU_ASSERT_EQUAL(in8(b, MSR), 0xb0);
	out8(b, LSR, 0xff);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	uart_reset(&f.uart);
	CU_ASSERT_EQUAL(in8(b, IER), 0);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	CU_ASSERT_EQUAL(in8(b, LCR), 0);
	CU_ASSERT_EQUAL(in8(b, MCR), 0);
	CU_ASSERT_EQUAL(in8(b, SCR), 0xa5);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	bench_fini(b);
}

static void test_transmit(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	bus_write_rep(&b->pio, DATA, "hello", 1, 5);
	CU_ASSERT_EQUAL(f.nr, 5);
	CU_ASSERT_NSTRING_EQUAL(f.sent, "hello", 5);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	bench_fini(b);
}

/* What Linux's 8250 driver needs of the transmitter interrupt. */
static void test_thre(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	/* Enabling it with THR empty raises it, reading IIR acknowledges it. */
	out8(b, IER, 0x02);
	CU_ASSERT_EQUAL(b->wire.level, 1);
	CU_ASSERT_EQUAL(b->wire.pin, 4);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x02);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	/* Off and on again raises it again; writing IER without a change does not. */
	out8(b, IER, 0x00);
	out8(b, IER, 0x02);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x02);
	out8(b, IER, 0x02);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	/* Each character gives an edge, even if the handler does not look at IIR. */
	b->wire.edges = 0;
	out8(b, DATA, 'a');
	out8(b, DATA, 'b');
	CU_ASSERT_EQUAL(b->wire.edges, 2);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x02);
	/* Reading IIR while something more urgent is reported does not acknowledge it. */
	out8(b, DATA, 'c');
	out8(b, IER, 0x03);
	receive(&f, "x");
	CU_ASSERT_EQUAL(in8(b, IIR), 0x04);
	CU_ASSERT_EQUAL(in8(b, DATA), 'x');
	CU_ASSERT_EQUAL(in8(b, IIR), 0x02);
	bench_fini(b);
}

static void test_out2(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, MCR, 0);
	out8(b, IER, 0x02);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	out8(b, MCR, OUT2);
	CU_ASSERT_EQUAL(b->wire.level, 1);
	bench_fini(b);
}

static void test_holding_register(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, IER, 0x01);
	CU_ASSERT_EQUAL(uart_room(&f.uart), 1);
	CU_ASSERT_EQUAL(uart_receive(&f.uart, (const u8 *)"ab", 2), 1);
	CU_ASSERT_EQUAL(uart_room(&f.uart), 0);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x61);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x04);
	CU_ASSERT_EQUAL(in8(b, DATA), 'a');
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	bench_fini(b);
}

static void test_fifo(void)
{
	static const struct {
		u8 fcr;
		unsigned int trigger;
	} row[] = { { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 } };
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, IER, 0x01);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		out8(b, FCR, row[i].fcr | 0x02);
		CU_ASSERT_EQUAL(in8(b, IIR), 0xc1);
		CU_ASSERT_EQUAL(uart_room(&f.uart), 16);
		for (unsigned int n = 1; n < row[i].trigger; n++) {
			receive(&f, "x");
			CU_ASSERT_EQUAL(b->wire.level, 0);
		}
		receive(&f, "y");
		CU_ASSERT_EQUAL(b->wire.level, 1);
		CU_ASSERT_EQUAL(in8(b, IIR), 0xc4);
		in8(b, DATA);
		CU_ASSERT_EQUAL(b->wire.level, 0);
	}
	/* Turning the FIFO off empties it; bits besides bit 0 do not count without bit 0. */
	out8(b, FCR, 0xc0);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	CU_ASSERT_EQUAL(f.uart.fcr, 0);
	bench_fini(b);
}

static void test_timeout(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, FCR, 0xc1);
	out8(b, IER, 0x01);
	receive(&f, "abc");
	clock_advance(&b->clock, 347 * USEC);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	clock_advance(&b->clock, 1 * USEC);
	CU_ASSERT_EQUAL(b->wire.level, 1);
	CU_ASSERT_EQUAL(in8(b, IIR), 0xcc);
	/* A read clears it and starts the wait again. */
	CU_ASSERT_EQUAL(in8(b, DATA), 'a');
	CU_ASSERT_EQUAL(b->wire.level, 0);
	clock_advance(&b->clock, 300 * USEC);
	receive(&f, "d"); /* so does a new character */
	clock_advance(&b->clock, 300 * USEC);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	out8(b, IER, 0x09); /* another interrupt's switch does not put it off */
	clock_advance(&b->clock, 50 * USEC);
	CU_ASSERT_EQUAL(in8(b, IIR), 0xcc);
	/* An empty FIFO does not time out. */
	for (int i = 0; i < 3; i++)
		in8(b, DATA);
	CU_ASSERT_EQUAL(clock_next(&b->clock), CLOCK_NEVER);
	CU_ASSERT_EQUAL(in8(b, IIR), 0xc1);
	bench_fini(b);
}

static void test_refill(void)
{
	struct fixture f;
	struct bench *b = &f.b;
	char got[41] = "";

	setup(&f);
	f.feed = "0123456789abcdefghijklmnopqrstuvwxyzABCD";
	f.uart.rx_ready = feed;
	f.uart.rx_ready_arg = &f;
	out8(b, FCR, 0xc1);
	CU_ASSERT_EQUAL(strlen(f.feed), 24);
	for (int i = 0; i < 40 && in8(b, LSR) & 1; i++)
		got[i] = (char)in8(b, DATA);
	CU_ASSERT_STRING_EQUAL(got, "0123456789abcdefghijklmnopqrstuvwxyzABCD");
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	bench_fini(b);
}

static void test_line_errors(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, FCR, 0x01);
	out8(b, IER, 0x05);
	receive(&f, "a");
	uart_break(&f.uart);
	/* The break is behind 'a': not in LSR's low bits yet, but announced in bit 7. */
	CU_ASSERT_EQUAL(in8(b, LSR), 0xe1);
	CU_ASSERT_EQUAL(in8(b, DATA), 'a');
	CU_ASSERT_EQUAL(in8(b, IIR), 0xc6);
	CU_ASSERT_EQUAL(in8(b, LSR), 0xf1);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x61);
	CU_ASSERT_EQUAL(in8(b, IIR), 0xc4);
	CU_ASSERT_EQUAL(in8(b, DATA), 0);
	bench_fini(b);
}

static void test_loopback(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, MCR, LOOP | 0x0a); /* Linux: RTS and OUT2 must come back as CTS and DCD */
	CU_ASSERT_EQUAL(in8(b, MSR) & 0xf0, 0x90);
	out8(b, MCR, LOOP | 0x05);
	CU_ASSERT_EQUAL(in8(b, MSR), 0x60 | 0x0b); /* CTS, DSR, DCD changed; RI only rose */
	CU_ASSERT_EQUAL(in8(b, MSR), 0x60);
	out8(b, MCR, LOOP | 0x01);
	CU_ASSERT_EQUAL(in8(b, MSR), 0x20 | 0x04); /* RI fell */
	/* What is sent is received, the line is deaf and dumb. */
	out8(b, DATA, 0xae);
	CU_ASSERT_EQUAL(f.nr, 0);
	CU_ASSERT_EQUAL(uart_room(&f.uart), 0);
	CU_ASSERT_EQUAL(uart_receive(&f.uart, (const u8 *)"x", 1), 0);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x61);
	CU_ASSERT_EQUAL(in8(b, DATA), 0xae);
	/* One too many is an overrun; without the FIFO the later one stays. */
	out8(b, DATA, 'p');
	out8(b, DATA, 'q');
	CU_ASSERT_EQUAL(in8(b, LSR), 0x63);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x61);
	CU_ASSERT_EQUAL(in8(b, DATA), 'q');
	out8(b, FCR, 0x01);
	for (int i = 0; i < 17; i++)
		out8(b, DATA, (u8)i);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x63);
	for (int i = 0; i < 16; i++)
		CU_ASSERT_EQUAL(in8(b, DATA), i);
	CU_ASSERT_EQUAL(in8(b, LSR), 0x60);
	bench_fini(b);
}

static void test_modem_interrupt(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, IER, 0x08);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	out8(b, MCR, LOOP | OUT2); /* DSR and CTS fall */
	CU_ASSERT_EQUAL(b->wire.level, 1);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x00);
	CU_ASSERT_EQUAL(in8(b, MSR), 0x80 | 0x03);
	CU_ASSERT_EQUAL(b->wire.level, 0);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	bench_fini(b);
}

static void test_priority(void)
{
	struct fixture f;
	struct bench *b = &f.b;

	setup(&f);
	out8(b, IER, ALL_IRQ);
	out8(b, MCR, LOOP | OUT2);
	out8(b, DATA, 1);
	out8(b, DATA, 2);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x06);
	in8(b, LSR);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x04);
	in8(b, DATA);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x02);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x00);
	in8(b, MSR);
	CU_ASSERT_EQUAL(in8(b, IIR), 0x01);
	bench_fini(b);
}

CU_TestInfo tests_uart[] = {
	{ "registers, divisor and reset", test_registers },
	{ "bytes written are sent at once", test_transmit },
	{ "transmitter interrupt as Linux needs it", test_thre },
	{ "OUT2 gates the interrupt", test_out2 },
	{ "without FIFO one character is held", test_holding_register },
	{ "FIFO trigger levels and clearing", test_fifo },
	{ "character time-out", test_timeout },
	{ "a drained receiver asks for more", test_refill },
	{ "break and error bits go with their character", test_line_errors },
	{ "loopback of data and modem lines, overrun", test_loopback },
	{ "modem status interrupt", test_modem_interrupt },
	{ "interrupt priority", test_priority },
	CU_TEST_INFO_NULL,
};
