/* SPDX-License-Identifier: MIT */
#include "bench/warmup.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N 40

static int find(struct chunks *s, const char *text)
{
	return chunks_find(s, text, strlen(text));
}

static void test_line(void)
{
	static const char *const bad[] = {
		"fvbench-chunks: ops=4 1 2", /* cut off */
		"fvbench-chunks: ops=0 1 2\n",	  "fvbench-chunks: ops= 1\n",
		"fvbench-chunks: ops=4 1 x\n",	  "fvbench-chunks: ops=4 1  2\n",
		"fvbench-chunks: ops=4 1 -2\n",	  "fvbench-chunks: ops=4 0\n",
		"fvbench-chunks: ops=4 1 2 ok\n", "fvbench-chunks: ops=4 99999999999999999999999\n",
	};
	char many[8 * DESIGN_CHUNKS] = "fvbench-chunks: ops=1";
	struct chunks s;

	CU_ASSERT_EQUAL(find(&s, "hello\r\nfvbench-chunks: ops=4 100 50 42\r\nfvbench: ...\n"), 0);
	CU_ASSERT_EQUAL(s.ops, 4);
	CU_ASSERT_EQUAL(s.n, 3);
	CU_ASSERT_EQUAL(s.per_op[2], 10.5);
	CU_ASSERT_EQUAL(find(&s, "fvbench: bench=x\n"), -ENODATA);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_EQUAL(find(&s, bad[i]), -EINVAL);
	for (int i = 0; i <= DESIGN_CHUNKS; i++)
		strcat(many, " 7");
	strcat(many, "\n");
	CU_ASSERT_EQUAL(find(&s, many), -EINVAL);
	CU_ASSERT_EQUAL(s.n, DESIGN_CHUNKS);
}

/* Levels A up to X, then B up to Y, then C, with noise of 1 %. */
static void fill(double v[N], double a, unsigned int x, double b, unsigned int y, double c)
{
	for (unsigned int i = 0; i < N; i++)
		v[i] = (i < x ? a : i < y ? b : c) * (0.99 + 0.02 * drand48());
}

static void test_kinds(void)
{
	struct warmup w;
	double v[N];

	srand48(1);
	fill(v, 100, 0, 100, 0, 100);
	w = warmup_of(v, N);
	CU_ASSERT_EQUAL(w.kind, STEADY_FLAT);
	CU_ASSERT_EQUAL(w.before, 0);
	CU_ASSERT_EQUAL(w.excess, 0);
	CU_ASSERT_DOUBLE_EQUAL(w.level, 100, 1);
	/* Cold code, then a second thing that is learnt. */
	fill(v, 900, 1, 150, 6, 100);
	w = warmup_of(v, N);
	CU_ASSERT_EQUAL(w.kind, STEADY_WARMUP);
	CU_ASSERT_EQUAL(w.before, 6);
	CU_ASSERT_DOUBLE_EQUAL(w.level, 100, 1);
	CU_ASSERT_DOUBLE_EQUAL(w.excess, 800 + 5 * 50, 20);
	/* In steps, each once. */
	v[0] = 900, v[1] = 500, v[2] = 300, v[3] = 200;
	v[4] = v[5] = 100;
	CU_ASSERT_EQUAL(warmup_of(v, N).before, 4);
	fill(v, 100, 10, 100, 0, 130);
	w = warmup_of(v, N);
	CU_ASSERT_EQUAL(w.kind, STEADY_SLOWDOWN);
	CU_ASSERT_EQUAL(w.before, 10);
	/* It changed in the last quarter. */
	fill(v, 100, 33, 100, 0, 130);
	w = warmup_of(v, N);
	CU_ASSERT_EQUAL(w.kind, STEADY_NONE);
	CU_ASSERT_TRUE(isnan(w.level));
	CU_ASSERT_EQUAL(warmup_of(v, WARMUP_LEAST - 1).kind, STEADY_UNKNOWN);
}

/* What an interrupt does to one value is no level, wherever it is. */
static void test_outliers(void)
{
	struct warmup w;
	double v[N];

	srand48(2);
	fill(v, 300, 2, 100, 0, 100);
	v[9] = 250;
	v[20] = 400;
	v[21] = 180;
	v[N - 1] = 900;
	w = warmup_of(v, N);
	CU_ASSERT_EQUAL(w.kind, STEADY_WARMUP);
	CU_ASSERT_EQUAL(w.before, 2);
}

/* Noise alone hardly ever makes levels, and never an error. */
static void test_noise(void)
{
	unsigned int flat = 0;
	double v[N];

	srand48(3);
	for (int t = 0; t < 300; t++) {
		for (unsigned int i = 0; i < N; i++)
			v[i] = 100 * exp(0.1 * (drand48() + drand48() + drand48()));
		flat += warmup_of(v, N).kind == STEADY_FLAT;
	}
	CU_ASSERT_TRUE(flat >= 290);
	/* A clock that is exact, or not there. */
	for (unsigned int i = 0; i < N; i++)
		v[i] = 7;
	CU_ASSERT_EQUAL(warmup_of(v, N).kind, STEADY_FLAT);
}

static void test_drift(void)
{
	const double up[] = { 1, 2, 3, 4, 5, 6 }, mixed[] = { 1, 3, 2, 4 },
		     equal[] = { 2, 2, 2, 2 };
	double slope[100];
	struct drift d = drift_of(up, 6);

	/* One order of 720 rises like this, one falls. */
	CU_ASSERT_DOUBLE_EQUAL(d.p, 2.0 / 720, 1e-12);
	CU_ASSERT_DOUBLE_EQUAL(d.change, 1.5, 1e-12);
	CU_ASSERT_TRUE(drifts(&d));
	/* 1 order of 24 has no falling pair, 3 have one. */
	d = drift_of(mixed, 4);
	CU_ASSERT_DOUBLE_EQUAL(d.p, 2 * 4.0 / 24, 1e-12);
	CU_ASSERT_FALSE(drifts(&d));
	d = drift_of(equal, 4);
	CU_ASSERT_EQUAL(d.p, 1);
	CU_ASSERT_FALSE(drifts(&d));
	CU_ASSERT_TRUE(isnan(drift_of(up, 3).p));
	/* Certain, but too little to matter; and many values. */
	for (int i = 0; i < 100; i++)
		slope[i] = 1000 + i * 0.1;
	d = drift_of(slope, 100);
	CU_ASSERT_TRUE(d.p < 1e-6);
	CU_ASSERT_FALSE(drifts(&d));
}

CU_TestInfo tests_warmup[] = {
	{ "the line of chunks", test_line },
	{ "flat, warm-up, slow-down, no steady state", test_kinds },
	{ "an interrupt is no level", test_outliers },
	{ "noise is no level", test_noise },
	{ "samples that drift", test_drift },
	CU_TEST_INFO_NULL,
};
