/* SPDX-License-Identifier: MIT */
#include "bench/suite.h"
#include "common/trap.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void test_table(void)
{
	size_t n;
	struct bench *suite = suite_load(&n);

	CU_ASSERT_PTR_NOT_NULL_FATAL(suite);
	CU_ASSERT_TRUE(n > 0);
	for (size_t i = 0; i < n; i++) {
		const struct bench *b = &suite[i];
		size_t len = strlen(b->name);

		CU_ASSERT_TRUE(b->iterations >= 1 && b->iterations <= UINT32_MAX);
		CU_ASSERT_EQUAL(b->mode, len > 3 && !strcmp(b->name + len - 3, "-32") ? 32 : 64);
		CU_ASSERT_TRUE(len + 1 < sizeof(b->name));
		CU_ASSERT_TRUE(!b->trap || !strcmp(b->trap, "*") || trap_by_name(b->trap) >= 0);
		for (size_t j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(b->name, suite[j].name);
	}
	free(suite);
}

static void test_select(void)
{
	static const struct bench table[] = { { .name = "in" },
					      { .name = "in-32" },
					      { .name = "out" } };
	const char *const both[] = { "in*" }, *const two[] = { "out", "in" },
			  *const none[] = { "in", "typo" };
	const struct bench *out[3];
	struct error err;

	CU_ASSERT_EQUAL(suite_select(table, 3, NULL, 0, out, &err), 3);
	CU_ASSERT_EQUAL(suite_select(table, 3, both, 1, out, &err), 2);
	CU_ASSERT_PTR_EQUAL(out[1], &table[1]);
	/* In the table's order, whatever the user's; "in" is not "in-32". */
	CU_ASSERT_EQUAL(suite_select(table, 3, two, 2, out, &err), 2);
	CU_ASSERT_PTR_EQUAL(out[0], &table[0]);
	CU_ASSERT_PTR_EQUAL(out[1], &table[2]);
	CU_ASSERT_EQUAL(suite_select(table, 3, none, 2, out, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"typo\""));
}

static void test_guest_dir(void)
{
	char path[PATH_MAX];
	struct error err;

	CU_ASSERT_EQUAL(suite_guest_dir("/tmp", path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/tmp");
	CU_ASSERT_EQUAL(suite_guest_dir("/nonexistent", path, &err), -ENOENT);
}

CU_TestInfo tests_suite[] = {
	{ "every entry of suite.def makes sense", test_table },
	{ "benchmarks are selected by pattern", test_select },
	{ "the guests' folder", test_guest_dir },
	CU_TEST_INFO_NULL,
};
