/* SPDX-License-Identifier: MIT */
/*
 * How many times as large is one thing as another, how sure is that, and is it any difference at
 * all? What is compared are samples of two medians, which are greater than 0.
 */
#ifndef FVB_BENCH_RATIO_H
#define FVB_BENCH_RATIO_H

#include "bench/stats.h"

/* NAN where unknown. */
struct ratio {
	double value;	       /* of the medians */
	struct interval range; /* 95 %, bootstrap */
	double p;	       /* that a difference like this is chance: ratio_test */
	bool paired;
	bool whole; /* the caller's: the empty loop is in both sides */
};

/* Differences are called significant from here on, after significance_adjust. */
#define SIGNIFICANT 0.05

/*
 * A/B by the percentile bootstrap of the ratio of medians: A and B are drawn from
 * independently; with PAIRED (A[i] and B[i] were taken one after the other) in pairs, so that noise
 * that both share is in neither side. Values need not be positive, but then there may be no ratio
 * (NAN). P is ratio_test's. STATS_RESAMPLES draws; the same values and SEED give the same interval.
 */
struct ratio ratio_of(const double *a, size_t na, const double *b, size_t nb, bool paired,
		      u64 seed);

/*
 * Two-sided p value of "A and B have the same centre": the t test of Yuen (1974) and Welch, on
 * logarithms, of means without the lowest and highest fifth. One descheduled sample does not move
 * it, and unlike a rank test, which cannot go below 0.008 with 5 samples of each, it can tell a
 * clear difference among dozens of comparisons. PAIRED: the same of the ratios in pairs (Tukey &
 * McLaughlin 1963), but with fewer than RATIO_PAIRS of them, which have too few degrees of freedom,
 * as if they were not pairs: that errs on the side of no difference. NAN with fewer than 3 values
 * on a side, or where one is not positive.
 */
#define RATIO_PAIRS 8
double ratio_test(const double *a, size_t na, const double *b, size_t nb, bool paired);

/*
 * P[0..N), p values of one table (NAN: none), to those of Benjamini & Hochberg (1995): of all that
 * are at most SIGNIFICANT then, one in twenty is expected to be chance. If there is no difference
 * anywhere, one table in twenty has any.
 */
void significance_adjust(double *p, size_t n);

/* Two-sided p value of Student's t with DF > 0 degrees of freedom, which need not be whole. */
double student_p(double t, double df);

#endif
