/* SPDX-License-Identifier: MIT */
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct variant variant(void)
{
	return (struct variant){ .backend = fake_backends[0], .label = "alpha" };
}

static void test_good(void)
{
	struct bench bench = fake_bench("good");
	struct variant v = variant();
	struct sample s = fake_sample(&bench, &v);

	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	CU_ASSERT_STRING_EQUAL(s.reason, "");
	CU_ASSERT_EQUAL(s.verdict.iters, 1000);
	CU_ASSERT_EQUAL(s.verdict.cycles, 102000);
	CU_ASSERT_EQUAL(s.raw->traps.c[TRAP_PORT_IN].count, 1000);
	sample_free(&s);
	CU_ASSERT_PTR_NULL(s.raw);
}

/* Whatever becomes of the process or its guest is a sample, with a reason that says what. */
static const struct {
	const char *name;
	enum sample_status status;
	const char *reason;
} ends[] = {
	{ "crash", SAMPLE_FAIL, "died of signal 6" },
	{ "hang", SAMPLE_FAIL, "did not end within its time-out" },
	{ "exit", SAMPLE_FAIL, "exited with status 9" },
	{ "error", SAMPLE_FAIL, "no room for guest RAM" },
	{ "silent", SAMPLE_FAIL, "no result line; last words: panic: ? no idea" },
	{ "garbage", SAMPLE_FAIL, "no cycles=N at \"cyc\"" },
	{ "liar", SAMPLE_FAIL, "status 3 contradicts" },
	{ "misnamed", SAMPLE_FAIL, "guest says it is good, 64-bit" },
	{ "triple", SAMPLE_FAIL, "triple fault at rip 0x1000; last words: almost there" },
	{ "skip", SAMPLE_SKIP, "no AVX" },
	{ "fail", SAMPLE_FAIL, "got 3, not 4" },
	{ "scribble", SAMPLE_FAIL, "" },
};

static void test_ends(void)
{
	struct variant v = variant();

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct bench bench = fake_bench(ends[i].name);
		struct sample s = fake_sample(&bench, &v);

		CU_ASSERT_EQUAL(s.status, ends[i].status);
		CU_ASSERT_PTR_NOT_NULL(strstr(s.reason, ends[i].reason));
		CU_ASSERT_NOT_EQUAL(s.reason[0], '\0');
		sample_free(&s);
	}
}

/* The guest cannot know how long its machine took. */
static void test_boot(void)
{
	struct bench bench = fake_bench("linux/boot"), silent = fake_bench("linux/good");
	struct variant v = variant();
	struct sample s;

	bench.in_linux = bench.boot = silent.in_linux = silent.boot = true;
	s = fake_sample(&bench, &v);
	CU_ASSERT_EQUAL(s.status, SAMPLE_OK);
	CU_ASSERT_TRUE(s.raw->init_ticks > 0);
	CU_ASSERT_EQUAL(s.verdict.cycles, s.raw->init_ticks);
	sample_free(&s);
	s = fake_sample(&silent, &v);
	CU_ASSERT_EQUAL(s.status, SAMPLE_FAIL);
	CU_ASSERT_STRING_EQUAL(s.reason, "init printed no first line");
	sample_free(&s);
}

/* What is printed beyond the room for it is lost, and no more. */
static void test_print(void)
{
	static struct sample_raw raw;

	raw.console_len = SAMPLE_CONSOLE - 4;
	sample_print(&raw, "init: first line", 16);
	CU_ASSERT_EQUAL(raw.console_len, SAMPLE_CONSOLE);
	CU_ASSERT_EQUAL(memcmp(raw.console + SAMPLE_CONSOLE - 4, "init", 4), 0);
	CU_ASSERT_EQUAL(raw.init_ticks, 0);
	sample_print(&raw, "x", 1);
	CU_ASSERT_EQUAL(raw.console_len, SAMPLE_CONSOLE);
}

static void test_skip(void)
{
	struct bench bench = fake_bench("linux/fork");
	static struct sample_raw raw;
	struct verdict verdict;
	struct error err;

	bench.in_linux = true;
	sample_skip(&raw, &bench, "run make guests");
	CU_ASSERT_EQUAL(verdict_find(&verdict, raw.console, raw.console_len, &err), 0);
	CU_ASSERT_EQUAL(verdict.kind, VERDICT_SKIP);
	CU_ASSERT_STRING_EQUAL(verdict.bench, "fork");
	CU_ASSERT_STRING_EQUAL(verdict.reason, "run make guests");
	CU_ASSERT_EQUAL(raw.exit_status, verdict_status(VERDICT_SKIP));
}

static void on_alarm(int signo)
{
	(void)signo;
}

static void test_signal(void)
{
	struct bench bench = fake_bench("hang");
	struct variant v = variant();
	const struct sample_request request = { .bench = &bench, .variant = &v };
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	struct sample s;
	sigset_t none;

	/* No time-out at all: only the signal can end the wait. */
	sigemptyset(&none);
	sigaction(SIGALRM, &sa, &old);
	ualarm(50000, 0);
	CU_ASSERT_EQUAL(sample_take(&fake_runner, &request, &none, &s, NULL), -EINTR);
	CU_ASSERT_PTR_NULL(s.raw);
	sigaction(SIGALRM, &old, NULL);
}

CU_TestInfo tests_sample[] = {
	{ "a good sample", test_good },
	{ "crashes, hangs and nonsense are failed samples with a reason", test_ends },
	{ "the host takes the time of a boot", test_boot },
	{ "a console that is full", test_print },
	{ "skipped in the guest's stead", test_skip },
	{ "a signal ends the wait and the child", test_signal },
	CU_TEST_INFO_NULL,
};
