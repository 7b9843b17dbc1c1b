/* SPDX-License-Identifier: MIT */
/* Ratios: known answers, and what the tests say of simulated samples. */
#include "bench/ratio.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>

#define NEAR(a, b, by) CU_ASSERT_DOUBLE_EQUAL(a, b, by)

/* Critical values as in any table of Student's t. */
static void test_student(void)
{
	NEAR(student_p(12.706, 1), 0.05, 1e-5);
	NEAR(student_p(2.776, 4), 0.05, 1e-4);
	NEAR(student_p(-2.776, 4), 0.05, 1e-4);
	NEAR(student_p(63.657, 1), 0.01, 1e-6);
	NEAR(student_p(2.042, 30), 0.05, 1e-4);
	NEAR(student_p(1.96, 1e6), 0.05, 1e-4);
	NEAR(student_p(0, 7), 1, 1e-12);
	NEAR(student_p(2, 2.5), 0.157391496, 1e-8);
	CU_ASSERT_TRUE(student_p(40, 8) < 1e-9);
}

static void test_known(void)
{
	const double a[] = { 20, 22, 18 }, b[] = { 10, 11, 9 }, zero[] = { 0, 1, 2 };
	const double slow[] = { 110, 111, 109, 110, 112 }, fast[] = { 100, 101, 99, 100, 102 };
	struct ratio r = ratio_of(a, 3, b, 3, true, 1);

	NEAR(r.value, 2, 1e-12);
	/* Every pair has the same ratio: there is nothing that could vary. */
	NEAR(r.range.low, 2, 1e-12);
	NEAR(r.range.high, 2, 1e-12);
	r = ratio_of(a, 3, b, 3, false, 1);
	CU_ASSERT_TRUE(r.range.low < 1.85 && r.range.high > 2.15);
	r = ratio_of(slow, 5, fast, 5, false, 1);
	NEAR(r.value, 1.1, 1e-12);
	CU_ASSERT_TRUE(r.range.low > 1.05 && r.range.high < 1.15);
	CU_ASSERT_TRUE(r.p < 0.001);
	/* No ratio to what may be nothing. */
	r = ratio_of(a, 3, zero, 3, false, 1);
	CU_ASSERT_TRUE(isnan(r.range.low) && isnan(r.p));
	r = ratio_of(a, 1, b, 1, true, 1);
	NEAR(r.value, 2, 1e-12);
	CU_ASSERT_TRUE(isnan(r.range.low) && isnan(r.p));
	CU_ASSERT_TRUE(isnan(ratio_of(a, 3, b, 0, false, 1).value));
	/* Counts that do not vary are the same, or are not. */
	CU_ASSERT_EQUAL(ratio_test((double[]){ 5, 5, 5 }, 3, (double[]){ 5, 5, 5 }, 3, false), 1);
	CU_ASSERT_EQUAL(ratio_test((double[]){ 7, 7, 7, 7, 7 }, 5, (double[]){ 7, 7, 7 }, 3, false),
			1);
	CU_ASSERT_EQUAL(ratio_test((double[]){ 6, 6, 6 }, 3, (double[]){ 5, 5, 5 }, 3, false), 0);
}

/* The example of Benjamini & Hochberg (1995), section 4.1: at 5 %, four of fifteen are rejected. */
static void test_adjust(void)
{
	double p[] = { 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
		       NAN,    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000 };
	unsigned int n = 0;

	significance_adjust(p, 16);
	for (unsigned int i = 0; i < 16; i++)
		n += p[i] <= SIGNIFICANT;
	CU_ASSERT_EQUAL(n, 4);
	NEAR(p[0], 0.0015, 1e-9);
	NEAR(p[3], 0.0095 * 15 / 4, 1e-9);
	CU_ASSERT_TRUE(isnan(p[8]));
	CU_ASSERT_EQUAL(p[15], 1);
	significance_adjust(NULL, 0);
}

/* ---- simulated -------------------------------------------------------------------------------
 */

static double uniform(u64 *state)
{
	return ((double)stats_random_below(state, 1u << 30) + 0.5) / (1u << 30);
}

static double normal(u64 *state)
{
	return sqrt(-2 * log(uniform(state))) * cos(2 * M_PI * uniform(state));
}

/* N times around CENTRE with 2 % of noise; one in ten was descheduled. */
static void draw(u64 *state, double *v, size_t n, double centre, bool outliers)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = centre * exp(0.02 * normal(state));
		if (outliers && !stats_random_below(state, 10))
			v[i] *= 1 + uniform(state);
	}
}

#define TRIALS 3000

/* The share of trials in which p is at most LIMIT, where A is SLOWER times B. */
static double found(size_t n, double slower, bool outliers, bool paired, double limit)
{
	double a[20], b[20];
	unsigned int nr = 0;
	u64 state = n;

	for (unsigned int t = 0; t < TRIALS; t++) {
		draw(&state, a, n, 100 * slower, outliers);
		draw(&state, b, n, 100, outliers);
		/* Noise that both halves of a pair share. */
		for (size_t i = 0; paired && i < n; i++) {
			double shared = exp(0.1 * normal(&state));

			a[i] *= shared;
			b[i] *= shared;
		}
		nr += ratio_test(a, n, b, n, paired) <= limit;
	}
	return nr / (double)TRIALS;
}

/* With no difference, one trial in twenty finds one, or fewer where the noise has outliers. */
static void test_false_differences(void)
{
	static const size_t sizes[] = { 3, 5, 10, 20 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		double clean = found(sizes[i], 1, false, false, 0.05);
		double dirty = found(sizes[i], 1, true, false, 0.05);
		double pairs = found(sizes[i], 1, true, true, 0.05);

		CU_ASSERT_TRUE(clean > 0.015 && clean < 0.065);
		CU_ASSERT_TRUE(dirty > 0.002 && dirty < 0.065);
		CU_ASSERT_TRUE(pairs < 0.065);
	}
}

/* 10 % slower is found: with 5 samples alone, with 10 among 60 comparisons, too. */
static void test_power(void)
{
	CU_ASSERT_TRUE(found(5, 1.1, false, false, 0.05) > 0.95);
	CU_ASSERT_TRUE(found(5, 1.1, true, false, 0.05) > 0.7);
	CU_ASSERT_TRUE(found(10, 1.1, false, false, 0.05 / 60) > 0.95);
	CU_ASSERT_TRUE(found(10, 1.1, true, false, 0.05 / 60) > 0.7);
	/* Under shared noise of 10 % only pairs tell. */
	CU_ASSERT_TRUE(found(10, 1.1, false, true, 0.05) > 0.95);
}

/* How often the interval holds the true ratio. */
static void test_coverage(void)
{
	double a[15], b[15];
	unsigned int in = 0, trials = 300;
	u64 state = 7;

	for (unsigned int t = 0; t < trials; t++) {
		struct ratio r;

		draw(&state, a, 15, 200, false);
		draw(&state, b, 15, 100, false);
		r = ratio_of(a, 15, b, 15, false, t);
		in += r.range.low <= 2 && r.range.high >= 2;
	}
	CU_ASSERT_TRUE(in > 0.9 * trials);
}

CU_TestInfo tests_ratio[] = { { "Student's t", test_student },
			      { "known ratios", test_known },
			      { "many comparisons: Benjamini and Hochberg's example", test_adjust },
			      { "differences found where there is none", test_false_differences },
			      { "10 % slower is found", test_power },
			      { "the interval covers the true ratio", test_coverage },
			      CU_TEST_INFO_NULL };
