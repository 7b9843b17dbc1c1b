/* SPDX-License-Identifier: MIT */
#include "bench/hoststate.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool read_text(const char *text, const cpu_set_t *set, struct ticks *t)
{
	FILE *f = fmemopen((void *)text, strlen(text), "r");
	bool found = ticks_read(f, set, t);

	fclose(f);
	return found;
}

static void test_ticks(void)
{
	static const char stat[] = "cpu  1 1 1 1 1 1 1 1 0 0\n"
				   "cpu0 1 2 4 8 16 32 64 128 3 3\n"
				   "cpu1 100 0 0 0 0 0 0 7 0 0\n"
				   "cpu9 1 0 0 0 0 0 0 0 0 0\n"
				   "intr 5 5 5\ncpu2 9 9 9 9 9 9 9 9 9 9\n";
	cpu_set_t set;
	struct ticks t;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CPU_SET(2, &set);
	CU_ASSERT_TRUE(read_text(stat, &set, &t));
	CU_ASSERT_EQUAL(t.busy, 1 + 2 + 4 + 32 + 64);
	CU_ASSERT_EQUAL(t.idle, 8 + 16);
	CU_ASSERT_EQUAL(t.steal, 128);
	CPU_SET(1, &set);
	CU_ASSERT_TRUE(read_text(stat, &set, &t));
	CU_ASSERT_EQUAL(t.steal, 135);
	CPU_ZERO(&set);
	CU_ASSERT_FALSE(read_text(stat, &set, &t));
	CU_ASSERT_EQUAL(t.busy, 0);
}

static char *warnings(const struct host_matters *m)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	host_warn(f, m);
	fclose(f);
	return text;
}

static unsigned int lines(const char *text)
{
	unsigned int n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void test_warnings(void)
{
	const struct host_matters unknown = { -1, -1, -1, NAN, NAN, NAN, NAN },
				  fine = { 1, 0, 1, 0.5, 0.01, 0.05, 0 },
				  bad = { 0, 1, 0, 0.51, 0.011, 0.06, 3 };
	static const char *const words[] = {
		"governor is not performance",
		"turbo is on",
		"--cpu-pin=auto",
		"load is 0.51 per processor",
		"1.1 %",
		"hyperthread was busy 6 %",
		"heat 3 times",
	};
	char *text = warnings(&unknown);

	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	text = warnings(&fine);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	text = warnings(&bad);
	CU_ASSERT_EQUAL(lines(text), ARRAY_SIZE(words));
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		CU_ASSERT_PTR_NOT_NULL(strstr(text, words[i]));
	free(text);
}

static void test_shares(void)
{
	struct host_sum sum = { 0 };
	struct host_span span = { .here = { 60, 38, 2 }, .core = { 1, 9, 0 }, .throttled = NAN };
	struct host_matters m;

	host_add(&sum, &span);
	host_after(&m, &sum);
	CU_ASSERT_DOUBLE_EQUAL(m.steal_share, 0.02, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(m.core_busy_share, 0.1, 1e-9);
	CU_ASSERT_EQUAL(m.throttled, 0);
	/* Not counting the samples that were longer as one of many. */
	span.here = (struct ticks){ 300, 0, 0 };
	span.throttled = 4;
	host_add(&sum, &span);
	host_after(&m, &sum);
	CU_ASSERT_DOUBLE_EQUAL(m.steal_share, 0.005, 1e-9);
	CU_ASSERT_EQUAL(m.throttled, 4);
	memset(&sum, 0, sizeof(sum));
	host_after(&m, &sum);
	CU_ASSERT_TRUE(isnan(m.steal_share));
}

static void note(void *arg, const char *name, const char *unit, double value)
{
	(void)unit;
	CU_ASSERT_TRUE(isfinite(value));
	if (!strcmp(name, "host.cpu_time"))
		*(double *)arg = value;
}

/* A child that computes for a while is seen, and is not taken for others' work. */
static void test_child(void)
{
	struct host_reading before;
	struct host_span span;
	double cpu_ns = NAN;
	pid_t pid;

	host_read(&before, NULL);
	pid = fork();
	if (!pid) {
		for (clock_t end = clock() + CLOCKS_PER_SEC / 20; clock() < end;)
			;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	host_span(&span, &before, NULL);
	host_each(&span, note, &cpu_ns);
	CU_ASSERT_TRUE(cpu_ns >= 40e6 && cpu_ns < 10e9);
	CU_ASSERT_TRUE(isnan(span.core_busy_share) && isnan(span.khz));
	CU_ASSERT_TRUE(!(span.others_share < 0) && !(span.others_share > 1));
}

CU_TestInfo tests_hoststate[] = {
	{ "ticks of some processors", test_ticks },
	{ "a line for each matter, none for what is fine or unknown", test_warnings },
	{ "shares of all samples' time", test_shares },
	{ "what a sample's process used", test_child },
	CU_TEST_INFO_NULL,
};
