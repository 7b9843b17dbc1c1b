/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>

#define EQUAL(a, b) CU_ASSERT_DOUBLE_EQUAL(a, b, 1e-9)

static void test_median(void)
{
	const double odd[] = { 9, 1, 5 }, even[] = { 4, 1, 3, 2 }, one[] = { 7 };

	EQUAL(stats_median(odd, 3), 5);
	EQUAL(stats_median(even, 4), 2.5);
	EQUAL(stats_median(one, 1), 7);
	CU_ASSERT_TRUE(isnan(stats_median(NULL, 0)));
	EQUAL(odd[0], 9);
}

static void test_mad(void)
{
	const double v[] = { 1, 1, 2, 2, 4, 6, 9 }, one[] = { 7 };

	/* Away from 2: 1 1 0 0 2 4 7. */
	EQUAL(stats_mad(v, 7), 1);
	EQUAL(stats_mad(one, 1), 0);
	CU_ASSERT_TRUE(isnan(stats_mad(NULL, 0)));
}

static void test_quantile(void)
{
	const double v[] = { 10, 20, 30, 40, 50 };

	EQUAL(stats_quantile_sorted(v, 5, 0), 10);
	EQUAL(stats_quantile_sorted(v, 5, 1), 50);
	EQUAL(stats_quantile_sorted(v, 5, 0.25), 20);
	EQUAL(stats_quantile_sorted(v, 5, 0.9), 46);
}

static void test_interval(void)
{
	double v[101];
	struct interval a, b;

	for (int i = 0; i < 101; i++)
		v[i] = i;
	a = stats_median_interval(v, 101, 1);
	b = stats_median_interval(v, 101, 1);
	EQUAL(a.low, b.low);
	EQUAL(a.high, b.high);
	/*
	 * The bootstrap distribution of the median of 101 values is that of an order statistic:
	 * its standard deviation is near 0.5 * sqrt(101) = 5 ranks, so 95 % is near 40 to 60.
	 */
	CU_ASSERT_TRUE(a.low >= 37 && a.low <= 43);
	CU_ASSERT_TRUE(a.high >= 57 && a.high <= 63);
}

static void test_interval_small(void)
{
	const double same[] = { 8, 8, 8 }, two[] = { 1, 2 };
	struct interval i;

	i = stats_median_interval(same, 3, 5);
	EQUAL(i.low, 8);
	EQUAL(i.high, 8);
	i = stats_median_interval(two, 2, 5);
	EQUAL(i.low, 1);
	EQUAL(i.high, 2);
	CU_ASSERT_TRUE(isnan(stats_median_interval(two, 1, 5).low));
	CU_ASSERT_TRUE(isnan(stats_median_interval(NULL, 0, 5).high));
}

/* Where a bootstrap alone is too narrow: it gives 2 to 6 here, which covers 87.5 %. */
static void test_interval_ranks(void)
{
	const double seven[] = { 3, 7, 1, 5, 2, 4, 6 }, five[] = { 1, 2, 3, 4, 5 };
	struct interval i = stats_median_interval(seven, 7, 5);

	/* By hand: outside 1..7 is the median with 2/128, outside 2..6 with 16/128. */
	EQUAL(i.low, 1 + 11.0 / 15);
	EQUAL(i.high, 7 - 11.0 / 15);
	i = stats_median_interval(five, 5, 5);
	EQUAL(i.low, 1);
	EQUAL(i.high, 5);
}

/* How often does an interval of the median of N normal values miss it? */
static double missing(size_t n, unsigned int trials)
{
	unsigned int missed = 0;
	double v[32];

	srand48(7);
	for (unsigned int t = 0; t < trials; t++) {
		struct interval i;

		/* Twelve uniform ones make a normal one. */
		for (size_t k = 0; k < n; k++) {
			v[k] = -6;
			for (int j = 0; j < 12; j++)
				v[k] += drand48();
		}
		i = stats_median_interval(v, n, t);
		missed += i.low > 0 || i.high < 0;
	}
	return missed / (double)trials;
}

static void test_coverage(void)
{
	static const size_t sizes[] = { 6, 7, 10, 15 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		double rate = missing(sizes[i], 600);

		CU_ASSERT_TRUE(rate > 0.015 && rate < 0.08);
	}
}

static void test_binomial(void)
{
	struct interval i;

	EQUAL(stats_binomial(10, 8, 0.5), 56.0 / 1024);
	EQUAL(stats_binomial(10, 0, 0.05), 1);
	EQUAL(stats_binomial(3, 1, 0.05), 1 - 0.95 * 0.95 * 0.95);
	EQUAL(stats_binomial(5, 6, 0.5), 0);
	i = stats_share_interval(10, 0);
	EQUAL(i.low, 0);
	EQUAL(i.high, 1 - pow(0.025, 0.1));
	i = stats_share_interval(10, 10);
	EQUAL(i.low, pow(0.025, 0.1));
	EQUAL(i.high, 1);
	i = stats_share_interval(2, 1);
	EQUAL(i.low, 1 - sqrt(0.975));
	EQUAL(i.high, sqrt(0.975));
	CU_ASSERT_TRUE(isnan(stats_share_interval(0, 0).low));
}

CU_TestInfo tests_stats[] = {
	{ "median of odd, even, single and empty samples", test_median },
	{ "median absolute deviation", test_mad },
	{ "quantiles interpolate", test_quantile },
	{ "bootstrap interval is repeatable and as wide as theory says", test_interval },
	{ "bootstrap interval of few or equal values", test_interval_small },
	{ "no narrower than the sign test's", test_interval_ranks },
	{ "a 95 % interval misses the median in about 5 % of cases", test_coverage },
	{ "binomial probabilities and their intervals", test_binomial },
	CU_TEST_INFO_NULL,
};
