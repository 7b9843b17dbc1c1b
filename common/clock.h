/* SPDX-License-Identifier: MIT */
/*
 * The host clock service: the one source of time for every device.
 *
 * Time is nanoseconds since the clock was made, monotonic. A timer calls back once, on the vCPU
 * thread, from clock_run(), at or after its deadline; the callback may set any timer again,
 * itself included. One host timer stands for the earliest deadline and calls the clock's `kick`
 * hook in a signal handler, so that a vCPU deep in guest code comes out.
 *
 * A *manual* clock moves only by clock_advance(): device tests use it.
 */
#ifndef FVB_CLOCK_H
#define FVB_CLOCK_H

#include "common/types.h"

#include <time.h>

#define CLOCK_MAX_TIMERS 32
#define CLOCK_NEVER	 (~0ull)

struct timer {
	u64 deadline; /* ns, or CLOCK_NEVER when idle */
	void (*fn)(void *opaque);
	void *opaque;
};

struct clock {
	struct timer *timer[CLOCK_MAX_TIMERS]; /* all registered ones, in no order */
	unsigned int nr;
	bool manual;
	u64 manual_now; /* ns, manual clocks only */
	u64 origin;	/* CLOCK_MONOTONIC at creation, ns */
	struct clock_look {
		u64 tsc, ns; /* at the same time, of this clock */
	} first, latest;     /* what the rate was measured from; the last one */
	u64 rate;	     /* 2^32 * ns for each tick of the TSC; 0: not known (yet) */
	u64 told;	     /* the last answer of clock_now */
	bool tsc;	     /* the host's TSC is a clock */
	u64 armed;	     /* deadline the host timer is set to, or CLOCK_NEVER */
	bool host_timer;     /* host is valid */
	timer_t host;
};

/* A clock that follows CLOCK_MONOTONIC. SIGNO is sent to the calling thread (the vCPU thread) at
 * deadlines; 0 for none (deadlines are then only seen by clock_run). 0 or negative errno. */
int clock_init(struct clock *clock, int signo);
void clock_init_manual(struct clock *clock);
void clock_fini(struct clock *clock);

/* Nanoseconds since clock_init, never less than before. Between looks at CLOCK_MONOTONIC, some
 * milliseconds apart, it is told by the TSC: within a microsecond, and without system's help, which
 * would want the vector registers (vectors.h). For the clock's thread. */
u64 clock_now(struct clock *clock);
/* Spin until UNTIL, which had better be soon; clock_now then. A manual clock does not wait. */
u64 clock_wait(struct clock *clock, u64 until);
/* The TSC's frequency in kHz that this clock goes with. */
u64 clock_tsc_khz(const struct clock *clock);

/* Make TIMER known, idle. The struct stays the caller's and must outlive the clock. At most
 * CLOCK_MAX_TIMERS per clock (asserted). */
void timer_init(struct clock *clock, struct timer *timer, void (*fn)(void *), void *opaque);

/* Ask for a call at DEADLINE (ns on this clock; the past means at the next clock_run), or for
 * none with CLOCK_NEVER. Replaces an earlier request. */
void timer_set(struct clock *clock, struct timer *timer, u64 deadline);

/* Call every timer that is due, earliest first. Returns how many were called. */
unsigned int clock_run(struct clock *clock);

/* Deadline of the earliest timer, or CLOCK_NEVER. */
u64 clock_next(const struct clock *clock);

/* Manual clocks: move on by NS, running each timer at exactly its deadline on the way. */
void clock_advance(struct clock *clock, u64 ns);

/* The TSC and CLOCK_MONOTONIC (ns) at the same time: less than a microsecond apart, unless the host
 * lets us run for no such time. One that was read before we had to wait, and the other after, would
 * make the rate between two looks anything. */
struct clock_look host_look(void);
/* The host's TSC now, and its frequency in kHz (measured once per process, from the first clock on:
 * whoever asks earlier than 2 ms later waits). */
u64 host_tsc(void);
u64 host_tsc_khz(void);

/* A * B / C without overflow in between; saturates at 2^64 - 1. For unit conversions. */
u64 mul_div(u64 a, u64 b, u64 c);

#endif
