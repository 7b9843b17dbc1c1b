/* SPDX-License-Identifier: MIT */
/* --patch-report: of a page whose contents alternate each instruction has one row, and there is an
 * end to what is remembered. */
#include "backends/swbt/direct/report.h"
#include "common/csv.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ORG 0x400000u
#define GPA 0x7000u

static struct scan scan;
static u8 code[PAGE_SIZE], copy[PAGE_SIZE];

/* The page begins with BYTES, which are known. */
static void page_is(u64 linear, const char *bytes)
{
	memset(code, 0x90, sizeof(code));
	memcpy(code, bytes, strlen(bytes));
	scan = (struct scan){ .linear = linear,
			      .mode = MODE_LONG64,
			      .flat = 0xff,
			      .inside = INSIDE_NOTHING,
			      .code = code,
			      .copy = copy };
	scan_init(&scan);
	scan_from(&scan, 0);
	CU_ASSERT_EQUAL(scan_why(&scan, 0), SCAN_SENSITIVE);
}

#define PUSHF "\x9c"
#define CPUID "\x0f\xa2"

static unsigned int rows(const char *path, const char *what)
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;
	char line[600];

	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, what);
	if (f)
		fclose(f);
	return n;
}

static void test_alternating(void)
{
	char path[] = "/tmp/fvbench-report-XXXXXX";
	const struct csv_key key = { .run_id = "r" };
	int fd = mkstemp(path);
	struct error err = { "" };
	struct report *r = report_open(path, NULL, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int n = 0; n < 1000; n++) {
		page_is(ORG, n & 1 ? PUSHF : CPUID);
		report_closed(r, &scan, GPA, 0, 0);
		/* The hits are those of what is there now. */
		report_hit(r, ORG, GPA);
		if (n % 4 == 1)
			report_hit(r, ORG, GPA);
	}
	/* Neighbours in the same bucket are others. */
	page_is(ORG + 4096ull * 4096, PUSHF);
	report_closed(r, &scan, GPA, 0, 0);
	report_closed(r, &scan, GPA + PAGE_SIZE, 0, 0);
	CU_ASSERT_EQUAL(report_close(r, &key, &err), 0);
	CU_ASSERT_EQUAL(rows(path, "r,"), 4);
	CU_ASSERT_EQUAL(rows(path, ",0fa2,cpuid,"), 1);
	CU_ASSERT_EQUAL(rows(path, ",500\n"), 1);
	CU_ASSERT_EQUAL(rows(path, ",750\n"), 1);
	CU_ASSERT_EQUAL(rows(path, ",0\n"), 2);
	close(fd);
	unlink(path);
}

static void test_full(void)
{
	const struct csv_key key = { .run_id = "r" };
	struct error err = { "" };
	struct report *r = report_open("/dev/null", NULL, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	page_is(ORG, PUSHF);
	for (unsigned int n = 0; n <= REPORT_MAX; n++) {
		scan.linear += PAGE_SIZE;
		report_closed(r, &scan, GPA, 0, 0);
	}
	CU_ASSERT_EQUAL(report_close(r, &key, &err), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(err.text,
			       "/dev/null has only the first 262144 instructions that were "
			       "closed");
}

CU_TestInfo tests_report[] = { { "pages that alternate", test_alternating },
			       { "there is an end", test_full },
			       CU_TEST_INFO_NULL };
