/* SPDX-License-Identifier: MIT */
/* The comparison with peers, as text for a terminal or as a Markdown file. */
#ifndef FVB_BENCH_GOALS_TABLE_H
#define FVB_BENCH_GOALS_TABLE_H

#include "bench/goals.h"
#include "bench/run.h"

#include <stdio.h>

/* What a Markdown file begins with: where and how RUN was made. Before its samples are taken, so
 * that the load is the host's own. */
void goals_head(FILE *f, const struct run *run);

/*
 * A row for each of C[0..N) that has a sample of ours, a mark where less was reached than is
 * wanted, then the goals, and how many benchmarks fall short. OURS is the name of our backend.
 */
void goals_print(FILE *f, bool markdown, const char *ours, const struct comparison *c,
		 unsigned int n);

#endif
