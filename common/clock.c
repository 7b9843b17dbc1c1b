/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/vectors.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static u64 monotonic_ns(void)
{
	struct timespec ts;

	vectors_take();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

int clock_init(struct clock *clock, int signo)
{
	struct sigevent ev = { 0 };

	memset(clock, 0, sizeof(*clock));
	clock->origin = monotonic_ns();
	clock->armed = CLOCK_NEVER;
	clock->tsc_khz = host_tsc_khz();
	if (!signo)
		return 0;
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev.sigev_signo = signo;
	ev.sigev_notify_thread_id = (int)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &clock->host))
		return -errno;
	clock->host_timer = true;
	return 0;
}

void clock_init_manual(struct clock *clock)
{
	memset(clock, 0, sizeof(*clock));
	clock->manual = true;
	clock->armed = CLOCK_NEVER;
	clock->tsc_khz = 1000000;
}

void clock_fini(struct clock *clock)
{
	if (clock->host_timer)
		timer_delete(clock->host);
	clock->host_timer = false;
}

u64 clock_now(const struct clock *clock)
{
	return clock->manual ? clock->manual_now : monotonic_ns() - clock->origin;
}

void timer_init(struct clock *clock, struct timer *timer, void (*fn)(void *), void *opaque)
{
	assert(clock->nr < CLOCK_MAX_TIMERS);
	*timer = (struct timer){ .deadline = CLOCK_NEVER, .fn = fn, .opaque = opaque };
	clock->timer[clock->nr++] = timer;
}

/*
 * Set the host timer to DEADLINE. A later deadline leaves an earlier one armed: the early wake-up
 * finds nothing due and re-arms, which is rarer than guests that push a deadline on and on.
 */
static void clock_arm(struct clock *clock, u64 deadline)
{
	struct itimerspec its = { 0 };
	u64 abs;

	if (!clock->host_timer || deadline >= clock->armed)
		return;
	clock->armed = deadline;
	abs = clock->origin + deadline;
	its.it_value.tv_sec = (time_t)(abs / NSEC_PER_SEC);
	its.it_value.tv_nsec = (long)(abs % NSEC_PER_SEC);
	vectors_take();
	timer_settime(clock->host, TIMER_ABSTIME, &its, NULL);
}

void timer_set(struct clock *clock, struct timer *timer, u64 deadline)
{
	timer->deadline = deadline;
	clock_arm(clock, deadline);
}

static struct timer *clock_first(const struct clock *clock)
{
	struct timer *first = NULL;

	for (unsigned int i = 0; i < clock->nr; i++)
		if (clock->timer[i]->deadline != CLOCK_NEVER &&
		    (!first || clock->timer[i]->deadline < first->deadline))
			first = clock->timer[i];
	return first;
}

u64 clock_next(const struct clock *clock)
{
	struct timer *first = clock_first(clock);

	return first ? first->deadline : CLOCK_NEVER;
}

unsigned int clock_run(struct clock *clock)
{
	u64 now = clock_now(clock);
	unsigned int ran = 0;
	struct timer *t;

	if (clock->armed <= now)
		clock->armed = CLOCK_NEVER; /* the host timer has fired */
	/* `now` is read once: a timer that rearms itself in the past waits for the next call. */
	while ((t = clock_first(clock)) && t->deadline <= now && ran < 4 * CLOCK_MAX_TIMERS) {
		t->deadline = CLOCK_NEVER;
		t->fn(t->opaque);
		ran++;
	}
	clock_arm(clock, clock_next(clock));
	return ran;
}

void clock_advance(struct clock *clock, u64 ns)
{
	u64 end = clock->manual_now + ns;
	struct timer *t;

	assert(clock->manual);
	while ((t = clock_first(clock)) && t->deadline <= end) {
		if (t->deadline > clock->manual_now)
			clock->manual_now = t->deadline;
		t->deadline = CLOCK_NEVER;
		t->fn(t->opaque);
	}
	clock->manual_now = end;
}

u64 host_tsc(void)
{
	return __rdtsc();
}

u64 host_tsc_khz(void)
{
	static u64 khz; /* a constant of the machine, measured once */
	u64 t0, t1, c0, c1;

	if (khz)
		return khz;
	t0 = monotonic_ns();
	c0 = __rdtsc();
	do {
		t1 = monotonic_ns();
	} while (t1 - t0 < 2000000);
	c1 = __rdtsc();
	khz = mul_div(c1 - c0, 1000000, t1 - t0);
	return khz;
}

u64 mul_div(u64 a, u64 b, u64 c)
{
	u64 low, high, rest;

	/* By hand: the compiler's division of 128 bits may use vector registers. */
	__asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(a), "rm"(b) : "cc");
	if (high >= c)
		return ~0ull;
	__asm__("divq %4" : "=a"(low), "=d"(rest) : "0"(low), "1"(high), "rm"(c) : "cc");
	return low;
}
