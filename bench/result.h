/* SPDX-License-Identifier: MIT */
/* What all samples of one benchmark under one variant come to. */
#ifndef FVB_BENCH_RESULT_H
#define FVB_BENCH_RESULT_H

#include "bench/sample.h"
#include "bench/stats.h"

struct result {
	const struct bench *bench; /* not owned */
	const struct variant *variant;
	unsigned int taken;	   /* samples of any kind */
	enum sample_status status; /* the worst: fail, then skip */
	char reason[320];	   /* of the first sample that was not good */
	unsigned int nr, room;	   /* good timed samples so far, and at most */
	double *cycles, *loop;	   /* per operation, one for each */
	double *latency;	   /* the guest's lat_p50, NAN where it gives none */
	double traps[TRAP_NR];	   /* per operation, NAN where not seen; of the counting sample,
				    * or of the newest timed one where that failed */
	unsigned int unsteady;	   /* timed samples whose warm-up came to no steady state */
	bool counted;		   /* traps are the counting sample's */
};

/* No samples yet, room for REPS. 0 or -ENOMEM; freed with result_fini. */
int result_init(struct result *r, const struct bench *bench, const struct variant *variant,
		unsigned int reps);
void result_fini(struct result *r);

/* Add a sample; REP 0 is the counting one. */
void result_add(struct result *r, const struct sample *s, unsigned int rep);

/* Median cycles per operation and its 95 % interval, and the loop's own; NAN where unknown. The
 * bootstrap's seed is the benchmark's name, so that a table does not change when printed again. */
double result_cycles(const struct result *r);
struct interval result_interval(const struct result *r);
u64 result_seed(const char *bench);
double result_loop(const struct result *r);
double result_mad(const struct result *r); /* of the cycles per operation */

/* From the first sample to the last, of the whole cost, loop included. */
struct drift result_drift(const struct result *r);

/* Half the interval's width, as a share of the median; of the loop's cost where that is larger, as
 * no operation that costs nothing can be measured to a share of that. NAN where unknown. */
double result_relative(const struct result *r);

#endif
