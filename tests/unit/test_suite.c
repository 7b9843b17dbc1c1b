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
		CU_ASSERT_EQUAL(b->in_linux, !strncmp(b->name, "linux/", 6));
		CU_ASSERT_FALSE(b->boot && (b->native || !b->in_linux));
		CU_ASSERT_FALSE(b->compute && !b->native);
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
	static const struct bench more[] = { { .name = "in" },
					     { .name = "linux/in", .in_linux = true } };
	const char *const all[] = { "*" }, *const in_linux[] = { "linux/*" };
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
	/* Those in Linux are not among what one gets without asking for them by name. */
	CU_ASSERT_EQUAL(suite_select(more, 2, NULL, 0, out, &err), 1);
	CU_ASSERT_EQUAL(suite_select(more, 2, all, 1, out, &err), 1);
	CU_ASSERT_PTR_EQUAL(out[0], &more[0]);
	CU_ASSERT_EQUAL(suite_select(more, 2, in_linux, 1, out, &err), 1);
	CU_ASSERT_PTR_EQUAL(out[0], &more[1]);
}

static void test_guest_dir(void)
{
	char path[PATH_MAX];
	struct error err;

	CU_ASSERT_EQUAL(suite_guest_dir("/tmp", path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/tmp");
	CU_ASSERT_EQUAL(suite_guest_dir("/nonexistent", path, &err), -ENOENT);
}

static void test_files(void)
{
	const struct bench in = { .name = "in" }, fork = { .name = "linux/fork", .in_linux = true };
	char path[PATH_MAX], longest[PATH_MAX + 1];
	struct error err;

	CU_ASSERT_EQUAL(bench_file(&in, "/g", false, path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/g/in.elf");
	CU_ASSERT_EQUAL(bench_file(&in, "/g", true, path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/g/native/in");
	CU_ASSERT_STRING_EQUAL(bench_guest_name(&in), "in");
	CU_ASSERT_EQUAL(bench_file(&fork, "/g", false, path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/g/linux/fork.cpio");
	CU_ASSERT_EQUAL(bench_file(&fork, "/g", true, path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/g/linux/fork");
	CU_ASSERT_STRING_EQUAL(bench_guest_name(&fork), "fork");
	CU_ASSERT_EQUAL(suite_kernel(NULL, "/b/nano", path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "/b/nano/../guests/vmlinuz-cloud-amd64");
	CU_ASSERT_EQUAL(suite_kernel("bzImage", "/b/nano", path, &err), 0);
	CU_ASSERT_STRING_EQUAL(path, "bzImage");
	memset(longest, 'x', PATH_MAX);
	longest[PATH_MAX] = '\0';
	CU_ASSERT_EQUAL(bench_file(&in, longest, false, path, &err), -ENAMETOOLONG);
	CU_ASSERT_EQUAL(suite_kernel(longest, "", path, &err), -ENAMETOOLONG);
}

/* Each HOLE is about guests that there are, and about an instruction that does fail silently there.
 */
static void test_holes(void)
{
	enum { AT_GP, AT_UD, AT_IOPL, AT_IOMAP, AT_BIT, AT_SILENT, AT_NONE };
	static const struct {
		const char *name;
		int legacy, lng;
	} rows[] = {
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note) { #m, AT_##legacy, AT_##long },
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
	};
	size_t n, holes = 0;
	struct bench *table = suite_load(&n);

	for (size_t i = 0; i < n; i++) {
		size_t r = 0;

		if (!table[i].hole)
			continue;
		holes++;
		CU_ASSERT(strlen(table[i].hole_why) > 0);
		while (r < ARRAY_SIZE(rows) &&
		       (strcmp(rows[r].name, table[i].hole) ||
			(table[i].mode == 64 ? rows[r].lng : rows[r].legacy) != AT_SILENT))
			r++;
		CU_ASSERT(r < ARRAY_SIZE(rows));
	}
	CU_ASSERT_EQUAL(holes, 16); /* 14 lines, two of them in both modes */
	free(table);
}

CU_TestInfo tests_suite[] = {
	{ "every entry of suite.def makes sense", test_table },
	{ "benchmarks are selected by pattern", test_select },
	{ "the guests' folder", test_guest_dir },
	{ "where guests, programs and the kernel are", test_files },
	{ "what fails silently does", test_holes },
	CU_TEST_INFO_NULL,
};
