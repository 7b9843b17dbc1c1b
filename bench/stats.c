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

double stats_binomial(u64 n, u64 k, double p)
{
	double tail = 0, odds = log(p) - log1p(-p);

	if (!k)
		return 1;
	if (p <= 0 || p >= 1)
		return p >= 1 && k <= n;
	for (u64 i = k; i <= n; i++)
		tail += exp(lgamma((double)n + 1) - lgamma((double)i + 1) -
			    lgamma((double)(n - i) + 1) + (double)i * odds + (double)n * log1p(-p));
	return tail < 1 ? tail : 1;
}

/* The P with which K or more of N happen with probability WANT, which rises with P. */
static double solve(u64 n, u64 k, double want)
{
	double low = 0, high = 1;

	for (int i = 0; i < 60; i++) {
		double p = (low + high) / 2;

		if (stats_binomial(n, k, p) < want)
			low = p;
		else
			high = p;
	}
	return (low + high) / 2;
}

struct interval stats_share_interval(u64 n, u64 k)
{
	struct interval i = { 0, 1 };

	if (!n)
		return (struct interval){ NAN, NAN };
	if (k)
		i.low = solve(n, k, 0.025);
	if (k < n)
		i.high = solve(n, k + 1, 0.975);
	return i;
}

/* How likely the median is not between the K-th of N values and the K-th from the end, K >= 1. */
static double missed(size_t n, size_t k)
{
	return 2 * stats_binomial(n, n - k + 1, 0.5);
}

double stats_coverage(size_t n)
{
	return 1 - missed(n, 1);
}

/*
 * By the sign test: the ranks between which the median is with 95 %, which need no assumption about
 * the values, interpolated between ranks as Hettmansperger & Sheather 1986 do. V is sorted.
 */
static struct interval rank_interval(const double *v, size_t n)
{
	struct interval all = { v[0], v[n - 1] };
	size_t k = 1;
	double in, out, part, at;

	if (missed(n, 1) > 0.05)
		return all;
	while (missed(n, k + 1) <= 0.05)
		k++;
	in = missed(n, k);
	out = missed(n, k + 1);
	part = (0.05 - in) / (out - in);
	at = (double)(n - k) * part / ((double)k + (double)(n - 2 * k) * part);
	all.low = v[k - 1] + at * (v[k] - v[k - 1]);
	all.high = v[n - k] - at * (v[n - k] - v[n - k - 1]);
	return all;
}

struct interval stats_median_interval(const double *v, size_t n, u64 seed)
{
	double *drawn = malloc((n + STATS_RESAMPLES) * sizeof(*drawn));
	double *medians = drawn ? drawn + n : NULL;
	struct interval interval = { NAN, NAN }, least;

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
	memcpy(drawn, v, n * sizeof(*drawn));
	qsort(drawn, n, sizeof(*drawn), by_value);
	least = rank_interval(drawn, n);
	interval.low = fmin(interval.low, least.low);
	interval.high = fmax(interval.high, least.high);
	free(drawn);
	return interval;
}
