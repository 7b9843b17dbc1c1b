/* SPDX-License-Identifier: MIT */
#include "common/args.h"

#include <CUnit/CUnit.h>
#include <errno.h>

#define MS 1000000ull

static void test_time(void)
{
	static const char *const bad[] = {
		"",    "10",   "ms",   "10 ms", "-1ms",
		"10m", "1.5s", "99us", "1001s", "99999999999999999999s"
	};
	u64 ns = 7;

	CU_ASSERT_EQUAL(args_time("10ms", 100000, 1000 * NSEC_PER_SEC, &ns), 0);
	CU_ASSERT_EQUAL(ns, 10 * MS);
	CU_ASSERT_EQUAL(args_time("100us", 100000, 1000 * NSEC_PER_SEC, &ns), 0);
	CU_ASSERT_EQUAL(ns, 100000);
	CU_ASSERT_EQUAL(args_time("1000s", 100000, 1000 * NSEC_PER_SEC, &ns), 0);
	CU_ASSERT_EQUAL(ns, 1000 * NSEC_PER_SEC);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_EQUAL(args_time(bad[i], 100000, 1000 * NSEC_PER_SEC, &ns), -EINVAL);
	CU_ASSERT_EQUAL(ns, 1000 * NSEC_PER_SEC);
}

/* Files twice; devices may be. */
static void test_twice(void)
{
	const char *const path[] = { "a", NULL, "/dev/null", NULL, "b", "/dev/null", "b", "a" };

	CU_ASSERT_PTR_NULL(args_twice(path, 0));
	CU_ASSERT_PTR_NULL(args_twice(path, 6));
	CU_ASSERT_STRING_EQUAL(args_twice(path, 7), "b");
	CU_ASSERT_STRING_EQUAL(args_twice(path + 5, 3) ?: "", "");
}

CU_TestInfo tests_args[] = {
	{ "times with units", test_time },
	{ "paths that are named twice", test_twice },
	CU_TEST_INFO_NULL,
};
