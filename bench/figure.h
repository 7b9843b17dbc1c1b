/* SPDX-License-Identifier: MIT */
/* One metric of all benchmarks and variants of result files, and ratios between them. */
#ifndef FVB_BENCH_FIGURE_H
#define FVB_BENCH_FIGURE_H

#include "bench/data.h"
#include "bench/ratio.h"

struct figure {
	const struct data *d; /* not owned */
	const char *metric;   /* NULL: the cost of an operation */
	int file;	      /* of which alone; -1: of all */
	bool times;	      /* a unit of time: those of emulated hosts are none */
	const char *unit;     /* "" where there are no samples */
	struct series *value, *loop;
};

/*
 * Timed samples of METRIC, or counting ones where there are no others. NULL: the cost of an
 * operation, which is cycles_per_op, of benchmarks that wait lat_p50 (cost_is_latency). 0,
 * though there may be none, or -ENOMEM with ERR filled; freed with figure_free.
 */
int figure_load(struct figure *m, const struct data *d, const char *metric, int file,
		struct error *err);
void figure_free(struct figure *m);
bool figure_has_samples(const struct figure *m);

/* Have the samples of this benchmark and variant a place in a comparison? Not, if they are times of
 * an emulated host, or none. */
bool figure_counts(const struct figure *m, unsigned int bench, unsigned int variant);

/* Median and its 95 % interval; NAN where there are too few samples. */
struct estimate {
	size_t n;
	double median;
	struct interval range;
};
struct estimate figure_estimate(const struct figure *m, unsigned int bench, unsigned int variant);

/*
 * A's variant VA to B's VB for BENCH. In pairs if each sample of one was taken in the same run and
 * repetition as one of the other. A cost below COST_LEAST has the empty loop's added to it on both
 * sides. NAN where one of them has no place in a comparison.
 */
struct ratio figure_ratio(const struct figure *a, unsigned int va, const struct figure *b,
			  unsigned int vb, unsigned int bench);

#endif
