/* SPDX-License-Identifier: MIT */
#include "common/dev/rtc.h"
#include "tests/unit/devtest.h"

enum { A = 10, B, C, D };

/* 2024-02-28 23:59:58 UTC, a Wednesday before a leap day. */
#define LEAP_EVE 1709164798ll

struct fixture {
	struct bench b;
	struct rtc rtc;
};

static u8 get(struct fixture *f, u8 index)
{
	out8(&f->b, 0x70, index);
	return in8(&f->b, 0x71);
}

static void set(struct fixture *f, u8 index, u8 value)
{
	out8(&f->b, 0x70, index);
	out8(&f->b, 0x71, value);
}

static void setup(struct fixture *f, u64 below_4g, u64 above_4g)
{
	memset(f, 0, sizeof(*f));
	bench_init(&f->b);
	clock_advance(&f->b.clock, 123456789); /* the clock's seconds are not the wall's */
	rtc_init(&f->rtc, &f->b.clock, wire_line(&f->b, 8), below_4g, above_4g);
	CU_ASSERT_EQUAL_FATAL(rtc_attach(&f->rtc, &f->b.pio), 0);
	rtc_set_time(&f->rtc, LEAP_EVE, 0);
}

static void expect(struct fixture *f, const char *text)
{
	char now[32];

	snprintf(now, sizeof(now), "%02x%02x-%02x-%02x %02x:%02x:%02x %u", get(f, 0x32), get(f, 9),
		 get(f, 8), get(f, 7), get(f, 4), get(f, 2), get(f, 0), get(f, 6));
	CU_ASSERT_STRING_EQUAL(now, text);
}

static void test_calendar(void)
{
	struct fixture f;

	setup(&f, 16 * MiB, 0);
	expect(&f, "2024-02-28 23:59:58 4");
	clock_advance(&f.b.clock, NSEC_PER_SEC);
	expect(&f, "2024-02-28 23:59:59 4");
	clock_advance(&f.b.clock, NSEC_PER_SEC - 1);
	expect(&f, "2024-02-28 23:59:59 4");
	clock_advance(&f.b.clock, 1);
	expect(&f, "2024-02-29 00:00:00 5");
	rtc_set_time(&f.rtc, 951782399, 0);
	expect(&f, "2000-02-28 23:59:59 2");
	rtc_set_time(&f.rtc, 4107542400, 0);
	expect(&f, "2100-03-01 00:00:00 2"); /* 2100 has no leap day */
	rtc_set_time(&f.rtc, -1, 0);
	expect(&f, "1969-12-31 23:59:59 4");
	CU_ASSERT_EQUAL(get(&f, D), 0x80);
	bench_fini(&f.b);
}

static void test_host_time(void)
{
	struct fixture f;
	struct timespec now;
	s64 got;

	memset(&f, 0, sizeof(f));
	bench_init(&f.b);
	rtc_init(&f.rtc, &f.b.clock, wire_line(&f.b, 8), MiB, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	got = f.rtc.second + (s64)((f.rtc.phase + clock_now(&f.b.clock)) / NSEC_PER_SEC);
	CU_ASSERT_TRUE(got <= now.tv_sec && got >= now.tv_sec - 2);
	bench_fini(&f.b);
}

static void test_formats(void)
{
	static const struct {
		u8 b, hour0, hour12, hour23;
	} row[] = {
		{ 0x02, 0x00, 0x12, 0x23 }, /* BCD, 24 h */
		{ 0x06, 0, 12, 23 },
		{ 0x00, 0x12, 0x92, 0x91 }, /* BCD, 12 h: 12 AM, 12 PM, 11 PM */
		{ 0x04, 12, 0x80 | 12, 0x80 | 11 },
	};
	struct fixture f;

	setup(&f, MiB, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		set(&f, B, row[i].b);
		rtc_set_time(&f.rtc, 0, 0);
		CU_ASSERT_EQUAL(get(&f, 4), row[i].hour0);
		rtc_set_time(&f.rtc, 12 * 3600, 0);
		CU_ASSERT_EQUAL(get(&f, 4), row[i].hour12);
		rtc_set_time(&f.rtc, 23 * 3600 + 45 * 60, 0);
		CU_ASSERT_EQUAL(get(&f, 4), row[i].hour23);
		CU_ASSERT_EQUAL(get(&f, 2), row[i].b & 4 ? 45 : 0x45);
		/* What was read can be written. */
		set(&f, B, row[i].b | 0x80);
		set(&f, 4, row[i].hour23);
		set(&f, B, row[i].b);
		CU_ASSERT_EQUAL(get(&f, 4), row[i].hour23);
	}
	bench_fini(&f.b);
}

/* As Linux does it: SET, divider reset, registers, then both released. */
static void test_set_time(void)
{
	struct fixture f;

	setup(&f, MiB, 0);
	set(&f, B, 0x82);
	set(&f, A, 0x76);
	set(&f, 9, 0x31);
	set(&f, 0x32, 0x19);
	set(&f, 8, 0x12);
	set(&f, 7, 0x31);
	set(&f, 4, 0x23);
	set(&f, 2, 0x59);
	set(&f, 0, 0x58);
	clock_advance(&f.b.clock, 5 * NSEC_PER_SEC);
	expect(&f, "1931-12-31 23:59:58 4"); /* stands still; the weekday is the old one */
	set(&f, B, 0x02);
	set(&f, A, 0x26);
	/* The first update comes half a second later. */
	clock_advance(&f.b.clock, NSEC_PER_SEC / 2 - 1);
	expect(&f, "1931-12-31 23:59:58 5");
	clock_advance(&f.b.clock, 1);
	expect(&f, "1931-12-31 23:59:59 5");
	clock_advance(&f.b.clock, NSEC_PER_SEC);
	expect(&f, "1932-01-01 00:00:00 6");
	/* One register, without stopping the clock. */
	set(&f, 2, 0x30);
	expect(&f, "1932-01-01 00:30:00 6");
	/* The oldest date that fits. */
	set(&f, B, 0x82);
	set(&f, 0x32, 0);
	set(&f, 9, 0);
	set(&f, B, 0x02);
	expect(&f, "0000-01-01 00:30:00 7");
	set(&f, 9, 0x32);
	set(&f, 0x32, 0x19);
	/* SET alone holds the time but not the divider: the phase of the seconds stays. */
	clock_advance(&f.b.clock, 300 * MSEC);
	set(&f, B, 0x82);
	clock_advance(&f.b.clock, 10 * NSEC_PER_SEC);
	set(&f, B, 0x02);
	clock_advance(&f.b.clock, 700 * MSEC - 1);
	expect(&f, "1932-01-01 00:30:00 6");
	clock_advance(&f.b.clock, 1);
	expect(&f, "1932-01-01 00:30:01 6");
	bench_fini(&f.b);
}

static void test_uip(void)
{
	struct fixture f;

	setup(&f, MiB, 0);
	CU_ASSERT_EQUAL(get(&f, A), 0x26);
	clock_advance(&f.b.clock, NSEC_PER_SEC - 245 * USEC);
	CU_ASSERT_EQUAL(get(&f, A), 0x26);
	clock_advance(&f.b.clock, 1 * USEC);
	CU_ASSERT_EQUAL(get(&f, A), 0xa6);
	set(&f, B, 0x82);
	CU_ASSERT_EQUAL(get(&f, A), 0x26);
	set(&f, B, 0x02);
	clock_advance(&f.b.clock, 244 * USEC);
	CU_ASSERT_EQUAL(get(&f, A), 0x26);
	set(&f, A, 0xff);
	CU_ASSERT_EQUAL(get(&f, A), 0x7f);
	bench_fini(&f.b);
}

static void test_update_interrupt(void)
{
	struct fixture f;

	setup(&f, MiB, 0);
	/* The flag comes without the interrupt too. */
	CU_ASSERT_EQUAL(get(&f, C), 0);
	clock_advance(&f.b.clock, NSEC_PER_SEC);
	CU_ASSERT_EQUAL(get(&f, C) & 0x90, 0x10);
	CU_ASSERT_EQUAL(f.b.wire.edges, 0);
	set(&f, B, 0x12);
	clock_advance(&f.b.clock, NSEC_PER_SEC - 1);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	clock_advance(&f.b.clock, 1);
	CU_ASSERT_EQUAL(f.b.wire.level, 1);
	CU_ASSERT_EQUAL(f.b.wire.pin, 8);
	/* Asserted until C is read, however many updates pass. */
	clock_advance(&f.b.clock, 5 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(f.b.wire.edges, 1);
	CU_ASSERT_EQUAL(clock_next(&f.b.clock), CLOCK_NEVER);
	/* Disabling it lets the wire go and leaves the flag. */
	set(&f, B, 0x02);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	set(&f, B, 0x12);
	CU_ASSERT_EQUAL(f.b.wire.level, 1);
	CU_ASSERT_EQUAL(get(&f, C) & 0x90, 0x90);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	CU_ASSERT_EQUAL(get(&f, C), 0);
	clock_advance(&f.b.clock, NSEC_PER_SEC);
	CU_ASSERT_EQUAL(f.b.wire.edges, 3);
	/* SET turns it off, for good. */
	set(&f, B, 0x92);
	CU_ASSERT_EQUAL(get(&f, B), 0x82);
	rtc_reset(&f.rtc);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	bench_fini(&f.b);
}

static void test_periodic(void)
{
	static const struct {
		u8 rate;
		u64 hz;
	} row[] = { { 1, 256 }, { 2, 128 }, { 3, 8192 }, { 6, 1024 },
		    { 12, 16 }, { 13, 8 },  { 15, 2 } };
	struct fixture f;

	setup(&f, MiB, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		u64 ticks = 0;

		set(&f, B, 0x02);
		set(&f, A, 0x20 | row[i].rate);
		rtc_set_time(&f.rtc, 0, 0);
		get(&f, C);
		set(&f, B, 0x42);
		for (u64 t = 0; t < 32768; t++) {
			/* Exactly one second in 32768 steps. */
			u64 to = mul_div(t + 1, NSEC_PER_SEC, 32768) + 1;

			clock_advance(&f.b.clock, to - mul_div(t, NSEC_PER_SEC, 32768) - !!t);
			if (f.b.wire.level) {
				CU_ASSERT_EQUAL(get(&f, C) & 0xc0, 0xc0);
				ticks++;
			}
		}
		CU_ASSERT_EQUAL(ticks, row[i].hz);
	}
	/* Rate 0: none; divider in reset: none. */
	set(&f, A, 0x20);
	CU_ASSERT_EQUAL(clock_next(&f.b.clock), CLOCK_NEVER);
	set(&f, A, 0x76);
	CU_ASSERT_EQUAL(clock_next(&f.b.clock), CLOCK_NEVER);
	bench_fini(&f.b);
}

static void test_alarm(void)
{
	static const struct {
		u8 hour, min, sec;
		u64 after; /* seconds from 23:59:58; 0: never */
	} row[] = {
		{ 0x00, 0x00, 0x01, 3 },     { 0x23, 0x59, 0x59, 1 },
		{ 0xff, 0xff, 0xc0, 1 },     { 0xff, 0xff, 0x05, 7 },
		{ 0xff, 0x30, 0x00, 1802 },  { 0xff, 0x30, 0xff, 1802 },
		{ 0x12, 0x00, 0x00, 43202 }, { 0x23, 0x59, 0x58, 86400 },
		{ 0x00, 0x00, 0x77, 0 },
	};
	struct fixture f;

	setup(&f, MiB, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		set(&f, B, 0x02);
		get(&f, C);
		rtc_set_time(&f.rtc, LEAP_EVE, 0);
		set(&f, 5, row[i].hour);
		set(&f, 3, row[i].min);
		set(&f, 1, row[i].sec);
		set(&f, B, 0x22);
		if (!row[i].after) {
			clock_advance(&f.b.clock, 100000 * NSEC_PER_SEC);
			CU_ASSERT_EQUAL(f.b.wire.level, 0);
			continue;
		}
		clock_advance(&f.b.clock, row[i].after * NSEC_PER_SEC - 1);
		CU_ASSERT_EQUAL(f.b.wire.level, 0);
		clock_advance(&f.b.clock, 1);
		CU_ASSERT_EQUAL(f.b.wire.level, 1);
		CU_ASSERT_EQUAL(get(&f, C) & 0xa0, 0xa0);
	}
	bench_fini(&f.b);
}

static u64 cmos_size(struct fixture *f, u8 index, int bytes)
{
	u64 n = 0;

	while (bytes--)
		n = n << 8 | get(f, (u8)(index + bytes));
	return n;
}

static void test_memory_sizes(void)
{
	static const struct {
		u64 below, above, extended, high, over;
	} row[] = {
		{ 1 * MiB, 0, 0, 0, 0 },
		{ 8 * MiB, 0, 7168, 0, 0 },
		{ 64 * MiB, 0, 64512, 768, 0 },
		{ 128 * MiB, 0, 64512, 1792, 0 },
		{ 3 * GiB, 61 * GiB, 64512, 48896, 999424 },
	};
	struct fixture f;

	for (unsigned int i = 0; i < ARRAY_SIZE(row); i++) {
		setup(&f, row[i].below, row[i].above);
		CU_ASSERT_EQUAL(cmos_size(&f, 0x15, 2), 640);
		CU_ASSERT_EQUAL(cmos_size(&f, 0x17, 2), row[i].extended);
		CU_ASSERT_EQUAL(cmos_size(&f, 0x30, 2), row[i].extended);
		CU_ASSERT_EQUAL(cmos_size(&f, 0x34, 2), row[i].high);
		CU_ASSERT_EQUAL(cmos_size(&f, 0x5b, 3), row[i].over);
		bench_fini(&f.b);
	}
}

static void test_cmos(void)
{
	struct fixture f;

	setup(&f, MiB, 0);
	set(&f, 0x8f, 0x0a); /* shutdown code, with NMI off */
	CU_ASSERT_EQUAL(get(&f, 0x0f), 0x0a);
	set(&f, 0x7f, 0x5a);
	rtc_reset(&f.rtc);
	CU_ASSERT_EQUAL(get(&f, 0xff), 0x5a);
	set(&f, D, 0x00);
	CU_ASSERT_EQUAL(get(&f, D), 0x80);
	CU_ASSERT_EQUAL(in8(&f.b, 0x70), 0xff);
	bench_fini(&f.b);
}

CU_TestInfo tests_rtc[] = {
	{ "the calendar goes on by the clock", test_calendar },
	{ "starts with the host's time", test_host_time },
	{ "BCD and binary, 12 and 24 hours", test_formats },
	{ "setting the time", test_set_time },
	{ "UIP announces the update", test_uip },
	{ "update interrupt and register C", test_update_interrupt },
	{ "periodic interrupt rates", test_periodic },
	{ "alarms, with don't-care fields", test_alarm },
	{ "CMOS memory sizes", test_memory_sizes },
	{ "CMOS bytes, NMI bit, read-only registers", test_cmos },
	CU_TEST_INFO_NULL,
};
