/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double *copy_of(const double *v, size_t n)
{
	double *copy = malloc(n * sizeof(*copy));

	if (copy)
		memcpy(copy, v, n * sizeof(*copy));
	return copy;
}

double stats_quantile_sorted(const double *v, size_t n, double p)
{
	double at, whole;

	if (!n)
		return NAN;
	at = p * (double)(n - 1);
	whole = floor(at);
	if (whole >= (double)(n - 1))
		return v[n - 1];
	return v[(size_t)whole] + (at - whole) * (v[(size_t)whole + 1] - v[(size_t)whole]);
}

/* Sorts V. */
static double median_of(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return stats_quantile_sorted(v, n, 0.5);
}

double stats_median(const double *v, size_t n)
{
	double *copy = n ? copy_of(v, n) : NULL;
	double median = copy ? median_of(copy, n) : NAN;

	free(copy);
	return median;
}

double stats_mad(const double *v, size_t n)
{
	double *away = n ? copy_of(v, n) : NULL, median = stats_median(v, n), mad;

	if (!away)
		return NAN;
	for (size_t i = 0; i < n; i++)
		away[i] = fabs(v[i] - median);
	mad = median_of(away, n);
	free(away);
	return mad;
}

/* SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere, unlike random(3). */
static u64 random64(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

size_t stats_random_below(u64 *state, size_t n)
{
	return (size_t)((unsigned __int128)random64(state) * n >> 64);
}

struct interval stats_median_interval(const double *v, size_t n, u64 seed)
{
	double *drawn = malloc((n + STATS_RESAMPLES) * sizeof(*drawn));
	double *medians = drawn ? drawn + n : NULL;
	struct interval interval = { NAN, NAN };

	if (!drawn || n < 2) {
		free(drawn);
		return interval;
	}
	for (size_t r = 0; r < STATS_RESAMPLES; r++) {
		for (size_t i = 0; i < n; i++)
			drawn[i] = v[stats_random_below(&seed, n)];
		medians[r] = median_of(drawn, n);
	}
	qsort(medians, STATS_RESAMPLES, sizeof(*medians), by_value);
	interval.low = stats_quantile_sorted(medians, STATS_RESAMPLES, 0.025);
	interval.high = stats_quantile_sorted(medians, STATS_RESAMPLES, 0.975);
	free(drawn);
	return interval;
}
