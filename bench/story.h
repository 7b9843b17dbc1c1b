/* SPDX-License-Identifier: MIT */
/*
 * `fvbench story`: a kernel whose timer interrupt shares data with it (nano/shows/story.c), told
 * for each engine: what became of the data, why, and what it cost.
 */
#ifndef FVB_BENCH_STORY_H
#define FVB_BENCH_STORY_H

#include "bench/run.h"

/* What one run came to. */
struct told {
	const char *where; /* the engine's name */
	unsigned int bits;
	bool failed; /* the guest did not get to its end: REASON */
	char reason[200];
	u64 iterations, ticks, ticks2, cycles1, cycles2, inside, lost, torn;
	u64 popf, popf2, at,
		flags; /* addresses, and RFLAGS as pushed, of the first that came inside */
	bool stepped;  /* an engine that runs code directly could not, so that there is nothing to
			  tell */
	u64 run_ns;
	struct trap_stats traps;
};

enum moral {
	MORAL_RIGHT,	 /* nothing lost, and the clock runs on */
	MORAL_CORRUPTED, /* updates lost in part 1, and in part 2 the clock stops */
	MORAL_OTHER,	 /* one of them, or no result */
};

/* Interrupts that part 2 should have had, by the time it took and how many part 1 had. */
u64 told_expected(const struct told *t);

enum moral told_moral(const struct told *t);

/* Whether it came out as the story has it: data corrupted under the engine that traps and does
 * nothing else, right under all others. */
bool told_as_expected(const struct told *t);

/* The story of T for a person; the costs of N of them, as a table; and the rows of a CSV. */
void told_print(FILE *f, const struct told *t);
void told_costs(FILE *f, const struct told *t, unsigned int n);
void told_csv(FILE *f, const struct told *t);

#endif
