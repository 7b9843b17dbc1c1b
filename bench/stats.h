/* SPDX-License-Identifier: MIT */
/*
 * Order statistics of small samples. Means are not used: one descheduled sample would move them.
 * Values must be finite. An empty sample gives NAN everywhere.
 */
#ifndef FVB_BENCH_STATS_H
#define FVB_BENCH_STATS_H

#include "common/types.h"

struct interval {
	double low, high;
};

/* The P (0..1) quantile of V[0..N), sorted ascending, by linear interpolation between order
 * statistics (type 7 of Hyndman & Fan 1996). */
double stats_quantile_sorted(const double *v, size_t n, double p);

/* Median of V[0..N), which is left alone. */
double stats_median(const double *v, size_t n);

/* Median absolute deviation from the median, as it is: times 1.4826 it estimates the standard
 * deviation of normal values. */
double stats_mad(const double *v, size_t n);

/*
 * 95 % interval of the median by the percentile bootstrap (Efron 1979): STATS_RESAMPLES samples of
 * N drawn with replacement. Of few values that is too narrow (of 7 it covers 87.5 %): it is no
 * narrower than what the sign test gives. The same values and SEED give the same interval on every
 * machine. Needs N >= 2, otherwise both ends are NAN; with fewer than 6 values it reaches from the
 * smallest to the largest and covers less than 95 % (of 5: 93.75 %, of 3: 75 %).
 */
#define STATS_RESAMPLES 2000
#define STATS_LEAST	6 /* fewer values have no 95 % interval */
struct interval stats_median_interval(const double *v, size_t n, u64 seed);

/* How likely the median is between the smallest and the largest of N >= 1 values. */
double stats_coverage(size_t n);

/* A number from 0 to N - 1, N > 0; *STATE is the generator's, any number at first. */
size_t stats_random_below(u64 *state, size_t n);

/* How likely K or more of N independent events happen, of which each does with probability P. */
double stats_binomial(u64 n, u64 k, double p);

/* 95 % interval of that probability when K of N happened (Clopper & Pearson 1934: exact, and no
 * narrower than it must be). N 0: NAN. */
struct interval stats_share_interval(u64 n, u64 k);

#endif
