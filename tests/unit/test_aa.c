/* SPDX-License-Identifier: MIT */
#include "bench/aa.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPS 10

static const struct bench bench = { .name = "made-up" };

static struct result from(const double *cycles, size_t n)
{
	struct result r;

	CU_ASSERT_EQUAL_FATAL(result_init(&r, &bench, NULL, REPS), 0);
	r.nr = (unsigned int)n;
	memcpy(r.cycles, cycles, n * sizeof(*cycles));
	return r;
}

/* REPS samples around CENTRE, with noise of a few percent that is not symmetrical. */
static struct result noisy(double centre)
{
	double cycles[REPS];

	for (size_t i = 0; i < REPS; i++)
		cycles[i] = centre * (1 + 0.05 * drand48() * drand48());
	return from(cycles, REPS);
}

static struct aa pair(double a, double b)
{
	struct result x = noisy(a), y = noisy(b);
	struct aa aa = aa_of(&x, &y);

	result_fini(&x);
	result_fini(&y);
	return aa;
}

static void test_one(void)
{
	const double a[] = { 98, 99, 100, 101, 102 }, b[] = { 49, 49.5, 50, 50.5, 51 };
	struct result x = from(a, 5), y = from(b, 5);
	struct aa aa = aa_of(&x, &y);

	/* Sample by sample a is twice b. */
	CU_ASSERT_TRUE(aa.known && aa.differs && aa.significant);
	CU_ASSERT_DOUBLE_EQUAL(aa.ratio.value, 2, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(aa.floor, 0.014826, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(aa.least, 0, 1e-9);
	aa = aa_of(&x, &x);
	CU_ASSERT_TRUE(aa.known && !aa.differs && !aa.significant);
	/* One that failed is not compared. */
	y.status = SAMPLE_FAIL;
	CU_ASSERT_FALSE(aa_of(&x, &y).known);
	y.status = SAMPLE_OK;
	y.nr = 0;
	CU_ASSERT_FALSE(aa_of(&x, &y).known);
	result_fini(&x);
	result_fini(&y);
}

#define TRIALS 400

/* Made-up A/A runs: one in twenty is a false difference. */
static void test_same(void)
{
	static struct aa aa[TRIALS];
	struct aa_sum sum;

	srand48(3);
	for (unsigned int i = 0; i < TRIALS; i++)
		aa[i] = pair(100, 100);
	sum = aa_sum(aa, TRIALS);
	CU_ASSERT_EQUAL(sum.known, TRIALS);
	CU_ASSERT_TRUE(sum.rate > 0.02 && sum.rate < 0.08);
	CU_ASSERT_TRUE(sum.significant > 8 && sum.significant < 32);
	CU_ASSERT_TRUE(sum.range.low <= 0.05 && sum.range.high >= 0.05);
	CU_ASSERT_TRUE(aa_sound(&sum));
	/* What it says could be shown is of the size of the noise. */
	CU_ASSERT_TRUE(sum.median > 0.002 && sum.median < 0.05 && sum.worst >= sum.median);
}

/* A difference as large as the smallest that can be shown is found in about 4 of 5. */
static void test_different(void)
{
	static struct aa aa[TRIALS];
	double least;
	struct aa_sum sum;

	srand48(4);
	for (unsigned int i = 0; i < TRIALS; i++)
		aa[i] = pair(100, 100);
	least = aa_sum(aa, TRIALS).median;
	for (unsigned int i = 0; i < TRIALS; i++)
		aa[i] = pair(100 * (1 + least), 100);
	sum = aa_sum(aa, TRIALS);
	CU_ASSERT_TRUE(sum.rate > 0.6 && sum.rate < 0.95);
	CU_ASSERT_FALSE(aa_sound(&sum));
}

static void test_sum(void)
{
	const struct aa aa[] = {
		{ .known = true, .least = 0.1 },
		{ .known = true, .least = 0.3, .differs = true, .significant = true },
		{ .known = false, .least = 9 },
		{ .known = true, .least = 0.2 },
	};
	struct aa_sum sum = aa_sum(aa, ARRAY_SIZE(aa));

	CU_ASSERT_EQUAL(sum.known, 3);
	CU_ASSERT_EQUAL(sum.differ, 1);
	CU_ASSERT_EQUAL(sum.significant, 1);
	CU_ASSERT_DOUBLE_EQUAL(sum.rate, 1.0 / 3, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(sum.chance, 1 - 0.95 * 0.95 * 0.95, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(sum.median, 0.2, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(sum.worst, 0.3, 1e-9);
	CU_ASSERT_EQUAL(sum.worst_index, 1);
	CU_ASSERT_TRUE(aa_sound(&sum));
	sum = aa_sum(aa, 0);
	CU_ASSERT_TRUE(isnan(sum.rate));
	CU_ASSERT_TRUE(aa_sound(&sum));
}

CU_TestInfo tests_aa[] = {
	{ "one pair", test_one },
	{ "a false difference in about 5 % of made-up pairs", test_same },
	{ "a difference that can be shown is", test_different },
	{ "what pairs come to", test_sum },
	CU_TEST_INFO_NULL,
};
