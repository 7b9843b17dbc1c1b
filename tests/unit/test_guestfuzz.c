/* SPDX-License-Identifier: MIT */
/* A guest that hits every port of every device with noise must not get a device out of its bounds:
 * run under SAN=address,undefined this finds what the invariants below do not. */
#include "common/dev/debugport.h"
#include "common/dev/fwcfg.h"
#include "common/dev/i8042.h"
#include "common/dev/marker.h"
#include "common/dev/pm.h"
#include "common/dev/resetport.h"
#include "common/dev/rtc.h"
#include "common/dev/testdev.h"
#include "common/dev/uart.h"
#include "tests/unit/devtest.h"

#define STEPS 300000

static struct board {
	struct bench b;
	struct ram ram;
	struct uart uart;
	struct rtc rtc;
	struct i8042 i8042;
	struct pm pm;
	struct resetport resetport;
	struct debugport debugport;
	struct fwcfg fwcfg;
	struct testdev testdev;
	struct marker marker;
	bool bad_mark, bad_status;
} board;

static void sink(void *arg, u8 byte)
{
	(void)arg, (void)byte;
}

static void check_mark(void *arg, unsigned int i)
{
	((struct board *)arg)->bad_mark |= i > 1;
}

static void check_status(void *arg, int status)
{
	((struct board *)arg)->bad_status |= status < 0 || status > 255 || !(status & 1);
}

static void build(struct board *d)
{
	struct bench *b = &d->b;

	bench_init(b);
	CU_ASSERT_EQUAL_FATAL(ram_init(&d->ram, MiB, NULL), 0);
	uart_init(&d->uart, wire_line(b, 4), &b->clock, sink, NULL);
	rtc_init(&d->rtc, &b->clock, wire_line(b, 8), MiB, 0);
	i8042_init(&d->i8042, wire_line(b, 1), count_call, b);
	pm_init(&d->pm, wire_line(b, 9), &b->clock, count_call, b);
	resetport_init(&d->resetport, count_call, b);
	debugport_init(&d->debugport, sink, NULL, check_status, d);
	fwcfg_init(&d->fwcfg, &d->ram);
	testdev_init(&d->testdev, wire_line(b, 0));
	marker_init(&d->marker, check_mark, d);
	/* All on one bus: this is also the test that their ports do not overlap. */
	CU_ASSERT_EQUAL(uart_attach(&d->uart, &b->pio, 0x3f8), 0);
	CU_ASSERT_EQUAL(rtc_attach(&d->rtc, &b->pio), 0);
	CU_ASSERT_EQUAL(i8042_attach(&d->i8042, &b->pio), 0);
	CU_ASSERT_EQUAL(pm_attach(&d->pm, &b->pio), 0);
	CU_ASSERT_EQUAL(resetport_attach(&d->resetport, &b->pio), 0);
	CU_ASSERT_EQUAL(debugport_attach(&d->debugport, &b->pio), 0);
	CU_ASSERT_EQUAL(fwcfg_attach(&d->fwcfg, &b->pio), 0);
	CU_ASSERT_EQUAL(testdev_attach(&d->testdev, &b->pio, &b->mmio), 0);
	CU_ASSERT_EQUAL(marker_attach(&d->marker, &b->pio), 0);
}

static u64 noise(u64 *state)
{
	*state = *state * 6364136223846793005ull + 1442695040888963407ull;
	return *state >> 24;
}

static bool sane(const struct board *d)
{
	return d->uart.count <= UART_FIFO && d->uart.head < UART_FIFO &&
	       uart_room(&d->uart) <= UART_FIFO && d->i8042.count <= I8042_QUEUE &&
	       d->i8042.head < I8042_QUEUE && d->rtc.index < RTC_CMOS &&
	       d->rtc.phase < NSEC_PER_SEC && !d->bad_mark && !d->bad_status;
}

static void test_noise(void)
{
	static const struct {
		u16 base, len;
	} range[] = { { 0x3f8, 8 }, { 0x60, 8 },   { 0x70, 2 },	  { 0x80, 1 },	{ 0x92, 1 },
		      { 0xe0, 24 }, { 0x510, 16 }, { 0x600, 40 }, { 0xcf8, 8 }, { 0xfb0, 1 } };
	struct board *d = &board;
	u64 state = 42;
	unsigned int wrong = 0;

	memset(d, 0, sizeof(*d));
	build(d);
	for (int i = 0; i < STEPS; i++) {
		unsigned int r = noise(&state) % ARRAY_SIZE(range), size = 1u << noise(&state) % 3;
		u64 port = range[r].base + noise(&state) % range[r].len, value = noise(&state);
		u64 mem = TESTDEV_MEM + noise(&state) % TESTDEV_MEM_SIZE;

		/* Small values are commands and keys more often than large ones. */
		value = noise(&state) & 1 ? value & 0x1f : value;
		switch (noise(&state) % 8) {
		case 0:
			clock_advance(&d->b.clock, noise(&state) % (3 * NSEC_PER_SEC));
			break;
		case 1:
			uart_receive(&d->uart, (const u8 *)&value, noise(&state) % 8);
			uart_break(&d->uart);
			i8042_key(&d->i8042, (const u8 *)&value, noise(&state) % 8);
			break;
		case 2:
			bus_write(&d->b.mmio, mem, value, 8);
			bus_read(&d->b.mmio, mem, 8);
			break;
		case 3 ... 5:
			bus_write(&d->b.pio, port, value, size);
			break;
		default:
			bus_read(&d->b.pio, port, size);
			break;
		}
		wrong += !sane(d);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_TRUE(d->b.calls > 0); /* some of the noise did something */
	ram_fini(&d->ram);
	bench_fini(&d->b);
}

CU_TestInfo tests_guestfuzz[] = {
	{ "noise on every port", test_noise },
	CU_TEST_INFO_NULL,
};
