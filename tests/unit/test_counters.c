/* SPDX-License-Identifier: MIT */
/* --events: names, lists, rows, and the sum of a run. */
#include "bench/counters.h"
#include "bench/countsum.h"
#include "bench/eventname.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Type and number of perf_event_open(2); who is left out. */
static const struct {
	const char *name;
	u32 type;
	u64 config;
	bool kernel, user, guest, host; /* counted */
} known[] = {
	{ "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, true, true, true, true },
	{ "Instructions:u", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, false, true, true,
	  true },
	{ "cycles:k", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, true, false, true, true },
	{ "cycles:mg", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, true, true, true, false },
	{ "cycles:u:mh", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false, true, false, true },
	{ "dTLB-load-misses", PERF_TYPE_HW_CACHE,
	  PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_RESULT_MISS << 16, true, true, true,
	  true },
	{ "page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, true, true, true, true },
	{ "r01c4", PERF_TYPE_RAW, 0x1c4, true, true, true, true },
};

static void test_names(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct pmu_event event;

		CU_ASSERT_EQUAL(event_encode(known[i].name, &event, NULL), 0);
		CU_ASSERT_EQUAL(event.attr.type, known[i].type);
		CU_ASSERT_EQUAL(event.attr.config, known[i].config);
		CU_ASSERT_EQUAL(event.attr.exclude_kernel, !known[i].kernel);
		CU_ASSERT_EQUAL(event.attr.exclude_user, !known[i].user);
		CU_ASSERT_EQUAL(event.attr.exclude_guest, !known[i].guest);
		CU_ASSERT_EQUAL(event.attr.exclude_host, !known[i].host);
		CU_ASSERT_STRING_EQUAL(event.unit, "count");
	}
}

static const struct {
	const char *name;
	int ret;
	const char *text;
} unknown[] = {
	{ "cyclez", -ENOENT, "did you mean cycles?" },
	{ "CYCLE:u", -ENOENT, "did you mean cycles?" },
	{ "dTLB-load-mises", -ENOENT, "did you mean dtlb-load-misses?" },
	{ "qqqqqqqqqqqqq", -ENOENT, "fvbench events lists them" },
	{ "cycles:zz", -ENOENT, "attribute" },
	{ "cycles:period=100", -EINVAL, "not sampled" },
	{ "cycles:freq=100", -EINVAL, "not sampled" },
	{ "cycles,instructions", -EINVAL, "one event" },
	{ "", -EINVAL, "one event" },
	{ "nosuch:event", -ENOENT, "tracepoint" },
};

static void test_unknown(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		struct error err = { "" };
		struct pmu_event event;

		CU_ASSERT_EQUAL(event_encode(unknown[i].name, &event, &err), unknown[i].ret);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, unknown[i].text));
	}
}

static const struct {
	const char *list, *text;
} bad_lists[] = {
	{ "", "takes names" },
	{ "cycles,", "takes names" },
	{ "cycles,,page-faults", "takes names" },
	{ "cycles,Cycles", "twice" },
	{ "cycles:period=5", "not sampled" },
	{ "r1,r2,r3,r4,r5,r6,r7,r8,r9,ra,rb,rc,rd,re,rf,r10,r11,r12,r13,r14,r15,r16,r17,r18,r19,"
	  "r1a,"
	  "r1b,r1c,r1d,r1e,r1f,r20,r21",
	  "at most 32" },
};

static void test_lists(void)
{
	static struct counters counters;
	struct error err;

	for (size_t i = 0; i < ARRAY_SIZE(bad_lists); i++) {
		err.text[0] = '\0';
		CU_ASSERT_EQUAL(counters_parse(&counters, bad_lists[i].list, &err), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad_lists[i].text));
	}
	/* One that nobody knows is no reason not to count the others. */
	CU_ASSERT_EQUAL(counters_parse(&counters, "page-faults,cyclez,task-clock", &err), 0);
	CU_ASSERT_EQUAL(counters.nr, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(counters.list[1].reason, "did you mean"));
	CU_ASSERT_STRING_EQUAL(counters.list[2].event.unit, "ns");
}

static char rows[2000];

static void put(void *arg, const char *name, const char *unit, long double value)
{
	size_t n = strlen(rows);

	(void)arg;
	snprintf(rows + n, sizeof(rows) - n, "%s,%s,%Lg\n", name, unit, value);
}

/* Counted all the time, half of it, never, and not to be counted here. */
static const struct counters four = { 4,
				      { { .name = "a", .event.unit = "count" },
					{ .name = "b:u", .event.unit = "ns" },
					{ .name = "c", .event.unit = "count" },
					{ .name = "d", .event.unit = "count" } } };
static const struct counted four_counted[COUNTERS_MAX] = {
	{ 1, 1, { 500, 500, 1 } },
	{ 1, 1, { 1000, 500, 0.5 } },
	{ 0, 1, { 0 } },
};

static void test_rows(void)
{
	rows[0] = '\0';
	counters_rows(&four, four_counted, 100, put, NULL);
	CU_ASSERT_STRING_EQUAL(rows, "counter.a,count,500\ncounter_per_op.a,count,5\n"
				     "counter.b:u,ns,1000\ncounter_per_op.b:u,ns,10\n"
				     "counter.b:u.running,share,0.5\n");
	rows[0] = '\0';
	counters_rows(NULL, four_counted, 100, put, NULL);
	CU_ASSERT_STRING_EQUAL(rows, "");
}

static void test_sum(void)
{
	struct bench bench = fake_bench("good");
	struct variant v = { .backend = fake_backends[0], .label = "alpha" };
	struct countsum sum = { 0 };
	struct sample s = fake_sample(&bench, &v);
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	countsum_print(f, &sum);
	countsum_complain(f, &sum, "x");
	fflush(f);
	CU_ASSERT_EQUAL(len, 0);
	s.counters = &four;
	memcpy(s.raw->counted, four_counted, sizeof(four_counted));
	CU_ASSERT_EQUAL(countsum_add(&sum, &bench, &v, &s), 0);
	s.raw->counted[1].count.share = 0.25;
	CU_ASSERT_EQUAL(countsum_add(&sum, &bench, &v, &s), 0);
	countsum_print(f, &sum);
	countsum_complain(f, &sum, "x");
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  a           b:u\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " 0.50          1.00\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "x: b:u shared a counter and was counted during 25 to "
					    "50 % of the time"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "x: c never got a counter in 2 samples"));
	CU_ASSERT_PTR_NULL(strstr(text, "x: a "));
	CU_ASSERT_PTR_NULL(strstr(text, "x: d "));
	free(text);
	countsum_fini(&sum);
	sample_free(&s);
}

CU_TestInfo tests_counters[] = {
	{ "names and modifiers", test_names },
	{ "names that are none", test_unknown },
	{ "lists", test_lists },
	{ "rows", test_rows },
	{ "the sum of a run", test_sum },
	CU_TEST_INFO_NULL,
};
