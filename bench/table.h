/* SPDX-License-Identifier: MIT */
/* The table that `fvbench run` ends in. */
#ifndef FVB_BENCH_TABLE_H
#define FVB_BENCH_TABLE_H

#include "bench/result.h"

#include <stdio.h>

/*
 * Print RESULT[0 .. BENCHES * VARIANTS): the variants of the first benchmark, of the second, ...
 * Those without a sample are left out. With several variants there is a column for each one's ratio
 * to the first. HOST_KIND decides what is said of the times.
 */
void table_print(FILE *f, const struct result *result, unsigned int benches, unsigned int variants,
		 const char *host_kind);

/* The most frequent of TRAPS (per operation; NAN: not visible), in words. */
void table_traps(FILE *f, const double traps[TRAP_NR]);

/* What is to be said of 95 % intervals of LEAST samples, the fewest in the table that have one (0:
 * none has), in TEXT: "" where they are what they are called. */
#define TABLE_FEW 200
const char *table_few(char text[TABLE_FEW], size_t least);

/* V with the three or four digits that these measurements carry, or "-" if it is NAN, in CELL. */
const char *table_number(char *cell, size_t len, double v);

/* Which of the N results of a run with --ci CI (a share) have an interval that is wider, or that
 * none has. */
void table_wide(FILE *f, const struct result *result, unsigned int n, double ci);

/* Which of the N results are of no steady state: within samples (--warmup), or from the first to
 * the last of them. Nothing where all are. */
void table_unsteady(FILE *f, const struct result *result, unsigned int n);

#endif
