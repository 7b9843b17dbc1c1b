/* SPDX-License-Identifier: MIT */
#include "bench/stats.h"

#include <CUnit/CUnit.h>
#include <math.h>

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

CU_TestInfo tests_stats[] = {
	{ "median of odd, even, single and empty samples", test_median },
	{ "median absolute deviation", test_mad },
	{ "quantiles interpolate", test_quantile },
	{ "bootstrap interval is repeatable and as wide as theory says", test_interval },
	{ "bootstrap interval of few or equal values", test_interval_small },
	CU_TEST_INFO_NULL,
};
