/* SPDX-License-Identifier: MIT */
#include "bench/verify.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static void test_normalize(void)
{
	static const char in[] = "a=1 cycles=123 loop=4 loops=5 lat_p50=77 var_x=1 lat_=8\r\n"
				 "cycles= xcycles=9 cycles=18446744073709551615";
	char out[200];

	verify_normalize(in, strlen(in), out, sizeof(out));
	CU_ASSERT_STRING_EQUAL(out, "a=1 cycles=* loop=* loops=5 lat_p50=* var_x=* lat_=8\n"
				    "cycles= xcycles=9 cycles=*");
	/* Cut off where there is no room, never beyond. */
	memset(out, 'x', sizeof(out));
	verify_normalize(in, strlen(in), out, 8);
	CU_ASSERT_TRUE(strlen(out) < 8);
	CU_ASSERT_EQUAL(out[8], 'x');
}

static void test_state(void)
{
	struct cpu_state a, b;

	cpu_state_reset(&a);
	b = a;
	b.gpr[RAX] = 1;
	b.rflags ^= 0x8d5;
	b.ev.interrupt_injected = true;
	CU_ASSERT_PTR_NULL(verify_state_differs(&a, &b));
	b.rflags ^= RFLAGS_IF;
	CU_ASSERT_PTR_NOT_NULL(verify_state_differs(&a, &b));
	b = a;
	b.rip++;
	CU_ASSERT_PTR_NOT_NULL(verify_state_differs(&a, &b));
	b = a;
	b.msr.lstar = 1;
	CU_ASSERT_PTR_NOT_NULL(verify_state_differs(&a, &b));
	b = a;
	b.seg[SEG_SS].limit--;
	CU_ASSERT_PTR_NOT_NULL(verify_state_differs(&a, &b));
}

static void test_compare(void)
{
	struct variant alpha = { .backend = fake_backends[0] },
		       beta = { .backend = fake_backends[1] };
	struct bench bench = fake_bench("good");
	struct sample a = fake_sample(&bench, &alpha), b = fake_sample(&bench, &beta);
	struct error err;

	/* Same but for its times. */
	CU_ASSERT_NOT_EQUAL(a.verdict.cycles, b.verdict.cycles);
	CU_ASSERT_EQUAL(verify_compare(&bench, &a, &b, &err), 0);
	b.raw->console[0] = 'j';
	CU_ASSERT_NOT_EQUAL(verify_compare(&bench, &a, &b, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "printed \"jello\", not \"hello\"");
	b.raw->console[0] = 'h';
	b.raw->console_len -= strlen("pages=4 ok\n");
	CU_ASSERT_NOT_EQUAL(verify_compare(&bench, &a, &b, &err), 0);
	b.raw->console_len += strlen("pages=4 ok\n");
	/* A kernel's messages and what it ends in depend on time; its program's line does not. */
	b.raw->console[0] = 'j';
	b.raw->state.cr0 = 1;
	bench.in_linux = true;
	CU_ASSERT_EQUAL(verify_compare(&bench, &a, &b, &err), 0);
	b.raw->console_len -= strlen("pages=4 ok\n");
	CU_ASSERT_NOT_EQUAL(verify_compare(&bench, &a, &b, &err), 0);
	b.raw->console_len += strlen("pages=4 ok\n");
	b.raw->console[0] = 'h';
	bench.in_linux = false;
	CU_ASSERT_NOT_EQUAL(verify_compare(&bench, &a, &b, &err), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "ended with another cr0"));
	sample_free(&a);
	sample_free(&b);
}

static void test_counts(void)
{
	struct variant alpha = { .backend = fake_backends[0] };
	struct bench bench = fake_bench("good");
	struct sample s = fake_sample(&bench, &alpha);

	CU_ASSERT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	bench.trap = "port-in";
	bench.traps_per_op = 1;
	CU_ASSERT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	bench.traps_per_op = 2;
	CU_ASSERT_NOT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	bench.trap = "*";
	CU_ASSERT_NOT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	bench.trap = "no-such-cause";
	CU_ASSERT_NOT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	/* 77 of them, but nobody claims to see them all. */
	bench.trap = "cpuid";
	CU_ASSERT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	s.raw->have_traps = 0;
	CU_ASSERT_NOT_EQUAL(verify_counts(&bench, &s, NULL), 0);
	sample_free(&s);
}

static void test_all(void)
{
	struct bench bench[] = { fake_bench("good"), fake_bench("skip"), fake_bench("crash") };
	static const struct variant_defaults plain;
	const struct bench *list[] = { &bench[0], &bench[1], &bench[2] };
	struct variant variant[VARIANTS_MAX];
	struct run run = { .bench = list,
			   .benches = 3,
			   .variant = variant,
			   .scale = 1,
			   .timeout_ns = NSEC_PER_SEC };
	struct verify_sum sum = { 0 };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	run.variants = (unsigned int)variants_parse(variant, fake_backends, NULL, &plain, NULL);
	CU_ASSERT_EQUAL(verify_all(&run, &fake_runner, true, f, &sum, NULL), 0);
	fclose(f);
	CU_ASSERT_EQUAL(sum.passed, 1);
	CU_ASSERT_EQUAL(sum.skipped, 1);
	CU_ASSERT_EQUAL(sum.failed, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ok    good"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "FAIL  crash                    alpha: the virtual"));
	free(text);
}

/* Compute guests are right or wrong after a few operations, unless the user says how many. */
static void test_iterations(void)
{
	struct bench bench = fake_bench("good");
	struct run run = { .scale = 0.1 };

	CU_ASSERT_EQUAL(verify_iterations(&run, &bench), 100);
	bench.compute = true;
	CU_ASSERT_EQUAL(verify_iterations(&run, &bench), 1);
	run.iterations = 500;
	CU_ASSERT_EQUAL(verify_iterations(&run, &bench), 500);
}

/* The table's guests must go wrong where the engine only traps, and nowhere else. */
static void test_hole(void)
{
	struct variant trap = { .backend = fake_backends[0], .engine = "trap" }, bt = trap;
	struct bench bench = fake_bench("good");
	struct sample s = fake_sample(&bench, &trap);

	strcpy(bt.engine, "bt");
	CU_ASSERT_FALSE(verify_hole(&bench, &trap, &s));
	bench.hole = "POPF";
	CU_ASSERT_TRUE(verify_hole(&bench, &trap, &s));
	CU_ASSERT_FALSE(verify_hole(&bench, &bt, &s));
	/* Stepped from beginning to end. */
	s.raw->nr_counters = 1;
	s.raw->counter[0] = (struct sample_counter){ "swbt.direct.stepped", 100 };
	CU_ASSERT_FALSE(verify_hole(&bench, &trap, &s));
	s.raw->nr_counters = 2;
	s.raw->counter[1] = (struct sample_counter){ "swbt.direct.entries", 1 };
	CU_ASSERT_TRUE(verify_hole(&bench, &trap, &s));
	sample_free(&s);
}

CU_TestInfo tests_verify[] = {
	{ "compute guests do a hundredth", test_iterations },
	{ "times are taken out of what guests print", test_normalize },
	{ "state is compared, but for what holds times", test_state },
	{ "output and state of two samples", test_compare },
	{ "trap counts that hardware gives exactly", test_counts },
	{ "a line for each guest", test_all },
	{ "what fails silently", test_hole },
	CU_TEST_INFO_NULL,
};
