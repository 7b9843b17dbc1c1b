/* SPDX-License-Identifier: MIT */
/* What --events came to in a run: its table, and which events had to share a counter. */
#ifndef FVB_BENCH_COUNTSUM_H
#define FVB_BENCH_COUNTSUM_H

#include "bench/sample.h"

#include <stdio.h>

/* All zero: nothing yet. Freed with countsum_fini. */
struct countsum {
	const struct counters *counters;
	struct countsum_note *note; /* one for each value of each sample */
	size_t nr, room;
	double least[COUNTERS_MAX], most[COUNTERS_MAX]; /* share of the time that it counted */
	unsigned int never[COUNTERS_MAX]; /* samples in which it was open and got no counter */
};

/* Add the good sample S of BENCH and VARIANT, which must live as long as SUM. 0 or -ENOMEM. */
int countsum_add(struct countsum *sum, const struct bench *bench, const struct variant *variant,
		 const struct sample *s);

/* A table of medians per operation, one line for each benchmark and variant; nothing where nothing
 * was counted. */
void countsum_print(FILE *f, const struct countsum *sum);

/* One line for each event that shared its counter with others, or never got one, after PREFIX. */
void countsum_complain(FILE *f, const struct countsum *sum, const char *prefix);

void countsum_fini(struct countsum *sum);

#endif
