/* SPDX-License-Identifier: MIT */
#include "tests/unit/pit_rig.h"

/* What Linux does to calibrate: gate on, mode 0, watch OUT 2 or the count. */
static void test_gate(void)
{
	struct rig r;

	setup(&r);
	start(&r, 2, 0, 1000);
	go_to(&r, 5000);
	CU_ASSERT_EQUAL(count16(&r, 2), 1000); /* loaded, but the gate is low */
	CU_ASSERT_FALSE(out2(&r));
	out(&r, 0x61, 1);
	go_to(&r, 5400);
	CU_ASSERT_EQUAL(count16(&r, 2), 600);
	out(&r, 0x61, 0);
	go_to(&r, 9000);
	CU_ASSERT_EQUAL(count16(&r, 2), 600);
	out(&r, 0x61, 3);
	go_to(&r, 9599);
	CU_ASSERT_FALSE(out2(&r));
	go_to(&r, 9600);
	CU_ASSERT_TRUE(out2(&r));
	/* Periodic modes: low gate means OUT high, a rising gate a fresh period. */
	start(&r, 2, 4, 100);
	go_to(&r, 9600 + 1 + 99);
	CU_ASSERT_FALSE(out2(&r));
	out(&r, 0x61, 0);
	CU_ASSERT_TRUE(out2(&r));
	go_to(&r, 10000);
	out(&r, 0x61, 1);
	go_to(&r, 10000 + 1 + 30);
	CU_ASSERT_EQUAL(count16(&r, 2), 70);
	bus_fini(&r.pio);
}

static void test_port61(void)
{
	struct rig r;
	int toggles = 0;
	unsigned int last;

	setup(&r);
	out(&r, 0x61, 0xff);
	CU_ASSERT_EQUAL(in(&r, 0x61) & 0xcf, 0x0f);
	out(&r, 0x61, 0);
	CU_ASSERT_EQUAL(in(&r, 0x61) & 0xcf, 0x00);
	last = in(&r, 0x61) & 0x10;
	for (int i = 0; i < 1000; i++) {
		clock_advance(&r.clock, 1000);
		toggles += (in(&r, 0x61) & 0x10) != last;
		last = in(&r, 0x61) & 0x10;
	}
	CU_ASSERT_EQUAL(toggles, 66); /* 1 ms / 15.085 us */
	bus_fini(&r.pio);
}

static void test_latch(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 4, 50000);
	go_to(&r, 1 + 1000);
	out(&r, 0x43, 0x00);
	go_to(&r, 1 + 2000);
	out(&r, 0x43, 0x00); /* a second latch before the read is ignored */
	CU_ASSERT_EQUAL(count16(&r, 0), 49000);
	CU_ASSERT_EQUAL(count16(&r, 0), 48000);
	/* Low or high byte alone. */
	out(&r, 0x43, 0x14);
	out(&r, 0x40, 200);
	go_to(&r, 2001 + 1 + 50);
	CU_ASSERT_EQUAL(in(&r, 0x40), 150);
	CU_ASSERT_EQUAL(in(&r, 0x40), 150);
	out(&r, 0x43, 0x24);
	out(&r, 0x40, 0x80);
	go_to(&r, 2052 + 1 + 1);
	CU_ASSERT_EQUAL(in(&r, 0x40), 0x7f);
	out(&r, 0x43, 0x00);
	CU_ASSERT_EQUAL(in(&r, 0x40), 0x7f);
	bus_fini(&r.pio);
}

static void test_read_back(void)
{
	struct rig r;

	setup(&r);
	out(&r, 0x43, 0x34);
	out(&r, 0x43, 0xe2); /* status of counter 0: OUT high, null count, rw 3, mode 2 */
	CU_ASSERT_EQUAL(in(&r, 0x40), 0xf4);
	out(&r, 0x40, 0x10);
	out(&r, 0x40, 0x27); /* 10000 */
	start(&r, 2, 0, 500);
	out(&r, 0x43, 0xe2);
	CU_ASSERT_EQUAL(in(&r, 0x40), 0xf4); /* the next pulse will load it */
	go_to(&r, 101);
	out(&r, 0x43, 0xca); /* count and status of 0 and 2 */
	CU_ASSERT_EQUAL(in(&r, 0x40), 0xb4);
	CU_ASSERT_EQUAL(count16(&r, 0), 9900);
	CU_ASSERT_EQUAL(in(&r, 0x42), 0x30);
	CU_ASSERT_EQUAL(count16(&r, 2), 500);
	/* A count that waits for the period's end is a null count. */
	out(&r, 0x40, 0);
	out(&r, 0x40, 1);
	out(&r, 0x43, 0xe2);
	CU_ASSERT_EQUAL(in(&r, 0x40), 0xf4);
	go_to(&r, 10001);
	out(&r, 0x43, 0xe2);
	CU_ASSERT_EQUAL(in(&r, 0x40), 0xb4);
	/* Count alone, twice read: latched, then live. */
	out(&r, 0x43, 0xd2);
	go_to(&r, 10011);
	CU_ASSERT_EQUAL(count16(&r, 0), 256);
	CU_ASSERT_EQUAL(count16(&r, 0), 246);
	bus_fini(&r.pio);
}

static void test_bcd(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 5, 0x1234); /* mode 2, BCD: 1234 pulses */
	r.rises = 0;
	go_to(&r, 1 + 34);
	CU_ASSERT_EQUAL(count16(&r, 0), 0x1200);
	go_to(&r, 1 + 1234);
	CU_ASSERT_EQUAL(r.rises, 1);
	start(&r, 0, 1, 0); /* mode 0: 0 is 10000 */
	r.rises = 0;
	go_to(&r, 1235 + 1);
	CU_ASSERT_EQUAL(count16(&r, 0), 0x0000);
	go_to(&r, 1235 + 2);
	CU_ASSERT_EQUAL(count16(&r, 0), 0x9999);
	go_to(&r, 1235 + 1 + 9999);
	CU_ASSERT_EQUAL(r.rises, 0);
	go_to(&r, 1235 + 1 + 10000);
	CU_ASSERT_EQUAL(r.rises, 1);
	bus_fini(&r.pio);
}

static void test_stop(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 6, 1000);
	go_to(&r, 5000);
	/* A control word alone stops the counter: how kernels switch the timer off. */
	out(&r, 0x43, 0x30);
	r.rises = 0;
	CU_ASSERT_EQUAL(r.irq, 0);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	go_to(&r, 100000);
	CU_ASSERT_EQUAL(r.rises, 0);
	/* Modes 6 and 7 are 2 and 3. */
	out(&r, 0x43, 0x3e);
	out(&r, 0x43, 0xe2);
	CU_ASSERT_EQUAL(in(&r, 0x40) & 0x0e, 0x06);
	/* Other counters leave IRQ 0 alone. */
	CU_ASSERT_EQUAL(r.irq, 1);
	start(&r, 2, 0, 100);
	CU_ASSERT_EQUAL(r.irq, 1);
	bus_fini(&r.pio);
}

/* No timer watches counter 2: its new count takes effect when somebody looks. */
static void test_counter2_reload(void)
{
	struct rig r;

	setup(&r);
	out(&r, 0x61, 1);
	start(&r, 2, 4, 100);
	go_to(&r, 1 + 50);
	out(&r, 0x42, 40);
	out(&r, 0x42, 0);
	go_to(&r, 1 + 100 + 40 + 39);
	CU_ASSERT_FALSE(out2(&r));
	go_to(&r, 1 + 100 + 80 + 10);
	CU_ASSERT_EQUAL(count16(&r, 2), 30);
	out(&r, 0x42, 100);
	out(&r, 0x42, 0);
	go_to(&r, 1 + 100 + 120 + 25);
	CU_ASSERT_EQUAL(count16(&r, 2), 75);
	bus_fini(&r.pio);
}

CU_TestInfo tests_pit_ports[] = {
	{ "gate 2 holds and restarts", test_gate },
	{ "port 61", test_port61 },
	{ "counter latch and byte order", test_latch },
	{ "read-back of count and status", test_read_back },
	{ "BCD", test_bcd },
	{ "a control word stops the counter", test_stop },
	{ "counter 2 takes a new count unwatched", test_counter2_reload },
	CU_TEST_INFO_NULL,
};
