/* SPDX-License-Identifier: MIT */
#include "common/dev/pm.h"
#include "tests/unit/devtest.h"

#define STATUS	0x600
#define ENABLE	0x602
#define CONTROL 0x604
#define TIMER	0x608
#define GPE	0x620

static void setup(struct bench *b, struct pm *pm)
{
	bench_init(b);
	pm_init(pm, wire_line(b, PM_SCI), &b->clock, count_call, b);
	CU_ASSERT_EQUAL_FATAL(pm_attach(pm, &b->pio), 0);
}

static void test_timer(void)
{
	struct bench b;
	struct pm pm;

	setup(&b, &pm);
	CU_ASSERT_EQUAL(in32(&b, TIMER), 0);
	clock_advance(&b.clock, NSEC_PER_SEC);
	CU_ASSERT_EQUAL(in32(&b, TIMER), 3579545);
	clock_advance(&b.clock, 999 * NSEC_PER_SEC);
	CU_ASSERT_EQUAL(in32(&b, TIMER), 3579545000u);
	CU_ASSERT_EQUAL(in8(&b, TIMER + 3), 3579545000u >> 24);
	CU_ASSERT_EQUAL(in16(&b, TIMER + 1), (3579545000u >> 8 & 0xffff));
	out32(&b, TIMER, 0);
	clock_advance(&b.clock, 200 * NSEC_PER_SEC); /* wraps at 32 bits */
	CU_ASSERT_EQUAL(in32(&b, TIMER), (u32)(3579545ull * 1200));
	bench_fini(&b);
}

/* A million reads take longer than the 50 ms that memtest86+ wants to measure, also where nobody
 * comes in between. */
static void test_pace(void)
{
	u64 best = CLOCK_NEVER, start, took;
	struct bench b;
	struct pm pm;

	setup(&b, &pm);
	CU_ASSERT_EQUAL_FATAL(clock_init(&b.clock, 0), 0);
	for (unsigned int i = 0; i < 500; i++) {
		start = clock_now(&b.clock);
		for (unsigned int k = 0; k < 50; k++)
			in32(&b, TIMER);
		took = clock_now(&b.clock) - start;
		if (took < best)
			best = took;
	}
	CU_ASSERT(best * (1000000 / 50) > 50000000);
	bench_fini(&b);
}

static void test_overflow(void)
{
	struct bench b;
	struct pm pm;
	u64 half = mul_div(BIT64(31), NSEC_PER_SEC, 3579545) + 1;

	setup(&b, &pm);
	clock_advance(&b.clock, half - 10);
	CU_ASSERT_EQUAL(in16(&b, STATUS), 0);
	clock_advance(&b.clock, 10);
	CU_ASSERT_EQUAL(in16(&b, STATUS), 1);
	CU_ASSERT_EQUAL(b.wire.level, 0);
	/* Enabling it with the status set interrupts at once; writing one clears. */
	out16(&b, ENABLE, 1);
	CU_ASSERT_EQUAL(b.wire.level, 1);
	CU_ASSERT_EQUAL(b.wire.pin, 9);
	out16(&b, STATUS, 1);
	CU_ASSERT_EQUAL(b.wire.level, 0);
	CU_ASSERT_EQUAL(in16(&b, STATUS), 0);
	/* Enabled, it comes by itself. */
	clock_advance(&b.clock, half);
	CU_ASSERT_EQUAL(b.wire.level, 1);
	out8(&b, STATUS, 1);
	CU_ASSERT_EQUAL(b.wire.level, 0);
	pm_reset(&pm);
	CU_ASSERT_EQUAL(clock_next(&b.clock), CLOCK_NEVER);
	bench_fini(&b);
}

static void test_power_button(void)
{
	struct bench b;
	struct pm pm;

	setup(&b, &pm);
	pm_power_button(&pm);
	CU_ASSERT_EQUAL(in32(&b, STATUS), 0x0100);
	CU_ASSERT_EQUAL(b.wire.level, 0);
	out16(&b, ENABLE, 0x0100);
	CU_ASSERT_EQUAL(b.wire.level, 1);
	out8(&b, STATUS + 1, 0x00);
	CU_ASSERT_EQUAL(b.wire.level, 1);
	out8(&b, STATUS + 1, 0x01);
	CU_ASSERT_EQUAL(b.wire.level, 0);
	CU_ASSERT_EQUAL(in32(&b, STATUS), 0x01000000);
	bench_fini(&b);
}

static void test_sleep(void)
{
	struct bench b;
	struct pm pm;

	setup(&b, &pm);
	CU_ASSERT_EQUAL(in16(&b, CONTROL), 1); /* SCI_EN */
	out16(&b, CONTROL, 0);
	CU_ASSERT_EQUAL(in16(&b, CONTROL), 1);
	out16(&b, CONTROL, 5 << 10 | 1 << 13); /* not S5 */
	CU_ASSERT_EQUAL(b.calls, 0);
	CU_ASSERT_EQUAL(in16(&b, CONTROL), 5 << 10 | 1); /* SLP_EN reads as zero */
	out16(&b, CONTROL, 0x2000);
	CU_ASSERT_EQUAL(b.calls, 1);
	out8(&b, CONTROL + 1, 0x20);
	CU_ASSERT_EQUAL(b.calls, 2);
	bench_fini(&b);
}

static void test_gpe(void)
{
	struct bench b;
	struct pm pm;

	setup(&b, &pm);
	out32(&b, GPE, 0xffffffff);
	CU_ASSERT_EQUAL(in32(&b, GPE), 0);
	CU_ASSERT_EQUAL(in8(&b, GPE + 3), 0);
	bench_fini(&b);
}

CU_TestInfo tests_pm[] = {
	{ "timer counts at 3.579545 MHz", test_timer },
	{ "timer is not read faster than a real one can be", test_pace },
	{ "timer overflow status and SCI", test_overflow },
	{ "power button", test_power_button },
	{ "S5 powers off", test_sleep },
	{ "GPE block is empty", test_gpe },
	CU_TEST_INFO_NULL,
};
