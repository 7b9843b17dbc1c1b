/* SPDX-License-Identifier: MIT */
#include "common/traplog.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct trap_stats s, t, d;
static struct traplog trap_log;

static void test_names(void)
{
	for (int i = 0; i < TRAP_NR; i++) {
		const char *name = trap_name(i);

		CU_ASSERT_EQUAL(trap_by_name(name), i);
		CU_ASSERT_TRUE(*name);
		/* A name is a CSV field as it stands. */
		CU_ASSERT_EQUAL(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
	}
	CU_ASSERT_EQUAL(trap_by_name("no-such-cause"), -ENOENT);
	CU_ASSERT_EQUAL(trap_by_name(""), -ENOENT);
	CU_ASSERT_STRING_EQUAL(trap_name(TRAP_NR), "?");
	/* One bit for each in trap_stats.counted. */
	CU_ASSERT_TRUE(TRAP_NR <= 32);
}

/* Buckets are in range, in order, and their middle is close to all that falls into them. */
static void check_bucket(u64 cycles)
{
	unsigned int b = trap_bucket(cycles);
	double middle = trap_bucket_middle(b);

	CU_ASSERT_TRUE_FATAL(b < TRAP_BUCKETS);
	if (cycles)
		CU_ASSERT_TRUE(b >= trap_bucket(cycles - 1) && b <= trap_bucket(cycles - 1) + 1);
	if (cycles < TRAP_SUB)
		CU_ASSERT_EQUAL(middle, (double)cycles);
	CU_ASSERT_TRUE(fabs(middle - (double)cycles) <= (double)cycles / (2 * TRAP_SUB));
	CU_ASSERT_EQUAL(trap_bucket((u64)middle), b);
}

static void test_buckets(void)
{
	for (u64 c = 0; c < 5000; c++)
		check_bucket(c);
	for (unsigned int n = 4; n < 64; n++) {
		u64 power = 1ull << n, step = power / TRAP_SUB;

		check_bucket(power - 1);
		check_bucket(power);
		check_bucket(power + 1);
		for (u64 k = 1; k < TRAP_SUB; k++) {
			check_bucket(power + k * step - 1);
			check_bucket(power + k * step);
		}
	}
	CU_ASSERT_EQUAL(trap_bucket(~0ull), TRAP_BUCKETS - 1);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void test_quantiles(void)
{
	static const double wanted[] = { 0, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
	static u64 samples[10001];
	u64 x = 1;

	memset(&s, 0, sizeof(s));
	CU_ASSERT_EQUAL(trap_quantile(&s.c[TRAP_MSR], 0.5), -1);
	for (unsigned int i = 0; i < ARRAY_SIZE(samples); i++) {
		/* Three decades, evenly in the logarithm. */
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		samples[i] = (u64)(1000 * pow(1000, (double)(x >> 11) / (double)(1ull << 53)));
		trap_add(&s, TRAP_MSR, samples[i]);
	}
	qsort(samples, ARRAY_SIZE(samples), sizeof(samples[0]), compare);
	for (unsigned int i = 0; i < ARRAY_SIZE(wanted); i++) {
		double real = (double)samples[(u64)(wanted[i] * (ARRAY_SIZE(samples) - 1))];

		CU_ASSERT_TRUE(fabs(trap_quantile(&s.c[TRAP_MSR], wanted[i]) - real) <=
			       0.0625 * real);
	}
	CU_ASSERT_EQUAL(s.c[TRAP_MSR].count, ARRAY_SIZE(samples));
	/* The whole of 64 bits: nothing overflows. */
	memset(&s, 0, sizeof(s));
	trap_add(&s, TRAP_HLT, ~0ull);
	CU_ASSERT_TRUE(fabs(trap_quantile(&s.c[TRAP_HLT], 0.5) / 0x1p64 - 1) < 0.0625);
}

static void test_diff(void)
{
	memset(&s, 0, sizeof(s));
	s.counted = BIT(TRAP_CPUID);
	trap_add(&s, TRAP_CPUID, 100);
	trap_add(&s, TRAP_CPUID, 5000);
	s.nr_events = 2;
	t = s;
	trap_add(&t, TRAP_CPUID, 300);
	trap_add(&t, TRAP_CR, 7);
	t.nr_events = 4;
	trap_diff(&d, &t, &s);
	CU_ASSERT_EQUAL(d.c[TRAP_CPUID].count, 1);
	CU_ASSERT_EQUAL(d.c[TRAP_CPUID].cycles, 300);
	CU_ASSERT_EQUAL(d.c[TRAP_CPUID].hist[trap_bucket(300)], 1);
	CU_ASSERT_EQUAL(d.c[TRAP_CPUID].hist[trap_bucket(100)], 0);
	CU_ASSERT_EQUAL(d.c[TRAP_CR].count, 1);
	CU_ASSERT_EQUAL(d.c[TRAP_HLT].count, 0);
	CU_ASSERT_EQUAL(d.nr_events, 2);
	CU_ASSERT_EQUAL(d.counted, s.counted);
	/* In place, as a caller that keeps only the difference does. */
	trap_diff(&t, &t, &s);
	CU_ASSERT_FALSE(memcmp(t.c, d.c, sizeof(d.c)));
}

static void add_events(unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct trap_event *e = trap_event_next(&s);

		*e = (struct trap_event){ .tsc = 1000 + i,
					  .addr = 0x3f8,
					  .value = i,
					  .rip = 0x100000,
					  .cycles = 9,
					  .cause = TRAP_PORT_OUT,
					  .size = 1,
					  .write = 1 };
		trap_event_done(&s);
	}
}

static void test_events(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	memset(&s, 0, sizeof(s));
	trap_print_last(&s, f);
	fflush(f);
	CU_ASSERT_STRING_EQUAL(text, "no trap before this\n");
	add_events(TRAP_LAST + 3);
	rewind(f);
	trap_print_last(&s, f);
	fflush(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "last 16 of 19 traps"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "write 1 byte at 0x3f8: 0x12 rip=0x100000\n"));
	/* The first three have been overwritten. */
	CU_ASSERT_PTR_NULL(strstr(text, "0x3f8: 0x2 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "0x3f8: 0x3 "));
	fclose(f);
	free(text);

	f = open_memstream(&text, &size);
	memset(&s, 0, sizeof(s));
	trap_log.trace = f;
	s.log = &trap_log;
	trap_trace_header(f);
	add_events(2);
	*trap_event_next(&s) = (struct trap_event){ .tsc = 7, .cause = TRAP_HLT, .cycles = 5 };
	trap_event_done(&s);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(text, "tsc,cause,rip,address,size,direction,value,cycles\n"
				     "1000,port-out,0x100000,0x3f8,1,write,0x0,9\n"
				     "1001,port-out,0x100000,0x3f8,1,write,0x1,9\n"
				     "7,hlt,,,,,,5\n");
	free(text);
}

CU_TestInfo tests_trap[] = {
	{ "names are unique and fit for CSV", test_names },
	{ "histogram buckets at all powers of two", test_buckets },
	{ "quantiles within 6 %", test_quantiles },
	{ "difference of two copies", test_diff },
	{ "the last events, as text and as a trace", test_events },
	CU_TEST_INFO_NULL,
};
