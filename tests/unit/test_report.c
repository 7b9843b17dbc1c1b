/* SPDX-License-Identifier: MIT */
/* Reports of made-up files. */
#include "bench/published.h"
#include "bench/report.h"
#include "tests/unit/csvmake.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BT     "swbt,bt,,nested"
#define TCG    "qemu-tcg,max,,nested"
#define NATIVE "native,,,nested"
#define RIG    "kvm,,,emulated"
#define NR(a)  (sizeof(a) / sizeof(*(a)))

static void make(struct report *r, const struct data *d, const char *metric, const char *baseline)
{
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(report_make(r, d, metric, baseline, NULL, 0, &err), 0);
}

static void values(struct csvmake *m, const char *run_id, const char *variant, const char *bench,
		   const char *metric, const double *v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		csvmake_key(m, run_id, variant, bench, i + 1);
		fprintf(m->file[m->files - 1].f, "%s,cycles,%.10g\n", metric, v[i]);
	}
}

/* Noise that two samples share, which were taken one after the other, is not in their ratio. */
static void test_pairs(void)
{
	const double a[] = { 200, 220, 180 }, b[] = { 100, 110, 90 }, c[] = { 90, 100, 110 };
	struct csvmake m = { 0 };
	struct report r;
	struct data d;

	csvmake_file(&m, NULL);
	csvmake_key(&m, "r", NATIVE, "in", 1);
	fputs("status,text,skip: no\n", m.file[0].f);
	values(&m, "r", TCG, "in", "cycles_per_op", a, NR(a));
	values(&m, "r", BT, "in", "cycles_per_op", b, NR(b));
	values(&m, "r", TCG, "out", "cycles_per_op", a, NR(a));
	values(&m, "another", BT, "out", "cycles_per_op", b, NR(b));
	values(&m, "r", TCG, "less", "cycles_per_op", a, NR(a));
	values(&m, "r", BT, "less", "cycles_per_op", c, 2);
	csvmake_done(&m, &d);
	make(&r, &d, NULL, "swbt");
	CU_ASSERT_EQUAL(r.baseline, 2);
	CU_ASSERT_TRUE(report_cell(&r, 0, 1)->ratio.paired);
	CU_ASSERT_DOUBLE_EQUAL(report_cell(&r, 0, 1)->ratio.range.low, 2, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(report_cell(&r, 0, 1)->ratio.range.high, 2, 1e-12);
	/* Not of one run, or not as many: then all are taken as they are. */
	CU_ASSERT_FALSE(report_cell(&r, 1, 1)->ratio.paired);
	CU_ASSERT_TRUE(report_cell(&r, 1, 1)->ratio.range.high > 2.1);
	CU_ASSERT_FALSE(report_cell(&r, 2, 1)->ratio.paired);
	CU_ASSERT_EQUAL(report_cell(&r, 2, 1)->e.n, 3);
	CU_ASSERT_TRUE(isnan(report_cell(&r, 0, 2)->ratio.value));
	CU_ASSERT_EQUAL(r.compared, 2);
	report_free(&r);
	/* Nobody says which: not one that has no samples, though it come first. */
	make(&r, &d, NULL, NULL);
	CU_ASSERT_EQUAL(r.baseline, 1);
	report_free(&r);
	data_free(&d);
}

/* What costs less than a cycle is compared with its loop; what waits, by its latency. */
static void test_costs(void)
{
	const double none[] = { 0.1, -0.1, 0 }, some[] = { 6, 6, 6 }, loop[] = { 2, 2, 2 };
	const double wait[] = { 500, 500, 500 }, late[] = { 1000, 1000, 1000 };
	struct csvmake m = { 0 };
	struct report r;
	struct data d;

	csvmake_file(&m, NULL);
	values(&m, "r", BT, "null-loop", "cycles_per_op", none, 3);
	values(&m, "r", BT, "null-loop", "loop_cycles_per_op", loop, 3);
	values(&m, "r", TCG, "null-loop", "cycles_per_op", some, 3);
	values(&m, "r", TCG, "null-loop", "loop_cycles_per_op", loop, 3);
	values(&m, "r", BT, "hlt", "cycles_per_op", wait, 3);
	values(&m, "r", TCG, "hlt", "cycles_per_op", wait, 3);
	values(&m, "r", BT, "hlt", "lat_p50", wait, 3);
	values(&m, "r", TCG, "hlt", "lat_p50", late, 3);
	csvmake_done(&m, &d);
	make(&r, &d, NULL, NULL);
	CU_ASSERT_TRUE(report_cell(&r, 0, 1)->ratio.whole);
	CU_ASSERT_DOUBLE_EQUAL(report_cell(&r, 0, 1)->ratio.value, 4, 1e-12);
	CU_ASSERT_EQUAL(report_cell(&r, 1, 1)->ratio.value, 2);
	report_free(&r);
	make(&r, &d, "cycles_per_op", NULL);
	CU_ASSERT_EQUAL(report_cell(&r, 1, 1)->ratio.value, 1);
	CU_ASSERT_TRUE(isnan(report_cell(&r, 0, 1)->ratio.p));
	report_free(&r);
	data_free(&d);
}

/* Of emulated processors there are counts, but no times. */
static void test_emulated(void)
{
	const double v[] = { 7, 8, 9 };
	struct csvmake m = { 0 };
	struct error err = { "" };
	struct report r;
	struct data d;

	csvmake_file(&m, NULL);
	values(&m, "r", RIG, "in", "cycles_per_op", v, 3);
	csvmake_key(&m, "r", RIG, "in", 0);
	fputs("traps_per_op.port-in,count,3\n", m.file[0].f);
	values(&m, "r", BT, "in", "cycles_per_op", v, 3);
	csvmake_file(&m, "cause,count,cycles,p50,p99");
	csvmake_key(&m, "r", BT, "in", 0);
	fputs("port-in,40,,,\n", m.file[1].f);
	csvmake_key(&m, "r", BT, "in", 1);
	fputs("port-in,60,,,\n", m.file[1].f);
	csvmake_key(&m, "r", BT, "in", 1);
	fputs("port-out,10,,,\n", m.file[1].f);
	csvmake_done(&m, &d);
	make(&r, &d, NULL, NULL);
	CU_ASSERT_EQUAL(r.baseline, 1);
	CU_ASSERT_EQUAL(report_cell(&r, 0, 0)->e.n, 0);
	CU_ASSERT_TRUE(isnan(report_cell(&r, 0, 0)->ratio.value));
	CU_ASSERT_EQUAL(report_traps(report_cell(&r, 0, 0)), 3);
	/* 40 of the counting sample, and 10 that only the timed one saw, in 10 operations. */
	CU_ASSERT_EQUAL(report_traps(report_cell(&r, 0, 1)), 5);
	report_free(&r);
	CU_ASSERT_EQUAL(report_make(&r, &d, NULL, "kvm", NULL, 0, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "kvm@emulated was measured on an emulated processor: its "
					 "times are no baseline");
	make(&r, &d, "traps_per_op.port-in", "kvm");
	CU_ASSERT_EQUAL(report_cell(&r, 0, 0)->e.median, 3);
	report_free(&r);
	data_free(&d);
}

/* One difference among many that are none is found, and of those few are. */
static void test_many(void)
{
	struct csvmake m = { .random = 5 };
	unsigned int found = 0;
	struct report r;
	struct data d;

	csvmake_file(&m, NULL);
	for (unsigned int i = 0; i < 50; i++) {
		char bench[8];

		snprintf(bench, sizeof(bench), "b%u", i);
		csvmake_samples(&m, "r", BT, bench, 10, 100, 0.02);
		csvmake_samples(&m, "r", TCG, bench, 10, i ? 100 : 130, 0.02);
	}
	csvmake_done(&m, &d);
	make(&r, &d, NULL, NULL);
	CU_ASSERT_EQUAL(r.compared, 50);
	for (unsigned int b = 0; b < 50; b++)
		found += report_cell(&r, b, 1)->p <= SIGNIFICANT;
	CU_ASSERT_TRUE(report_cell(&r, 0, 1)->p < 1e-4);
	CU_ASSERT_TRUE(found <= 3);
	report_free(&r);
	data_free(&d);
}

static void test_published(void)
{
	CU_ASSERT_EQUAL(published_for("syscall")->software, 2308);
	CU_ASSERT_EQUAL(published_for("ptemod-pn")->hardware, 12733);
	CU_ASSERT_STRING_EQUAL(published_for("linux/forkwait")->unit, "s");
	CU_ASSERT_PTR_NULL(published_for("in-32"));
	CU_ASSERT_PTR_NULL(published_for("cpuid"));
}

CU_TestInfo tests_report[] = { { "samples taken in pairs", test_pairs },
			       { "what an operation costs", test_costs },
			       { "emulated processors; traps", test_emulated },
			       { "one difference among fifty", test_many },
			       { "Adams & Agesen's rows", test_published },
			       CU_TEST_INFO_NULL };
