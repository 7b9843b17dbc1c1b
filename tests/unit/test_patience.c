/* SPDX-License-Identifier: MIT */
/* How long a world that was told to stop may take, on hosts that have other things to do, too. */
#include "backends/swbt/direct/handover.h"

#include <CUnit/CUnit.h>

#define MS 1000000ull

/* LOOKS looks, between which its processor time rises by STEP: is it over at the end? */
static bool over(unsigned int looks, u64 step, bool asleep)
{
	struct patience p = { 0 };
	bool r = false;

	for (unsigned int n = 0; n < looks; n++)
		r = patience_over(&p, 7 * MS + n * step, asleep);
	return r;
}

static void test_patience(void)
{
	struct patience p = { 0 };

	/* One that does not get the processor has not had its time, however often one looks. */
	CU_ASSERT_FALSE(over(100000, 0, false));
	CU_ASSERT_FALSE(over(1000, 1000, false));
	/* One that runs and does not stop. */
	CU_ASSERT_FALSE(over(90, 10 * MS, false));
	CU_ASSERT_TRUE(over(110, 10 * MS, false));
	/* The machine below did not run for a minute, which the clock of the process counted. */
	CU_ASSERT_FALSE(patience_over(&p, 0, false));
	CU_ASSERT_FALSE(patience_over(&p, 60000 * MS, false));
	/* Asleep, and nobody will wake it; but not if it was awake in between. */
	CU_ASSERT_FALSE(over(900, 0, true));
	CU_ASSERT_TRUE(over(1100, 0, true));
	p = (struct patience){ 0 };
	for (unsigned int n = 0; n < 5000; n++)
		CU_ASSERT_FALSE(patience_over(&p, 0, n % 900));
}

CU_TestInfo tests_patience[] = { { "processor time and looks, not the wall's", test_patience },
				 CU_TEST_INFO_NULL };
