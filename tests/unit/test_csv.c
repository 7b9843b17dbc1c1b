/* SPDX-License-Identifier: MIT */
#include "common/backend.h"
#include "common/trapcsv.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What FN(f, arg) writes must be WANT. */
#define ASSERT_WRITES(want, call)                        \
	do {                                             \
		char *text_ = NULL;                      \
		size_t len_;                             \
		FILE *f = open_memstream(&text_, &len_); \
		call;                                    \
		fclose(f);                               \
		CU_ASSERT_STRING_EQUAL(text_, want);     \
		free(text_);                             \
	} while (0)

static void test_quoting(void)
{
	ASSERT_WRITES("plain text", csv_text(f, "plain text"));
	ASSERT_WRITES("", csv_text(f, ""));
	ASSERT_WRITES("", csv_text(f, NULL));
	ASSERT_WRITES("\"a,b\"", csv_text(f, "a,b"));
	ASSERT_WRITES("\"say \"\"no\"\"\"", csv_text(f, "say \"no\""));
	ASSERT_WRITES("\"two\nlines\r\"", csv_text(f, "two\nlines\r"));
}

static const struct csv_key full = { "r1", "kvm", "", "mem=64M", "native", "g", "in", 3, 1000 };

static void test_key(void)
{
	const struct csv_key blank = { 0 };

	ASSERT_WRITES("r1,kvm,,mem=64M,native,g,in,3,1000,", csv_key(f, &full));
	ASSERT_WRITES(",,,,,,,,,", csv_key(f, &blank));
}

static char *traps_text(const struct trap_stats *s)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	trapcsv_header(f);
	CU_ASSERT_EQUAL(trapcsv_write(f, &full, s), 0);
	fclose(f);
	return text;
}

#define ROW "r1,kvm,,mem=64M,native,g,in,3,1000,"

static void test_traps(void)
{
	const char start[] =
		"run_id,backend,engine,options,host_kind,guest,bench,rep,iterations,"
		"cause,count,cycles,p50,p99,p90,per_op,per_second,per_million_instructions,"
		"share\n" ROW "port-in,2,8,4,4,4,0.002,,,\n" ROW "port-out,,,,,,,,,\n";
	static struct trap_stats s;
	char *text;
	int lines = 0;

	s.counted = BIT(TRAP_PORT_IN) | BIT(TRAP_HLT) | BIT(TRAP_CPUID);
	s.timed = BIT(TRAP_PORT_IN) | BIT(TRAP_HLT);
	trap_add(&s, TRAP_PORT_IN, 4);
	trap_add(&s, TRAP_PORT_IN, 4);
	s.c[TRAP_CPUID].count = 7;
	s.c[TRAP_MSR].count = 99;
	text = traps_text(&s);
	CU_ASSERT_EQUAL(strncmp(text, start, strlen(start)), 0);
	/* Seen and never happened is 0; counted but not timed has no cycles; unseen is blank. */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ROW "hlt,0,0,,,,0,,,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ROW "cpuid,7,,,,,0.007,,,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ROW "msr,,,,,,,,,\n"));
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	CU_ASSERT_EQUAL(lines, TRAP_NR + 1);
	free(text);
}

static void test_full_disk(void)
{
	static struct trap_stats s;
	FILE *f = fopen("/dev/full", "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(trapcsv_write(f, &full, &s), -ENOSPC);
	/* An earlier failure is not forgotten. */
	CU_ASSERT_TRUE(csv_flush(f) < 0);
	fclose(f);
}

static void test_options(void)
{
	static const struct backend_option own[] = {
		{ .name = "fast", .kind = OPTION_SWITCH, .value = true },
		{ .name = "room", .kind = OPTION_SIZE, .value = 64 * MiB, .max = GiB },
		{ .name = "log", .kind = OPTION_PATH },
		{ 0 },
	};
	const struct backend plain = { .name = "plain" }, b = { .name = "b", .options = own };
	struct backend_values values = { 0 };
	char text[CSV_OPTIONS];

	csv_options(text, sizeof(text), "user", "v2", 64 * MiB, &plain, &values);
	CU_ASSERT_STRING_EQUAL(text, "irqchip=user cpu=v2 mem=64M");
	csv_options(text, sizeof(text), "kernel", "host", 1500 * KiB, &b, &values);
	CU_ASSERT_STRING_EQUAL(text, "irqchip=kernel cpu=host mem=1500K");
	/* Its own options only where they are not as usual, and no paths. */
	CU_ASSERT_EQUAL(backendopt_set(&values, &b, NULL, "fast", "off", NULL), 0);
	CU_ASSERT_EQUAL(backendopt_set(&values, &b, NULL, "room", "65536K", NULL), 0);
	CU_ASSERT_EQUAL(backendopt_set(&values, &b, NULL, "log", "/tmp/log", NULL), 0);
	csv_options(text, sizeof(text), "user", "host", 64 * MiB, &b, &values);
	CU_ASSERT_STRING_EQUAL(text, "irqchip=user cpu=host mem=64M fast=off");
	CU_ASSERT_EQUAL(backendopt_set(&values, &b, NULL, "room", "1536K", NULL), 0);
	csv_options(text, sizeof(text), "user", "host", 64 * MiB, &b, &values);
	CU_ASSERT_STRING_EQUAL(text, "irqchip=user cpu=host mem=64M fast=off room=1536K");
}

CU_TestInfo tests_csv[] = {
	{ "a row's options: odd memory sizes, and what a backend has", test_options },
	{ "fields are quoted where RFC 4180 asks", test_quoting },
	{ "a row's key has nine fields, blank where unknown", test_key },
	{ "what a backend cannot see is blank in the trap file", test_traps },
	{ "a full disk is reported", test_full_disk },
	CU_TEST_INFO_NULL,
};
