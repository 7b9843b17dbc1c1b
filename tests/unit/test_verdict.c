/* SPDX-License-Identifier: MIT */
#include "bench/verdict.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

#define HEAD	 "fvbench: bench=port-in mode=64 "
#define MEASURED HEAD "iters=1000 cycles=52000 loop=2000 "

static void test_ok(void)
{
	struct verdict v;

	CU_ASSERT_EQUAL(verdict_parse(&v, MEASURED "ok", NULL), 0);
	CU_ASSERT_EQUAL(v.kind, VERDICT_OK);
	CU_ASSERT_STRING_EQUAL(v.bench, "port-in");
	CU_ASSERT_EQUAL(v.mode, 64);
	CU_ASSERT_EQUAL(v.iters, 1000);
	CU_ASSERT_EQUAL(v.cycles, 52000);
	CU_ASSERT_EQUAL(v.loop, 2000);
	CU_ASSERT_EQUAL(v.nr_extra, 0);
	CU_ASSERT_EQUAL(verdict_parse(&v, MEASURED "lat_p50=7 x.y=18446744073709551615 ok", NULL),
			0);
	CU_ASSERT_EQUAL(v.nr_extra, 2);
	CU_ASSERT_STRING_EQUAL(v.extra[0].key, "lat_p50");
	CU_ASSERT_EQUAL(v.extra[1].value, ~0ull);
}

static void test_others(void)
{
	struct verdict v;

	CU_ASSERT_EQUAL(verdict_parse(&v, HEAD "fail reason=\"no #PF arrived\"", NULL), 0);
	CU_ASSERT_EQUAL(v.kind, VERDICT_FAIL);
	CU_ASSERT_FALSE(v.measured);
	CU_ASSERT_STRING_EQUAL(v.reason, "no #PF arrived");
	CU_ASSERT_EQUAL(verdict_parse(&v, MEASURED "got=3 skip reason=\"no AVX\"", NULL), 0);
	CU_ASSERT_EQUAL(v.kind, VERDICT_SKIP);
	CU_ASSERT_TRUE(v.measured);
	CU_ASSERT_EQUAL(v.extra[0].value, 3);
}

/* Each differs from a good line in one place. */
static const char *const malformed[] = {
	"",
	"fvbench:",
	"fvbench: mode=64 iters=1 cycles=1 loop=1 ok",
	"fvbench: bench= mode=64 iters=1 cycles=1 loop=1 ok",
	"fvbench: bench=Caps mode=64 iters=1 cycles=1 loop=1 ok",
	"fvbench: bench=aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd mode=64 fail reason=\"x\"",
	"fvbench: bench=a mode=16 iters=1 cycles=1 loop=1 ok",
	"fvbench: bench=a mode=64  iters=1 cycles=1 loop=1 ok",
	"fvbench: bench=a mode=64 iters=0 cycles=1 loop=1 ok",
	"fvbench: bench=a mode=64 iters=-1 cycles=1 loop=1 ok",
	"fvbench: bench=a mode=64 iters=0x10 cycles=1 loop=1 ok",
	"fvbench: bench=a mode=64 iters=1 cycles=18446744073709551616 loop=1 ok",
	"fvbench: bench=a mode=64 iters=1 loop=1 cycles=1 ok",
	"fvbench: bench=a mode=64 iters=1 cycles=1 loop=1",
	"fvbench: bench=a mode=64 iters=1 cycles=1 loop=1 ",
	"fvbench: bench=a mode=64 iters=1 cycles=1 loop=1 okay",
	"fvbench: bench=a mode=64 iters=1 cycles=1 loop=1 ok ",
	"fvbench: bench=a mode=64 iters=1 cycles=1 loop=1 k= ok",
	"fvbench: bench=a mode=64 iters=1 cycles=1 loop=1 =1 ok",
	"fvbench: bench=a mode=64 ok",
	"fvbench: bench=a mode=64 fail",
	"fvbench: bench=a mode=64 fail reason=none",
	"fvbench: bench=a mode=64 fail reason=\"\"",
	"fvbench: bench=a mode=64 fail reason=\"open",
	"fvbench: bench=a mode=64 fail reason=\"x\" ok",
};

static void test_malformed(void)
{
	char many[512] = MEASURED;
	struct verdict v;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		err.text[0] = '\0';
		CU_ASSERT_EQUAL(verdict_parse(&v, malformed[i], &err), -EINVAL);
		CU_ASSERT_NOT_EQUAL(err.text[0], '\0');
	}
	for (int i = 0; i <= VERDICT_EXTRAS; i++)
		strcat(many, "k=1 ");
	strcat(many, "ok");
	CU_ASSERT_EQUAL(verdict_parse(&v, many, NULL), -EINVAL);
}

static int find(struct verdict *v, const char *text)
{
	return verdict_find(v, text, strlen(text), NULL);
}

static void test_find(void)
{
	static const char zeros[] = "\0\xff" HEAD "skip reason=\"x\"\n";
	struct verdict v;

	CU_ASSERT_EQUAL(find(&v, "hello\r\n" MEASURED "ok\r\nbye\n"), 0);
	CU_ASSERT_EQUAL(v.iters, 1000);
	CU_ASSERT_EQUAL(find(&v, MEASURED "ok"), 0);
	CU_ASSERT_EQUAL(find(&v, ""), -ENODATA);
	CU_ASSERT_EQUAL(find(&v, "no result here\n"), -ENODATA);
	CU_ASSERT_EQUAL(find(&v, MEASURED "ok\n" MEASURED "ok\n"), -EINVAL);
	CU_ASSERT_EQUAL(find(&v, MEASURED "o\tk\n"), -EINVAL);
	/* Only at the start of a line, and only text. */
	CU_ASSERT_EQUAL(verdict_find(&v, zeros, sizeof(zeros) - 1, NULL), -ENODATA);
	CU_ASSERT_EQUAL(verdict_find(&v, MEASURED "ok\0", strlen(MEASURED) + 3, NULL), -EINVAL);
}

static void test_status(void)
{
	CU_ASSERT_EQUAL(verdict_status(VERDICT_OK), 1);
	CU_ASSERT_EQUAL(verdict_status(VERDICT_FAIL), 3);
	CU_ASSERT_EQUAL(verdict_status(VERDICT_SKIP), 5);
}

CU_TestInfo tests_verdict[] = {
	{ "a measured result", test_ok },
	{ "failed and skipped results", test_others },
	{ "malformed lines are refused, with a reason", test_malformed },
	{ "the line is found in the guest's output", test_find },
	{ "exit status", test_status },
	CU_TEST_INFO_NULL,
};
