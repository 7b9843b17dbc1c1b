/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer. Its state is the time at which the running period began, and everything
 * else is computed from that: the current count when it is read, the next interrupt when it is
 * armed. The host timer is only armed while the LVT entry lets an interrupt through. SDM vol. 3A,
 * "APIC Timer".
 */
#include "common/dev/lapic_internal.h"

/* No guest lives longer than this (146 years), and sums with it do not overflow. */
#define FAR_AWAY BIT64(62)

static inline u32 timer_mode(const struct lapic *l)
{
	return l->lvt[LVT_TIMER] & LVT_TIMER_MODE;
}

static inline bool timer_masked(const struct lapic *l)
{
	return l->lvt[LVT_TIMER] & LVT_MASKED;
}

/* Divide configuration: bits 3, 1, 0; 0 means by 2, 7 by 1. */
static inline unsigned int divide_shift(const struct lapic *l)
{
	return ((l->timer_divide & 3) + (l->timer_divide >> 1 & 4) + 1) & 7;
}

static inline s64 timer_now(const struct lapic *l)
{
	return (s64)clock_now(l->clock);
}

/* The deadline in TSC-deadline mode, if the guest's TSC has reached it. */
static bool deadline_fire(struct lapic *l, u64 tsc)
{
	if (tsc < l->tsc_deadline)
		return false;
	l->tsc_deadline = 0;
	lapic_local(l, LVT_TIMER);
	return true;
}

/* Asking for the guest's TSC may be dear; while the host timer runs it knows as much. */
static bool deadline_may_be_due(const struct lapic *l)
{
	return l->tsc_deadline && (timer_masked(l) || clock_now(l->clock) >= l->timer.deadline);
}

void lapic_timer_sync(struct lapic *l)
{
	s64 past;

	if (deadline_may_be_due(l))
		deadline_fire(l, l->host->guest_tsc(l->host->opaque));
	if (!l->timer_period)
		return;
	past = timer_now(l) - l->timer_start;
	if (past < l->timer_period)
		return;
	if (timer_mode(l) == LVT_PERIODIC)
		l->timer_start += past - past % l->timer_period;
	else
		l->timer_period = 0;
	lapic_local(l, LVT_TIMER);
}

/* Host time of the deadline, rounded up. When it comes early nonetheless (the two clocks' rates are
 * measured), it is found not to be due and armed again. */
static u64 deadline_time(struct lapic *l)
{
	u64 tsc = l->host->guest_tsc(l->host->opaque), ns;

	if (deadline_fire(l, tsc))
		return CLOCK_NEVER;
	ns = mul_div(l->tsc_deadline - tsc, 1000000, clock_tsc_khz(l->clock));
	return clock_now(l->clock) + (ns < FAR_AWAY ? ns + 1 : FAR_AWAY);
}

/* End of the running period; or, of periods that are too short, one at a bearable distance. */
static u64 period_end(const struct lapic *l)
{
	s64 end = l->timer_start + l->timer_period;
	s64 missing = timer_now(l) + LAPIC_MIN_GAP_NS - end;

	if (timer_mode(l) == LVT_PERIODIC && l->timer_period < LAPIC_MIN_GAP_NS && missing > 0)
		end += (missing + l->timer_period - 1) / l->timer_period * l->timer_period;
	return (u64)end;
}

void lapic_timer_arm(struct lapic *l)
{
	u64 deadline = CLOCK_NEVER;

	if (timer_masked(l))
		deadline = CLOCK_NEVER; /* it may pass, but nobody would hear of it */
	else if (l->tsc_deadline)
		deadline = deadline_time(l);
	else if (l->timer_period)
		deadline = period_end(l);
	timer_set(l->clock, &l->timer, deadline);
}

static void timer_expired(void *opaque)
{
	struct lapic *l = opaque;

	lapic_timer_sync(l);
	lapic_timer_arm(l);
}

void lapic_timer_init(struct lapic *l)
{
	timer_init(l->clock, &l->timer, timer_expired, l);
}

void lapic_timer_stop(struct lapic *l)
{
	l->timer_initial = 0;
	l->timer_period = 0;
	l->tsc_deadline = 0;
	timer_set(l->clock, &l->timer, CLOCK_NEVER);
}

void lapic_timer_set_initial(struct lapic *l, u32 count)
{
	if (timer_mode(l) == LVT_TSCDEADLINE)
		return;
	l->timer_initial = count;
	l->timer_start = timer_now(l);
	l->timer_period = (s64)count << divide_shift(l);
	lapic_timer_arm(l);
}

u32 lapic_timer_current(struct lapic *l)
{
	s64 left = l->timer_start + l->timer_period - timer_now(l);

	return left > 0 ? (u32)((left - 1) >> divide_shift(l)) + 1 : 0;
}

/* A running count goes on from where it is, at the new rate. */
void lapic_timer_set_divide(struct lapic *l, u32 v)
{
	s64 done = (s64)l->timer_initial - lapic_timer_current(l);

	l->timer_divide = v;
	if (!l->timer_period)
		return;
	l->timer_start = timer_now(l) - (done << divide_shift(l));
	l->timer_period = (s64)l->timer_initial << divide_shift(l);
	lapic_timer_arm(l);
}

void lapic_timer_set_deadline(struct lapic *l, u64 tsc)
{
	if (timer_mode(l) != LVT_TSCDEADLINE)
		return;
	l->tsc_deadline = tsc;
	lapic_timer_arm(l);
}
