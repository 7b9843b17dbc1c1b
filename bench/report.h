/* SPDX-License-Identifier: MIT */
/*
 * fvbench report: what result files say, for people and for papers. Rows are benchmarks, columns
 * variants: medians with intervals, ratios to one of the variants, traps per operation, and what
 * Adams & Agesen published.
 */
#ifndef FVB_BENCH_REPORT_H
#define FVB_BENCH_REPORT_H

#include "bench/figure.h"
#include "bench/grid.h"
#include "common/trap.h"

struct report_cell {
	struct estimate e;     /* n 0: no samples, or none that may be shown */
	struct ratio ratio;    /* to the baseline; NAN there and where it has none */
	double p;	       /* ratio.p, adjusted for all ratios of the report */
	double traps[TRAP_NR]; /* per operation, NAN where not seen */
	const char *status;    /* of a sample that was not good, or NULL */
};

struct report {
	const struct data *d;
	struct figure figure;
	unsigned int baseline;	  /* index of a variant */
	unsigned int benches;	  /* shown */
	unsigned int *bench;	  /* which of D's, in D's order */
	unsigned int compared;	  /* ratios with a p value */
	struct report_cell *cell; /* [d->benches * d->variants] */
};

/*
 * Make R of D, which stays the caller's. METRIC NULL: the cost of an operation. BASELINE NULL: the
 * first of those variants that have the most benchmarks with samples. GLOB[0..GLOBS): only
 * benchmarks that match one of them. 0, -EINVAL with ERR filled where there is nothing to report or
 * no such variant, or -ENOMEM.
 */
int report_make(struct report *r, const struct data *d, const char *metric, const char *baseline,
		const char *const *glob, unsigned int globs, struct error *err);
void report_free(struct report *r);

const struct report_cell *report_cell(const struct report *r, unsigned int bench,
				      unsigned int variant);

/* The fewest samples that an interval in the report is of; 0: there is none. */
size_t report_fewest(const struct report *r);

/* Sum of the traps that were seen, NAN if none could be. */
double report_traps(const struct report_cell *c);

/* 0 or -ENOMEM. */
int report_text(FILE *f, const struct report *r, enum grid_format format);
/* Columns: results/README.md. */
void report_csv(FILE *f, const struct report *r);

#endif
