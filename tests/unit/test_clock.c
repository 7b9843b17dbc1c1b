/* SPDX-License-Identifier: MIT */
#include "common/clock.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <unistd.h>

struct ticker {
	struct clock *clock;
	struct timer timer;
	u64 period, seen[4];
	unsigned int nr;
};

static void tick(void *opaque)
{
	struct ticker *t = opaque;

	t->seen[t->nr++ % 4] = clock_now(t->clock);
	if (t->period)
		timer_set(t->clock, &t->timer, clock_now(t->clock) + t->period);
}

static void test_manual(void)
{
	struct clock clock;
	struct ticker a = { .clock = &clock, .period = 100 }, b = { .clock = &clock };

	clock_init_manual(&clock);
	timer_init(&clock, &a.timer, tick, &a);
	timer_init(&clock, &b.timer, tick, &b);
	CU_ASSERT_EQUAL(clock_next(&clock), CLOCK_NEVER);
	timer_set(&clock, &a.timer, 100);
	timer_set(&clock, &b.timer, 250);
	clock_advance(&clock, 99);
	CU_ASSERT_EQUAL(a.nr, 0);
	clock_advance(&clock, 1);
	CU_ASSERT_EQUAL(a.nr, 1);
	CU_ASSERT_EQUAL(a.seen[0], 100);
	clock_advance(&clock, 200);
	CU_ASSERT_EQUAL(a.nr, 3);
	CU_ASSERT_EQUAL(b.nr, 1);
	CU_ASSERT_EQUAL(b.seen[0], 250);
	timer_set(&clock, &a.timer, CLOCK_NEVER);
	clock_advance(&clock, 1000);
	CU_ASSERT_EQUAL(a.nr, 3);
}

static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
	(void)signo;
	signals++;
}

static void test_host(void)
{
	struct clock clock;
	struct ticker a = { .clock = &clock };
	struct sigaction sa = { .sa_handler = on_signal }, old;
	u64 limit;

	sigaction(SIGUSR1, &sa, &old);
	CU_ASSERT_EQUAL_FATAL(clock_init(&clock, SIGUSR1), 0);
	timer_init(&clock, &a.timer, tick, &a);
	timer_set(&clock, &a.timer, clock_now(&clock) + 2000000);
	/* A later deadline of another kind must not delay it, nor the signal come before it. */
	limit = clock_now(&clock) + 5 * NSEC_PER_SEC;
	while (!signals && clock_now(&clock) < limit)
		pause();
	CU_ASSERT_EQUAL(clock_run(&clock), 1);
	CU_ASSERT_EQUAL(a.nr, 1);
	CU_ASSERT_TRUE(a.seen[0] >= 2000000);
	clock_fini(&clock);
	sigaction(SIGUSR1, &old, NULL);
}

static void test_units(void)
{
	CU_ASSERT_EQUAL(mul_div(1ull << 62, 8, 16), 1ull << 61);
	CU_ASSERT_EQUAL(mul_div(~0ull, 2, 1), ~0ull);
	CU_ASSERT_TRUE(host_tsc_khz() > 100000);
}

CU_TestInfo tests_clock[] = {
	{ "timers run in order at their deadlines", test_manual },
	{ "a host deadline arrives as a signal", test_host },
	{ "unit conversion does not overflow", test_units },
	CU_TEST_INFO_NULL,
};
