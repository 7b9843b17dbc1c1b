/* SPDX-License-Identifier: MIT */
#include "tests/unit/lapic_rig.h"

static void test_one_shot(void)
{
	struct rig r;

	setup(&r);
	put(&r, LVTT, 0xec);
	put(&r, TDCR, 0xb); /* by 1 */
	put(&r, TMICT, 50000);
	clock_advance(&r.clock, 20000);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 30000);
	clock_advance(&r.clock, 29999);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(get(&r, TMCCT), 1);
	clock_advance(&r.clock, 1);
	CU_ASSERT_EQUAL(take(&r), 0xec);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 0);
	CU_ASSERT_EQUAL(get(&r, TMICT), 50000);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	/* Periodic now, but it had ended. */
	put(&r, LVTT, PERIODIC | 0xec);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 0);
	put(&r, TDCR, 0);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 0);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	put(&r, TMICT, 1000000);
	put(&r, TMICT, 0); /* stops */
	CU_ASSERT_EQUAL(get(&r, TMCCT), 0);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	bus_fini(&r.mmio);
}

static void test_divide(void)
{
	static const struct {
		u32 config, by;
	} divide[] = { { 0, 2 },  { 1, 4 },  { 2, 8 },	  { 3, 16 },
		       { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 } };
	struct rig r;

	setup(&r);
	put(&r, LVTT, 0xec);
	for (unsigned int i = 0; i < ARRAY_SIZE(divide); i++) {
		put(&r, TDCR, divide[i].config);
		CU_ASSERT_EQUAL(get(&r, TDCR), divide[i].config);
		put(&r, TMICT, 1000);
		CU_ASSERT_EQUAL(clock_next(&r.clock), clock_now(&r.clock) + 1000 * divide[i].by);
		clock_advance(&r.clock, 400 * divide[i].by);
		CU_ASSERT_EQUAL(get(&r, TMCCT), 600);
	}
	/* Changed while it runs: goes on from here at the new rate. */
	put(&r, TDCR, 3);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 600);
	CU_ASSERT_EQUAL(clock_next(&r.clock), clock_now(&r.clock) + 600 * 16);
	put(&r, TMICT, ~0u); /* the longest */
	put(&r, TDCR, 10);
	CU_ASSERT_EQUAL(clock_next(&r.clock), clock_now(&r.clock) + 0xffffffffull * 128);
	bus_fini(&r.mmio);
}

static void test_periodic(void)
{
	struct rig r;

	setup(&r);
	put(&r, TDCR, 0xb);
	put(&r, LVTT, PERIODIC | 0xec);
	put(&r, TMICT, 100000);
	for (int i = 0; i < 5; i++) {
		clock_advance(&r.clock, 100000);
		CU_ASSERT_EQUAL(take(&r), 0xec);
		CU_ASSERT_EQUAL(take(&r), -1);
	}
	/* Late: one interrupt, and the grid stays. */
	r.clock.manual_now += 350000;
	clock_run(&r.clock);
	CU_ASSERT_EQUAL(take(&r), 0xec);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 50000);
	CU_ASSERT_EQUAL(clock_next(&r.clock), 900000);
	/* To one-shot and back while it counts: the count goes on. */
	put(&r, LVTT, 0xec);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 50000);
	put(&r, LVTT, PERIODIC | 0xec);
	clock_advance(&r.clock, 60000);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 90000);
	/* Masked: it counts, unheard, and costs the host nothing. */
	CU_ASSERT_EQUAL(take(&r), 0xec);
	put(&r, LVTT, PERIODIC | MASK | 0xec);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	clock_advance(&r.clock, 250000);
	CU_ASSERT_EQUAL(get(&r, TMCCT), 40000);
	put(&r, LVTT, PERIODIC | 0xec);
	CU_ASSERT_EQUAL(take(&r), -1);
	CU_ASSERT_EQUAL(clock_next(&r.clock), clock_now(&r.clock) + 40000);
	bus_fini(&r.mmio);
}

static void test_no_storm(void)
{
	struct rig r;
	int taken = 0;

	setup(&r);
	put(&r, TDCR, 0xb);
	put(&r, LVTT, PERIODIC | 0xec);
	put(&r, TMICT, 7);
	for (int i = 0; i < 1000; i++) {
		u64 next = clock_next(&r.clock);

		CU_ASSERT_TRUE(next >= clock_now(&r.clock) + LAPIC_MIN_GAP_NS);
		CU_ASSERT_EQUAL(next % 7, 0);
		clock_advance(&r.clock, next - clock_now(&r.clock));
		taken += take(&r) == 0xec;
	}
	CU_ASSERT_EQUAL(taken, 1000);
	bus_fini(&r.mmio);
}

static void test_tsc_deadline(void)
{
	struct rig r;

	setup(&r);
	CU_ASSERT_EQUAL(wrmsr(&r, MSR_TSC_DEADLINE, 5), 0); /* not in this mode: ignored */
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	put(&r, TDCR, 0xb);
	put(&r, LVTT, 0xec);
	wrmsr(&r, MSR_TSC_DEADLINE, 2000000);
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	put(&r, TMICT, 1000);
	put(&r, LVTT, TSCDEADLINE | 0xec); /* ends the count */
	CU_ASSERT_EQUAL(get(&r, TMCCT), 0);
	put(&r, TMICT, 1000);
	CU_ASSERT_EQUAL(get(&r, TMICT), 0);
	wrmsr(&r, MSR_TSC_DEADLINE, 1000000 + 5000);
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 1005000);
	clock_advance(&r.clock, 4999);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	clock_advance(&r.clock, 2);
	CU_ASSERT_EQUAL(take(&r), 0xec);
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	/* Now, or in the past: at once. */
	wrmsr(&r, MSR_TSC_DEADLINE, on_tsc(&r));
	CU_ASSERT_EQUAL(take(&r), 0xec);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	wrmsr(&r, MSR_TSC_DEADLINE, 1);
	CU_ASSERT_EQUAL(take(&r), 0xec);
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	/* 0 disarms, and so does another mode. */
	wrmsr(&r, MSR_TSC_DEADLINE, 2000000);
	wrmsr(&r, MSR_TSC_DEADLINE, 0);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	wrmsr(&r, MSR_TSC_DEADLINE, ~0ull);
	CU_ASSERT_TRUE(clock_next(&r.clock) > BIT64(61));
	put(&r, LVTT, 0xec);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	bus_fini(&r.mmio);
}

/* The host's estimate of the TSC rate is off: never early, at most a little late. */
static void test_tsc_deadline_early(void)
{
	struct rig r;

	setup(&r);
	put(&r, LVTT, TSCDEADLINE | 0xec);
	wrmsr(&r, MSR_TSC_DEADLINE, 1000000 + 100000);
	r.tsc_late = 40;
	clock_advance(&r.clock, 100030);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 1100000);
	clock_advance(&r.clock, 20);
	CU_ASSERT_EQUAL(take(&r), 0xec);
	/* Masked: it passes unheard. */
	put(&r, LVTT, TSCDEADLINE | MASK | 0xec);
	wrmsr(&r, MSR_TSC_DEADLINE, 1200000);
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	clock_advance(&r.clock, 200000);
	put(&r, LVTT, TSCDEADLINE | 0xec);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	bus_fini(&r.mmio);
}

/* The host is late: whatever the guest touches, it finds the interrupt that was due. */
static void test_due_first(void)
{
	static const struct {
		u32 reg, value;
	} touch[] = { { TMICT, 5000 }, { TDCR, 3 }, { LVTT, MASK }, { SVR, 0xff } };
	struct rig r;

	for (unsigned int i = 0; i < ARRAY_SIZE(touch); i++) {
		setup(&r);
		put(&r, LVTT, 0xec);
		put(&r, TMICT, 1000);
		r.clock.manual_now = 3000;
		put(&r, touch[i].reg, touch[i].value);
		CU_ASSERT_EQUAL(get(&r, IRR + 0x70), BIT(0xc));
		bus_fini(&r.mmio);
	}
	setup(&r);
	put(&r, LVTT, 0xec);
	put(&r, TMICT, 1000);
	put(&r, SVR, 0xff); /* masks the entry: nothing to wake up for */
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	put(&r, SVR, 0x1ff);
	put(&r, LVTT, TSCDEADLINE | 0xec);
	wrmsr(&r, MSR_TSC_DEADLINE, 1005000);
	r.clock.manual_now = 6000;
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_TSC_DEADLINE), 0);
	CU_ASSERT_EQUAL(take(&r), 0xec);
	bus_fini(&r.mmio);
}

CU_TestInfo tests_lapic_timer[] = {
	{ "one-shot timer", test_one_shot },
	{ "timer divider", test_divide },
	{ "periodic timer", test_periodic },
	{ "a tiny period is no storm", test_no_storm },
	{ "TSC-deadline timer", test_tsc_deadline },
	{ "TSC-deadline timer with a wrong rate", test_tsc_deadline_early },
	{ "what is due comes before any change", test_due_first },
	CU_TEST_INFO_NULL,
};
