/* SPDX-License-Identifier: MIT */
/*
 * `fvbench traps`: what a trap costs, by its kind, in each way of running. Benchmarks whose
 * operation is one such event are rows, variants are columns.
 */
#ifndef FVB_BENCH_COSTS_H
#define FVB_BENCH_COSTS_H

#include "bench/options.h"
#include "bench/run.h"

/* Put into O what its user did not say: which benchmarks, and into LIST (SIZE bytes) which
 * variants, of those that work here. */
void costs_defaults(struct options *o, char *list, size_t size);

/* RESULT as for table_print. MARKDOWN: with what RUN was above it. */
void costs_print(FILE *f, const struct run *run, const struct result *result, bool markdown);

#endif
