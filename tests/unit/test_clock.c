/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/vectors.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <time.h>
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

static u64 monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* Ask for MS; how often others were looked at, in all answers. Each is right to 50 us, or so late
 * that something came in between. */
static unsigned int ask(struct clock *clock, u64 ms, unsigned int *answers)
{
	u64 end = monotonic() + ms * 1000000, before, now, after = 0, last = 0, look = 0;
	unsigned int looks = 0;

	for (*answers = 0; after < end; ++*answers, last = now) {
		before = monotonic();
		now = clock_now(clock);
		after = monotonic();
		CU_ASSERT_FATAL(now >= last);
		CU_ASSERT_FATAL(clock->origin + now + 50000 > before);
		CU_ASSERT_FATAL(clock->origin + now < after + 50000);
		looks += clock->latest.tsc != look;
		look = clock->latest.tsc;
	}
	return looks;
}

static void test_tsc(void)
{
	unsigned int looks, answers;
	struct clock clock;

	CU_ASSERT_EQUAL_FATAL(clock_init(&clock, 0), 0);
	ask(&clock, 5, &answers);
	looks = ask(&clock, 40, &answers);
	if (clock.tsc)
		CU_ASSERT(looks <= 40 && looks < answers / 10);
	/* A rate that is wrong is found out, soon enough that the time stays nearly right. */
	clock.rate += clock.rate / 200;
	ask(&clock, 20, &answers);
	if (clock.tsc)
		CU_ASSERT(mul_div(1ull << 32, 1000000, clock.rate) < host_tsc_khz() * 1001 / 1000);
	clock_fini(&clock);
}

/* Somebody else runs, the first N times that the host's clock is about to be read. */
static void wait_first(void *left)
{
	unsigned int *n = left;

	if (*n && (*n)--)
		usleep(20000);
}

/* What is read of the TSC and the host's clock belongs together, whatever comes in between. */
static void test_look(void)
{
	u64 khz = host_tsc_khz();

	for (unsigned int waits = 0; waits <= 3; waits++) {
		struct clock_look first = host_look(), second;
		unsigned int left = waits;
		u64 ns;

		vectors_lend(wait_first, &left);
		second = host_look();
		vectors_lend(NULL, NULL);
		CU_ASSERT_EQUAL(left, 0);
		ns = mul_div(second.tsc - first.tsc, 1000000, khz);
		CU_ASSERT(ns + 1000000 > second.ns - first.ns);
		CU_ASSERT(ns < second.ns - first.ns + 1000000);
	}
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
	{ "between looks at the host's clock the TSC tells the time", test_tsc },
	{ "the two clocks of the host are read at the same time", test_look },
	{ "unit conversion does not overflow", test_units },
	CU_TEST_INFO_NULL,
};
