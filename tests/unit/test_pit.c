/* SPDX-License-Identifier: MIT */
#include "common/dev/pit.h"

#include <CUnit/CUnit.h>

struct rig {
	struct bus pio;
	struct clock clock;
	struct pit pit;
	int irq, rises;
	u64 last; /* ns of the last rise */
};

static void on_irq(void *opaque, int pin, int level)
{
	struct rig *r = opaque;

	(void)pin;
	if (level && !r->irq) {
		r->rises++;
		r->last = clock_now(&r->clock);
	}
	r->irq = level;
}

static void setup(struct rig *r)
{
	r->irq = r->rises = 0;
	r->last = 0;
	clock_init_manual(&r->clock);
	bus_init_pio(&r->pio);
	pit_init(&r->pit, &r->clock, (struct irq_line){ on_irq, r, 0 });
	CU_ASSERT_EQUAL_FATAL(pit_attach(&r->pit, &r->pio), 0);
}

static void out(struct rig *r, u64 port, u64 v)
{
	bus_write(&r->pio, port, v, 1);
}

static unsigned int in(struct rig *r, u64 port)
{
	return (unsigned int)bus_read(&r->pio, port, 1);
}

/* The nanosecond in which pulse N falls: n / 1193182 s, rounded up. */
static u64 pulse(u64 n)
{
	return (n * NSEC_PER_SEC + PIT_HZ - 1) / PIT_HZ;
}

static void go_to(struct rig *r, u64 n)
{
	clock_advance(&r->clock, pulse(n) - clock_now(&r->clock));
}

/* Control word, then the count, low byte first. */
static void start(struct rig *r, unsigned int counter, u8 control, u16 count)
{
	out(r, 0x43, counter << 6 | 0x30 | control);
	out(r, 0x40 + counter, count & 0xff);
	out(r, 0x40 + counter, count >> 8);
}

static unsigned int count16(struct rig *r, unsigned int counter)
{
	unsigned int low = in(r, 0x40 + counter);

	return low | in(r, 0x40 + counter) << 8;
}

static bool out2(struct rig *r)
{
	return in(r, 0x61) & 0x20;
}

static void test_reset(void)
{
	struct rig r;

	setup(&r);
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
	CU_ASSERT_EQUAL(clock_next(&r.clock), pulse(1 + 11000));
	/* An access delivers what is due before it answers. */
	r.clock.manual_now = pulse(1 + 11001);
	CU_ASSERT_EQUAL(count16(&r, 0), 999);
	CU_ASSERT_EQUAL(r.rises, 2);
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
	go_to(&r, 100);
	CU_ASSERT_TRUE(out2(&r));
	out(&r, 0x61, 1);
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
	bus_fini(&r.pio);
}

CU_TestInfo tests_pit[] = {
	{ "reset leaves the counters standing", test_reset },
	{ "mode 0: interrupt on terminal count", test_mode0 },
	{ "mode 2: an hour without drift", test_mode2_exact },
	{ "mode 2: a new count waits for the period", test_mode2_reload },
	{ "a late host gives one interrupt, in step", test_late_host },
	{ "a tiny period is no storm", test_no_storm },
	{ "mode 3: square wave, even and odd", test_mode3 },
	{ "mode 3: a new count waits for the half period", test_mode3_reload },
	{ "mode 4: strobe", test_mode4 },
	{ "modes 1 and 5: triggered by gate 2", test_triggered },
	{ "gate 2 holds and restarts", test_gate },
	{ "port 61", test_port61 },
	{ "counter latch and byte order", test_latch },
	{ "read-back of count and status", test_read_back },
	{ "BCD", test_bcd },
	{ "a control word stops the counter", test_stop },
	CU_TEST_INFO_NULL,
};
