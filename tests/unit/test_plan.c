/* SPDX-License-Identifier: MIT */
#include "bench/plan.h"

#include <CUnit/CUnit.h>

static void test_order(void)
{
	/* A B, B A, A B, B A: one counting turn and three timed ones. */
	static const struct plan_step want[] = { { 0, 0 }, { 1, 0 }, { 1, 1 }, { 0, 1 },
						 { 0, 2 }, { 1, 2 }, { 1, 3 }, { 0, 3 } };

	CU_ASSERT_EQUAL(plan_length(2, 3), 8);
	for (unsigned int i = 0; i < 8; i++) {
		CU_ASSERT_EQUAL(plan_step(2, i).variant, want[i].variant);
		CU_ASSERT_EQUAL(plan_step(2, i).rep, want[i].rep);
	}
}

static void test_complete(void)
{
	for (unsigned int variants = 1; variants <= 4; variants++) {
		unsigned int seen[4][8] = { 0 };

		CU_ASSERT_EQUAL(plan_length(variants, 7), variants * 8);
		for (unsigned int i = 0; i < plan_length(variants, 7); i++) {
			struct plan_step s = plan_step(variants, i);

			CU_ASSERT_TRUE_FATAL(s.variant < variants && s.rep <= 7);
			seen[s.variant][s.rep]++;
		}
		for (unsigned int v = 0; v < variants; v++)
			for (unsigned int r = 0; r <= 7; r++)
				CU_ASSERT_EQUAL(seen[v][r], 1);
	}
}

CU_TestInfo tests_plan[] = {
	{ "two variants alternate A B B A", test_order },
	{ "every variant gets every repetition once", test_complete },
	CU_TEST_INFO_NULL,
};
