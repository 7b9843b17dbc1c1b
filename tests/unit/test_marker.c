/* SPDX-License-Identifier: MIT */
#include "common/dev/marker.h"
#include "tests/unit/devtest.h"

struct seen {
	unsigned int nr, last;
};

static void record(void *arg, unsigned int i)
{
	struct seen *seen = arg;

	seen->nr++;
	seen->last = i;
}

static void test_marks(void)
{
	struct bench b;
	struct marker marker;
	struct seen seen = { 0, 99 };

	bench_init(&b);
	CU_ASSERT_EQUAL(in8(&b, 0xfb0), 0xff);
	marker_init(&marker, record, &seen);
	CU_ASSERT_EQUAL(marker_attach(&marker, &b.pio), 0);
	CU_ASSERT_EQUAL(in8(&b, 0xfb0), 0xfb);
	out8(&b, 0xfb0, 1);
	CU_ASSERT_EQUAL(seen.last, 0);
	out8(&b, 0xfb0, 2);
	CU_ASSERT_EQUAL(seen.last, 1);
	CU_ASSERT_EQUAL(seen.nr, 2);
	/* Other values must not reach the receiver's table. */
	out8(&b, 0xfb0, 0);
	out8(&b, 0xfb0, 3);
	out8(&b, 0xfb0, 255);
	CU_ASSERT_EQUAL(seen.nr, 2);
	bench_fini(&b);
}

CU_TestInfo tests_marker[] = {
	{ "begin and end, and nothing else", test_marks },
	CU_TEST_INFO_NULL,
};
