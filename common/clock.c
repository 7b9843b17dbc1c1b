/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/vectors.h"

#include <assert.h>
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* It takes so long to measure a rate to one in ten thousand, or RATE_TRUST at worst. */
#define RATE_NS	   2000000
#define RATE_TRUST 1000
/* Answers by the TSC rest on a look no older than that, which took less than so many ticks. */
#define LOOK_NS	   4000000ull
#define LOOK_TICKS 2000
#define LOOK_TRIES 16

static u64 monotonic_ns(void)
{
	struct timespec ts;

	vectors_take();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* Ticks at a constant rate, and does not stop in sleep: CPUID.80000007h:EDX[8]. */
static bool tsc_is_clock(void)
{
	u32 a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && d & BIT(8);
}

struct clock_look host_look(void)
{
	struct clock_look best = { 0 };
	u64 took = CLOCK_NEVER;

	for (unsigned int i = 0; i < LOOK_TRIES && took >= LOOK_TICKS; i++) {
		u64 before = __rdtsc(), ns = monotonic_ns(), ticks = __rdtsc() - before;

		if (ticks < took) {
			best = (struct clock_look){ .tsc = before, .ns = ns };
			took = ticks;
		}
	}
	return best;
}

/* Where the measurement of the TSC's frequency begins. */
static struct clock_look measured;

static void begin_measuring(void)
{
	if (!measured.ns)
		measured = host_look();
}

int clock_init(struct clock *clock, int signo)
{
	struct sigevent ev = { 0 };

	memset(clock, 0, sizeof(*clock));
	begin_measuring();
	clock->first = host_look();
	clock->origin = clock->first.ns;
	clock->first.ns = 0;
	clock->tsc = tsc_is_clock();
	clock->armed = CLOCK_NEVER;
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
}

void clock_fini(struct clock *clock)
{
	if (clock->host_timer)
		timer_delete(clock->host);
	clock->host_timer = false;
}

/* The rate since the first look. One that another one contradicts may be wrong, or that one is: the
 * host was stopped, or time was set. It is measured again from here on. */
static void measure_rate(struct clock *clock)
{
	u64 ticks = clock->latest.tsc - clock->first.tsc, ns = clock->latest.ns - clock->first.ns;
	u64 rate, old = clock->rate;

	if (ns < RATE_NS)
		return;
	rate = mul_div(ns, BIT64(32), ticks);
	if (old && (rate > old + old / RATE_TRUST || rate < old - old / RATE_TRUST)) {
		clock->first = clock->latest;
		rate = 0;
	}
	clock->rate = rate;
}

static u64 tell(struct clock *clock, u64 now)
{
	if (now > clock->told)
		clock->told = now;
	return clock->told;
}

static u64 look(struct clock *clock)
{
	u64 before, now, after;

	vectors_take();
	before = __rdtsc();
	now = monotonic_ns() - clock->origin;
	after = __rdtsc();
	/* If something came in between, nobody knows when that was. */
	if (clock->tsc && after - before < LOOK_TICKS) {
		clock->latest = (struct clock_look){ .tsc = before, .ns = now };
		measure_rate(clock);
	}
	return tell(clock, now);
}

u64 clock_now(struct clock *clock)
{
	u64 since, ns;

	if (clock->manual)
		return clock->manual_now;
	/* Another processor's may be behind: that is far ahead. */
	since = __rdtsc() - clock->latest.tsc;
	if (unlikely(since >> 27))
		return look(clock);
	ns = since * clock->rate >> 32;
	if (unlikely(!clock->rate || ns > LOOK_NS))
		return look(clock);
	return tell(clock, clock->latest.ns + ns);
}

u64 clock_wait(struct clock *clock, u64 until)
{
	u64 now = clock_now(clock);

	while (now < until && !clock->manual) {
		__builtin_ia32_pause();
		now = clock_now(clock);
	}
	return now;
}

u64 clock_tsc_khz(const struct clock *clock)
{
	return clock->manual ? 1000000 : host_tsc_khz();
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
	/* By what the host timer goes by, or it could be early, and not be set again. */
	u64 now = clock->manual ? clock->manual_now : look(clock);
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
	struct clock_look now;

	if (khz)
		return khz;
	begin_measuring();
	do
		now = host_look();
	while (now.ns - measured.ns < RATE_NS);
	khz = mul_div(now.tsc - measured.tsc, 1000000, now.ns - measured.ns);
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
