/* SPDX-License-Identifier: MIT */
/* Two files compared: simulated ones, of which it is known what changed. */
#include "bench/changes.h"
#include "tests/unit/csvmake.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#define VM	"swbt,bt,,nested"
#define RIG	"kvm,,,emulated"
#define BENCHES 40

static void make(struct changes *c, const struct data *d)
{
	struct error err = { "" };

	CU_ASSERT_EQUAL_FATAL(changes_make(c, d, NULL, 0.02, NULL, 0, &err), 0);
}

/* A run of BENCHES benchmarks; every tenth is SLOWER times as slow. */
static void add_run(struct csvmake *m, unsigned int reps, double slower)
{
	char bench[16];

	csvmake_file(m, NULL);
	for (unsigned int i = 0; i < BENCHES; i++) {
		snprintf(bench, sizeof(bench), "b%u", i);
		csvmake_samples(m, m->files == 1 ? "r" : "s", VM, bench, reps,
				(100 + i) * (i % 10 ? 1 : slower), 0.02);
	}
}

/* Nothing changed: nearly no table of 40 rows has a change, and nearly all intervals overlap. */
static void test_nothing(void)
{
	struct csvmake m = { .random = 1 };
	unsigned int alarms = 0, trials = 24, overlapping = 0, rows = 0;

	for (unsigned int t = 0; t < trials; t++) {
		struct changes c;
		struct data d;

		add_run(&m, t % 2 ? 5 : 10, 1);
		add_run(&m, t % 2 ? 5 : 10, 1);
		csvmake_done(&m, &d);
		make(&c, &d);
		CU_ASSERT_EQUAL(c.rows, BENCHES);
		alarms += c.kinds[CHANGE_SLOWER] + c.kinds[CHANGE_FASTER] > 0;
		overlapping += c.overlapping;
		rows += c.intervals;
		changes_free(&c);
		data_free(&d);
	}
	CU_ASSERT_TRUE(alarms <= 4);
	CU_ASSERT_TRUE(overlapping >= 0.95 * rows);
}

/* 10 % slower is found where it is, and nowhere else; backwards it is faster. */
static void test_slower(void)
{
	struct csvmake m = { .random = 2 };
	struct changes c;
	struct data d;

	for (int back = 0; back < 2; back++) {
		enum change_kind wanted = back ? CHANGE_FASTER : CHANGE_SLOWER;
		unsigned int found = 0;

		add_run(&m, 10, back ? 1.1 : 1);
		add_run(&m, 10, back ? 1 : 1.1);
		csvmake_done(&m, &d);
		make(&c, &d);
		for (unsigned int i = 0; i < c.rows; i++) {
			found += c.row[i].kind == wanted;
			CU_ASSERT_TRUE(c.row[i].kind == CHANGE_NONE || c.row[i].bench % 10 == 0);
		}
		CU_ASSERT_EQUAL(found, 4);
		CU_ASSERT_EQUAL(c.kinds[wanted], 4);
		CU_ASSERT_FALSE(c.row[0].ratio.paired);
		changes_free(&c);
		data_free(&d);
	}
}

/* Significant, but less than the threshold. */
static void test_threshold(void)
{
	struct csvmake m = { .random = 3 };
	struct error err = { "" };
	struct changes c;
	struct data d;

	for (int file = 0; file < 2; file++) {
		csvmake_file(&m, NULL);
		csvmake_samples(&m, file ? "s" : "r", VM, "in", 10, file ? 101 : 100, 0.0005);
	}
	csvmake_done(&m, &d);
	make(&c, &d);
	CU_ASSERT_TRUE(c.row[0].p < 0.001);
	CU_ASSERT_EQUAL(c.row[0].kind, CHANGE_NONE);
	changes_free(&c);
	CU_ASSERT_EQUAL_FATAL(changes_make(&c, &d, NULL, 0.005, NULL, 0, &err), 0);
	CU_ASSERT_EQUAL(c.row[0].kind, CHANGE_SLOWER);
	changes_free(&c);
	data_free(&d);
}

/* The three in the middle agree by chance, so that the test is sure; but one of B is as fast as A.
 */
static void test_burst(void)
{
	static const double value[2][5] = { { 3539, 3387, 3685, 3500, 3560 },
					    { 3450, 13900, 13991, 14050, 18801 } };
	struct csvmake m = { .random = 5 };
	struct changes c;
	struct data d;

	for (int file = 0; file < 2; file++) {
		csvmake_file(&m, NULL);
		for (int rep = 0; rep < 5; rep++) {
			csvmake_key(&m, file ? "s" : "r", VM, "in", rep + 1);
			fprintf(m.file[file].f, "cycles_per_op,cycles,%g\n", value[file][rep]);
		}
	}
	csvmake_done(&m, &d);
	make(&c, &d);
	CU_ASSERT_TRUE(c.row[0].p < 0.001);
	CU_ASSERT_TRUE(c.row[0].ratio.range.low < 1);
	CU_ASSERT_EQUAL(c.row[0].kind, CHANGE_NONE);
	changes_free(&c);
	data_free(&d);
}

static void test_missing(void)
{
	struct csvmake m = { .random = 4 };
	struct error err = { "" };
	struct changes c;
	struct data d;

	csvmake_file(&m, NULL);
	csvmake_samples(&m, "r", VM, "in", 5, 100, 0.01);
	csvmake_samples(&m, "r", VM, "gone", 5, 100, 0.01);
	csvmake_samples(&m, "r", VM, "broken", 5, 100, 0.01);
	csvmake_samples(&m, "r", VM, "few", 2, 100, 0.01);
	csvmake_samples(&m, "r", RIG, "in", 5, 100, 0.01);
	csvmake_file(&m, NULL);
	csvmake_samples(&m, "s", VM, "in", 5, 100, 0.01);
	csvmake_samples(&m, "s", VM, "new", 5, 100, 0.01);
	csvmake_samples(&m, "s", VM, "few", 2, 200, 0.01);
	csvmake_key(&m, "s", VM, "broken", 1);
	fputs("status,text,fail: wrong result\n", m.file[1].f);
	csvmake_samples(&m, "s", RIG, "in", 5, 300, 0.01);
	csvmake_done(&m, &d);
	make(&c, &d);
	CU_ASSERT_EQUAL(c.rows, 5);
	CU_ASSERT_EQUAL(c.kinds[CHANGE_NONE], 1);
	CU_ASSERT_EQUAL(c.kinds[CHANGE_ONLY_A], 1);
	CU_ASSERT_EQUAL(c.kinds[CHANGE_ONLY_B], 1);
	CU_ASSERT_EQUAL(c.kinds[CHANGE_FAILED], 1);
	CU_ASSERT_EQUAL(c.kinds[CHANGE_UNKNOWN], 1);
	/* What an emulated processor took, is no time. */
	CU_ASSERT_EQUAL(c.emulated, 1);
	CU_ASSERT_EQUAL(c.kinds[CHANGE_SLOWER], 0);
	CU_ASSERT_EQUAL(c.intervals, 2);
	CU_ASSERT_EQUAL(c.overlapping, 1);
	changes_free(&c);
	CU_ASSERT_EQUAL(changes_make(&c, &d, "nosuch", 0.02, NULL, 0, &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "A: no samples of metric \"nosuch\"");
	CU_ASSERT_EQUAL(changes_make(&c, &d, NULL, 0.02, (const char *[]){ "x*" }, 1, &err),
			-EINVAL);
	data_free(&d);
}

CU_TestInfo tests_changes[] = { { "nothing changed", test_nothing },
				{ "10 % slower", test_slower },
				{ "a burst of noise", test_burst },
				{ "less than the threshold", test_threshold },
				{ "missing, failed, too few, emulated", test_missing },
				CU_TEST_INFO_NULL };
