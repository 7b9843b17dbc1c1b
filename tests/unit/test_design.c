/* SPDX-License-Identifier: MIT */
#include "bench/design.h"

#include <CUnit/CUnit.h>
#include <math.h>

static void test_plain(void)
{
	const struct design d = { 0 };

	CU_ASSERT_EQUAL(design_least(&d, 2), 2);
	CU_ASSERT_EQUAL(design_most(&d, 5), 5);
	CU_ASSERT_FALSE(design_done(&d, 5, 4, 0, 0));
	CU_ASSERT_TRUE(design_done(&d, 5, 5, 0.5, 0));
}

static void test_narrow(void)
{
	const struct design d = { .ci = 0.02, .max_reps = 20 };

	/* Two samples within 2 % of each other are no 95 % interval. */
	CU_ASSERT_EQUAL(design_least(&d, 2), 6);
	CU_ASSERT_EQUAL(design_least(&d, 7), 7);
	CU_ASSERT_EQUAL(design_most(&d, 5), 20);
	CU_ASSERT_EQUAL(design_most(&d, 30), 30);
	/* Never fewer than asked for, and on until it is narrow. */
	CU_ASSERT_FALSE(design_done(&d, 5, 4, 0.001, 0));
	CU_ASSERT_TRUE(design_done(&d, 5, 5, 0.02, 0));
	CU_ASSERT_FALSE(design_done(&d, 5, 5, 0.021, UINT64_MAX));
	CU_ASSERT_FALSE(design_done(&d, 5, 19, NAN, 0));
	CU_ASSERT_TRUE(design_done(&d, 5, 20, 0.5, 0));
}

static void test_time(void)
{
	const struct design d = { .ci = 0.02, .max_time_ns = 1000 };

	CU_ASSERT_EQUAL(design_most(&d, 5), DESIGN_MAX_REPS);
	CU_ASSERT_FALSE(design_done(&d, 5, 4, 0.5, 2000));
	CU_ASSERT_FALSE(design_done(&d, 5, 6, 0.5, 999));
	CU_ASSERT_TRUE(design_done(&d, 5, 6, 0.5, 1000));
}

CU_TestInfo tests_design[] = {
	{ "without --ci: as many samples as --reps", test_plain },
	{ "with it: until the interval is narrow, or --max-reps", test_narrow },
	{ "or the time is over", test_time },
	CU_TEST_INFO_NULL,
};
