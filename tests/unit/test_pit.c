/* SPDX-License-Identifier: MIT */
#include "tests/unit/pit_rig.h"

static void test_reset(void)
{
	struct rig r;

	setup(&r);
	CU_ASSERT_EQUAL(r.calls, 0);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	CU_ASSERT_EQUAL(count16(&r, 0), 0);
	start(&r, 0, 4, 1000);
	CU_ASSERT_NOT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	pit_reset(&r.pit);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	CU_ASSERT_EQUAL(r.irq, 0);
	CU_ASSERT_EQUAL(in(&r, 0x43), 0xff);
	bus_fini(&r.pio);
}

static void test_mode0(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 0, 1000);
	CU_ASSERT_EQUAL(r.irq, 0);
	go_to(&r, 1000);
	CU_ASSERT_EQUAL(r.irq, 0);
	CU_ASSERT_EQUAL(count16(&r, 0), 1);
	go_to(&r, 1001); /* N + 1 pulses after the write */
	CU_ASSERT_EQUAL(r.irq, 1);
	CU_ASSERT_EQUAL(r.last, pulse(1001));
	CU_ASSERT_EQUAL(count16(&r, 0), 0);
	go_to(&r, 1004);
	CU_ASSERT_EQUAL(count16(&r, 0), 0xfffd); /* and on from the top */
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	/* A new count starts it again; the first byte alone stops it and lowers OUT. */
	out(&r, 0x40, 10);
	CU_ASSERT_EQUAL(r.irq, 0);
	go_to(&r, 2000);
	CU_ASSERT_EQUAL(r.rises, 1);
	out(&r, 0x40, 0);
	go_to(&r, 2010);
	CU_ASSERT_EQUAL(r.rises, 1);
	go_to(&r, 2011);
	CU_ASSERT_EQUAL(r.rises, 2);
	/* The first byte stops a count in full run. */
	out(&r, 0x40, 100);
	out(&r, 0x40, 0);
	go_to(&r, 2050);
	out(&r, 0x40, 100);
	go_to(&r, 3000);
	CU_ASSERT_EQUAL(r.rises, 2);
	bus_fini(&r.pio);
}

/* 65536 pulses a period for an hour: the last edge is where arithmetic says, to the nanosecond. */
static void test_mode2_exact(void)
{
	struct rig r;
	u64 n = 3600ull * PIT_HZ / 65536;

	setup(&r);
	start(&r, 0, 4, 0);
	CU_ASSERT_EQUAL(r.irq, 1); /* the control word raises OUT */
	r.rises = 0;
	clock_advance(&r.clock, 3600 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(r.rises, (int)n);
	CU_ASSERT_EQUAL(r.last, pulse(n * 65536 + 1));
	CU_ASSERT_EQUAL(r.irq, 1);
	bus_fini(&r.pio);
}

static void test_mode2_reload(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 4, 1000);
	r.rises = 0;
	go_to(&r, 1 + 300);
	CU_ASSERT_EQUAL(count16(&r, 0), 700);
	/* The running period ends as it began; the next one is the new one. */
	out(&r, 0x40, 2000 & 0xff);
	out(&r, 0x40, 2000 >> 8);
	CU_ASSERT_EQUAL(count16(&r, 0), 700);
	go_to(&r, 1 + 1000);
	CU_ASSERT_EQUAL(r.rises, 1);
	CU_ASSERT_EQUAL(count16(&r, 0), 2000);
	go_to(&r, 1 + 2999);
	CU_ASSERT_EQUAL(r.rises, 1);
	go_to(&r, 1 + 3000);
	CU_ASSERT_EQUAL(r.rises, 2);
	/* Two counts within one pulse: the first is in the counter, the second waits. */
	start(&r, 0, 4, 1000);
	out(&r, 0x40, 500 & 0xff);
	out(&r, 0x40, 500 >> 8);
	r.rises = 0;
	go_to(&r, 3001 + 1 + 999);
	CU_ASSERT_EQUAL(r.rises, 0);
	go_to(&r, 3001 + 1 + 1500);
	CU_ASSERT_EQUAL(r.rises, 2);
	bus_fini(&r.pio);
}

static void test_late_host(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 4, 1000);
	r.rises = 0;
	/* 10.5 periods pass and nobody runs the timers. */
	r.clock.manual_now = pulse(1 + 10500);
	clock_run(&r.clock);
	CU_ASSERT_EQUAL(r.rises, 1);
	/* The nine that are owed follow, an eighth of a period apart. */
	CU_ASSERT_EQUAL(clock_next(&r.clock), pulse(1 + 10500 + 125));
	go_to(&r, 1 + 10999);
	CU_ASSERT_EQUAL(r.rises, 4);
	go_to(&r, 1 + 13999);
	CU_ASSERT_EQUAL(r.rises, 13);
	CU_ASSERT_EQUAL(clock_next(&r.clock), pulse(1 + 14000));
	/* An access delivers what is due before it answers. */
	r.clock.manual_now = pulse(1 + 14001);
	CU_ASSERT_EQUAL(count16(&r, 0), 999);
	CU_ASSERT_EQUAL(r.rises, 14);
	/* Of a long stop a second's are owed. */
	r.clock.manual_now = 100 * NSEC_PER_SEC;
	clock_run(&r.clock);
	clock_advance(&r.clock, 3 * NSEC_PER_SEC);
	CU_ASSERT_TRUE(r.rises >= 15 + 1193 + 3 * 1193 && r.rises <= 17 + 1193 + 3 * 1194);
	/* A new mode owes nothing. */
	r.clock.manual_now += NSEC_PER_SEC;
	clock_run(&r.clock);
	start(&r, 0, 4, 1000);
	r.rises = 0;
	go_to(&r, (u64)r.pit.counter[0].start + 10500);
	CU_ASSERT_EQUAL(r.rises, 10);
	bus_fini(&r.pio);
}

static void test_no_storm(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 4, 2); /* 600 kHz */
	r.rises = 0;
	clock_advance(&r.clock, 1000 * PIT_MIN_GAP_NS);
	CU_ASSERT_TRUE(r.rises > 900);
	CU_ASSERT_TRUE(r.rises <= 1000);
	bus_fini(&r.pio);
}

static void test_mode3(void)
{
	struct rig r;

	setup(&r);
	out(&r, 0x61, 1);
	start(&r, 2, 6, 10);
	go_to(&r, 1);
	CU_ASSERT_TRUE(out2(&r));
	CU_ASSERT_EQUAL(count16(&r, 2), 10);
	go_to(&r, 1 + 4);
	CU_ASSERT_TRUE(out2(&r));
	CU_ASSERT_EQUAL(count16(&r, 2), 2);
	go_to(&r, 1 + 5);
	CU_ASSERT_FALSE(out2(&r));
	CU_ASSERT_EQUAL(count16(&r, 2), 10);
	go_to(&r, 1 + 10);
	CU_ASSERT_TRUE(out2(&r));
	/* An odd count: high for one pulse more, always even values. */
	start(&r, 2, 6, 7);
	go_to(&r, 11 + 1 + 3);
	CU_ASSERT_TRUE(out2(&r));
	CU_ASSERT_EQUAL(count16(&r, 2), 0);
	go_to(&r, 11 + 1 + 4);
	CU_ASSERT_FALSE(out2(&r));
	CU_ASSERT_EQUAL(count16(&r, 2), 6);
	go_to(&r, 11 + 1 + 7);
	CU_ASSERT_TRUE(out2(&r));
	bus_fini(&r.pio);
}

/* In mode 3 a new count waits only for the end of the half period. */
static void test_mode3_reload(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 6, 1000);
	r.rises = 0;
	go_to(&r, 1 + 200);
	out(&r, 0x40, 400 & 0xff);
	out(&r, 0x40, 400 >> 8);
	go_to(&r, 1 + 699);
	CU_ASSERT_EQUAL(r.rises, 0);
	go_to(&r, 1 + 700); /* low half of the new period */
	CU_ASSERT_EQUAL(r.rises, 1);
	go_to(&r, 1 + 950); /* in the low half: waits for the period's end */
	out(&r, 0x40, 1000 & 0xff);
	out(&r, 0x40, 1000 >> 8);
	go_to(&r, 1 + 1100);
	CU_ASSERT_EQUAL(r.rises, 2);
	go_to(&r, 1 + 2099);
	CU_ASSERT_EQUAL(r.rises, 2);
	go_to(&r, 1 + 2100);
	CU_ASSERT_EQUAL(r.rises, 3);
	bus_fini(&r.pio);
}

static void test_mode4(void)
{
	struct rig r;

	setup(&r);
	start(&r, 0, 8, 1000);
	r.rises = 0;
	go_to(&r, 1 + 1000); /* the strobe is low now, and rises a pulse later */
	CU_ASSERT_EQUAL(r.rises, 0);
	go_to(&r, 1 + 1001);
	CU_ASSERT_EQUAL(r.rises, 1);
	go_to(&r, 70000);
	CU_ASSERT_EQUAL(r.rises, 1);
	/* Seen on counter 2. */
	out(&r, 0x61, 1);
	start(&r, 2, 8, 5);
	go_to(&r, 70000 + 1 + 4);
	CU_ASSERT_TRUE(out2(&r));
	go_to(&r, 70000 + 1 + 5);
	CU_ASSERT_FALSE(out2(&r));
	go_to(&r, 70000 + 1 + 6);
	CU_ASSERT_TRUE(out2(&r));
	bus_fini(&r.pio);
}

static void test_triggered(void)
{
	struct rig r;

	setup(&r);
	start(&r, 2, 2, 10); /* mode 1: one-shot */
	go_to(&r, 5);
	CU_ASSERT_TRUE(out2(&r));
	go_to(&r, 100);
	CU_ASSERT_TRUE(out2(&r));
	out(&r, 0x43, 0xe8);
	CU_ASSERT_EQUAL(in(&r, 0x42), 0xf2); /* null count until the trigger */
	out(&r, 0x61, 1);
	go_to(&r, 101);
	out(&r, 0x43, 0xe8);
	CU_ASSERT_EQUAL(in(&r, 0x42), 0x32);
	CU_ASSERT_FALSE(out2(&r));
	go_to(&r, 100 + 1 + 9);
	CU_ASSERT_FALSE(out2(&r));
	go_to(&r, 100 + 1 + 10);
	CU_ASSERT_TRUE(out2(&r));
	/* A trigger in the middle starts it over; a low gate does not stop it. */
	out(&r, 0x61, 0);
	out(&r, 0x61, 1);
	go_to(&r, 116);
	out(&r, 0x61, 0);
	out(&r, 0x61, 1);
	go_to(&r, 116 + 1 + 9);
	CU_ASSERT_FALSE(out2(&r));
	out(&r, 0x61, 0);
	go_to(&r, 116 + 1 + 10);
	CU_ASSERT_TRUE(out2(&r));
	start(&r, 2, 10, 10); /* mode 5: strobe */
	go_to(&r, 200);
	CU_ASSERT_TRUE(out2(&r));
	out(&r, 0x61, 1);
	go_to(&r, 200 + 1 + 10);
	CU_ASSERT_FALSE(out2(&r));
	go_to(&r, 200 + 1 + 11);
	CU_ASSERT_TRUE(out2(&r));
	/* On counter 0 the gate never rises, and nothing happens. */
	start(&r, 0, 2, 10);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	bus_fini(&r.pio);
}

CU_TestInfo tests_pit[] = {
	{ "reset leaves the counters standing", test_reset },
	{ "mode 0: interrupt on terminal count", test_mode0 },
	{ "mode 2: an hour without drift", test_mode2_exact },
	{ "mode 2: a new count waits for the period", test_mode2_reload },
	{ "a late host gives what it owes, in step", test_late_host },
	{ "a tiny period is no storm", test_no_storm },
	{ "mode 3: square wave, even and odd", test_mode3 },
	{ "mode 3: a new count waits for the half period", test_mode3_reload },
	{ "mode 4: strobe", test_mode4 },
	{ "modes 1 and 5: triggered by gate 2", test_triggered },
	CU_TEST_INFO_NULL,
};
