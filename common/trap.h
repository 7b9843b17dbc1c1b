/* SPDX-License-Identifier: MIT */
/*
 * Trap accounting: one taxonomy for every way of running a guest (trap.def).
 *
 * A backend says which causes it can see at all and which it can time; the rest stays blank in
 * every output, never zero. Cycles are host TSC ticks that the monitor spent on the trap, from
 * leaving the guest to being ready to enter it again.
 */
#ifndef FVB_TRAP_H
#define FVB_TRAP_H

#include "common/types.h"

#include <stdio.h>

enum trap_cause {
#define TRAP(id, name, text) TRAP_##id,
#include "common/trap.def"
#undef TRAP
	TRAP_NR
};

/* Histogram of cycles: TRAP_SUB linear steps in every power of two, so that a percentile read
 * from it is off by at most 1 / (2 * TRAP_SUB) = 6 %. */
#define TRAP_SUB     8
#define TRAP_BUCKETS (62 * TRAP_SUB)

struct trap_counter {
	u64 count;
	u64 cycles;
	u32 hist[TRAP_BUCKETS]; /* of timed traps only */
};

#define TRAP_LAST 16 /* traps remembered for the post-mortem */

struct trap_event {
	u64 tsc;    /* host TSC when the guest was left */
	u64 addr;   /* port, guest-physical address, MSR or register number */
	u64 value;  /* what was read or written, where known */
	u64 rip;    /* of the guest, 0 where not fetched */
	u32 cycles; /* spent on it, saturated */
	u8 cause;   /* enum trap_cause */
	u8 size;    /* bytes, 0 where it has no meaning */
	u8 write;   /* 1: the guest wrote */
};

/* How long it took: from the beginning of the run, or between two copies. 0: not known. */
struct trap_span {
	u64 ns, ticks;	  /* wall time; of the host's TSC */
	u64 instructions; /* that the guest executed */
};

struct traplog;

struct trap_stats {
	struct trap_counter c[TRAP_NR];
	u32 counted; /* BIT(cause): this backend, on this host, sees every such trap */
	u32 timed;   /* BIT(cause): and its cycles are real; a subset of counted */
	u64 nr_events;
	struct trap_event last[TRAP_LAST]; /* ring, newest at (nr_events - 1) % TRAP_LAST */
	struct traplog *log;		   /* who wants to know of each (traplog.h), or NULL */
	struct trap_span span;		   /* what they were counted in */
};

/* CSV name of CAUSE. */
const char *trap_name(enum trap_cause cause);
/* The cause with this CSV name, or -ENOENT. */
int trap_by_name(const char *name);

/* Which bucket CYCLES falls into; the middle of bucket B, and the most that falls into it. */
static inline unsigned int trap_bucket(u64 cycles)
{
	unsigned int log2;

	if (cycles < TRAP_SUB)
		return (unsigned int)cycles;
	log2 = 63u - (unsigned int)__builtin_clzll(cycles);
	/* The top bits below the leading one choose the step; 2^3 is the first full power. */
	return (log2 - 2) * TRAP_SUB + (unsigned int)(cycles >> (log2 - 3) & (TRAP_SUB - 1));
}
double trap_bucket_middle(unsigned int b);
u64 trap_bucket_last(unsigned int b);

/* Account one trap that took CYCLES. The whole cost on the hot path is this. */
static inline void trap_add(struct trap_stats *s, enum trap_cause cause, u64 cycles)
{
	struct trap_counter *c = &s->c[cause];

	c->count++;
	c->cycles += cycles;
	c->hist[trap_bucket(cycles)]++;
}

/* The slot for the next event, to be filled in by the caller; trap_event_done afterwards. */
static inline struct trap_event *trap_event_next(struct trap_stats *s)
{
	return &s->last[s->nr_events % TRAP_LAST];
}
void traplog_add(struct traplog *log, const struct trap_event *e);
static inline void trap_event_done(struct trap_stats *s)
{
	if (unlikely(s->log != NULL))
		traplog_add(s->log, trap_event_next(s));
	s->nr_events++;
}

/* P (0..1) quantile of CAUSE's cycles from the histogram, or -1 if no trap was timed. */
double trap_quantile(const struct trap_counter *c, double p);

/* *D = *NOW - *THEN, counter by counter: what happened between two copies of the same stats. */
void trap_diff(struct trap_stats *d, const struct trap_stats *now, const struct trap_stats *then);

/* The header line of --trace files, a line of them, and the last events as text, newest last. */
void trap_trace_header(FILE *f);
void trap_trace_write(FILE *f, const struct trap_event *e);
void trap_print_last(const struct trap_stats *s, FILE *f);

#endif
