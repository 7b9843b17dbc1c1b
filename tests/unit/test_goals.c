/* SPDX-License-Identifier: MIT */
/* Ratios to peers, goals, and the table that shows them. */
#include "bench/peer.h"
#include "bench/goals_table.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPS 3
enum { OURS, NATIVE, MAX, QEMU64, VARIANTS };

static const struct variant *variants(void)
{
	static struct variant v[VARIANTS];

	v[OURS] = (struct variant){ .backend = fake_backends[0], .label = "alpha" };
	v[NATIVE] = (struct variant){ .backend = &peer_native, .label = "native" };
	v[MAX] =
		(struct variant){ .backend = &peer_qemu_tcg, .engine = "max", .label = "qemu-tcg" };
	v[QEMU64] = (struct variant){ .backend = &peer_qemu_tcg,
				      .engine = "qemu64",
				      .label = "qemu-tcg:qemu64" };
	return v;
}

/* Samples of CYCLES, 10 % less and 20 % more; the loop costs 2. */
static void fill(struct result *r, double cycles)
{
	static const double factor[REPS] = { 0.9, 1.2, 1 };

	r->taken = REPS;
	for (; r->nr < REPS; r->nr++) {
		r->cycles[r->nr] = cycles * factor[r->nr];
		r->loop[r->nr] = 2;
	}
}

static void make(struct result *r, const struct bench *bench, const double cycles[VARIANTS])
{
	for (int i = 0; i < VARIANTS; i++) {
		CU_ASSERT_EQUAL_FATAL(result_init(&r[i], bench, &variants()[i], REPS), 0);
		if (!isnan(cycles[i]))
			fill(&r[i], cycles[i]);
	}
}

static void drop(struct result *r)
{
	for (int i = 0; i < VARIANTS; i++)
		result_fini(&r[i]);
}

static void test_ratios(void)
{
	const struct bench bench = fake_bench("sieve");
	struct result r[VARIANTS];
	struct comparison c;

	make(r, &bench, (double[]){ 100, 80, 900, 700 });
	c = compare(r, VARIANTS);
	CU_ASSERT_PTR_EQUAL(c.ours, &r[OURS]);
	CU_ASSERT_PTR_EQUAL(c.native, &r[NATIVE]);
	CU_ASSERT_PTR_EQUAL(c.emulated, &r[QEMU64]);
	CU_ASSERT_DOUBLE_EQUAL(c.slowdown.value, 1.25, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(c.lead.value, 7, 1e-9);
	/* Noise that both shared is not in the ratio of their pairs. */
	CU_ASSERT_DOUBLE_EQUAL(c.lead.range.low, 7, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(c.lead.range.high, 7, 1e-9);
	CU_ASSERT_FALSE(c.lead.whole);
	drop(r);
}

/* An operation that the loop hides: 0.5 against 8, and 2 for the loop on both sides. */
static void test_small(void)
{
	const struct bench bench = fake_bench("swapgs");
	struct result r[VARIANTS];
	struct comparison c;

	make(r, &bench, (double[]){ 0.5, NAN, 8, NAN });
	c = compare(r, VARIANTS);
	CU_ASSERT_TRUE(c.lead.whole);
	CU_ASSERT_DOUBLE_EQUAL(c.lead.value, 4, 1e-9);
	CU_ASSERT_PTR_NULL(c.native);
	CU_ASSERT_TRUE(isnan(c.slowdown.value));
	drop(r);
}

/* Where a guest waits, it is not the cycles that count. */
static void test_latency(void)
{
	const struct bench bench = fake_bench("hlt");
	struct result r[VARIANTS];
	struct comparison c;

	make(r, &bench, (double[]){ -100, NAN, -200, NAN });
	for (int i = 0; i < REPS; i++) {
		r[OURS].latency[i] = 50;
		r[MAX].latency[i] = 150;
	}
	c = compare(r, VARIANTS);
	CU_ASSERT_DOUBLE_EQUAL(c.lead.value, 3, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(c.lead.range.low, 3, 1e-9);
	drop(r);
}

static void test_goals(void)
{
	struct bench bench[3] = { fake_bench("cr3-write"), fake_bench("cr3-write-64"),
				  fake_bench("out") };
	struct result r[3][VARIANTS];
	struct comparison c[3];
	const struct goal *g = NULL;

	make(r[0], &bench[0], (double[]){ 100, NAN, 200, NAN });
	make(r[1], &bench[1], (double[]){ 100, NAN, 800, NAN });
	make(r[2], &bench[2], (double[]){ 100, NAN, 90, NAN });
	for (int i = 0; i < 3; i++)
		c[i] = compare(r[i], VARIANTS);
	for (int i = 0; i < GOALS; i++)
		if (!strcmp(goals[i].title, "CR3 write"))
			g = &goals[i];
	CU_ASSERT_PTR_NOT_NULL_FATAL(g);
	CU_ASSERT_DOUBLE_EQUAL(goal_mean(g, c, 3), 4, 1e-9);
	CU_ASSERT_TRUE(goal_met(g, 3));
	CU_ASSERT_FALSE(goal_met(g, 2.9));
	CU_ASSERT_TRUE(isnan(goal_mean(&goals[0], c, 3)));
	CU_ASSERT_EQUAL(wanted_lead(&bench[0]), 3);
	CU_ASSERT_EQUAL(wanted_lead(&bench[2]), 1);
	for (int i = 0; i < 3; i++)
		drop(r[i]);
}

static char *printed(bool markdown, const struct comparison *c, unsigned int n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	goals_print(f, markdown, "alpha", c, n);
	fclose(f);
	return text;
}

static const struct goal *goal_named(const char *title)
{
	for (int i = 0; i < GOALS; i++)
		if (!strcmp(goals[i].title, title))
			return &goals[i];
	return NULL;
}

/* Means of work in Linux: of compute, of all else, and the boot apart from both. */
static void test_linux_goals(void)
{
	struct bench bench[4] = { fake_bench("sieve"), fake_bench("linux/sieve"),
				  fake_bench("linux/fork"), fake_bench("linux/boot") };
	struct result r[4][VARIANTS];
	struct comparison c[4];
	char *text;

	bench[0].compute = bench[1].compute = true;
	bench[3].boot = true;
	for (int i = 0; i < 4; i++) {
		make(r[i], &bench[i], (double[]){ 100, i < 3 ? 50 : NAN, 200 + 100 * i, NAN });
		c[i] = compare(r[i], VARIANTS);
	}
	CU_ASSERT_DOUBLE_EQUAL(goal_mean(goal_named("compute, times as fast as TCG"), c, 4), 2,
			       1e-9);
	CU_ASSERT_DOUBLE_EQUAL(
		goal_mean(goal_named("in Linux: compute, times as fast as TCG"), c, 4), 3, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(
		goal_mean(goal_named("in Linux: kernel work, times as fast as TCG"), c, 4), 4,
		1e-9);
	CU_ASSERT_DOUBLE_EQUAL(goal_mean(goal_named("Linux boot, times as fast as TCG"), c, 4), 5,
			       1e-9);
	/* A mean of 3 is wanted, of each no more than to be no slower. */
	CU_ASSERT_EQUAL(wanted_lead(&bench[2]), 1);
	CU_ASSERT_EQUAL(wanted_lead(&bench[3]), 4);
	text = printed(true, c, 4);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "| in Linux: kernel work, times native | 2.00 | - |  |\n"));
	free(text);
	for (int i = 0; i < 4; i++)
		drop(r[i]);
}

static void test_head(void)
{
	const struct bench boot = { .name = "linux/boot", .in_linux = true };
	const struct bench *const list[] = { &boot };
	struct run run = { .run_id = "r7", .reps = 4, .host_kind = "nested" };
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	goals_head(f, &run);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Run r7, 4 repetitions, version "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Host: nested. Processor: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Load before: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "`make bench-peer`"));
	free(text);
	f = open_memstream(&text, &size);
	run.bench = list;
	run.benches = 1;
	goals_head(f, &run);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "`make bench-linux`"));
	free(text);
}

static void test_report(void)
{
	struct bench bench[3] = { fake_bench("sieve"), fake_bench("in"), fake_bench("avx") };
	struct result r[3][VARIANTS];
	struct comparison c[3];
	char *text;

	bench[0].compute = true;
	make(r[0], &bench[0], (double[]){ 100, 80, 900, NAN });
	make(r[1], &bench[1], (double[]){ 100, NAN, 150, NAN });
	make(r[2], &bench[2], (double[]){ 100, NAN, NAN, NAN });
	r[2][MAX].status = SAMPLE_FAIL;
	strcpy(r[2][MAX].reason, "no result line");
	for (int i = 0; i < 3; i++)
		c[i] = compare(r[i], VARIANTS);
	text = printed(true, c, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		text, "| sieve | 80.0 | 100 | 900 | max | 1.25 | 9.00 [9.00 .. 9.00] |  |\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "| 1.50 [1.50 .. 1.50] | below what is wanted |\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "avx, qemu-tcg: no result line\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "| compute, times native | 1.25 | at most 1.5 | reached |\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "2 benchmarks compared with TCG: 0 are slower, 1 more are below"));
	free(text);
	text = printed(false, c, 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  port read  "));
	CU_ASSERT_PTR_NULL(strstr(text, "|"));
	free(text);
	for (int i = 0; i < 3; i++)
		drop(r[i]);
}

/* Of a peer that takes no part there are no columns, and nothing is said. */
static void test_native_alone(void)
{
	struct bench bench = fake_bench("sieve");
	struct result r[VARIANTS];
	struct comparison c;
	char *text;

	make(r, &bench, (double[]){ 100, 80, NAN, NAN });
	c = compare(r, NATIVE + 1);
	text = printed(true, &c, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "| benchmark | native | alpha | times native |  |\n"
					    "|---|--:|--:|--:|---|\n"
					    "| sieve | 80.0 | 100 | 1.25 |  |\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "TCG"));
	free(text);
	drop(r);
}

CU_TestInfo tests_goals[] = {
	{ "ratios of medians and of pairs, to the fastest model", test_ratios },
	{ "an operation that the loop hides", test_small },
	{ "latencies of guests that wait", test_latency },
	{ "goals are geometric means", test_goals },
	{ "goals of work in Linux", test_linux_goals },
	{ "the table in both forms", test_report },
	{ "the table without a peer", test_native_alone },
	{ "where and how it was made", test_head },
	CU_TEST_INFO_NULL,
};
