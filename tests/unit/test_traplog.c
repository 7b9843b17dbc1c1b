/* SPDX-License-Identifier: MIT */
#include "common/traplogcsv.h"
#include "common/vm.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS "run_id,backend,engine,options,host_kind,guest,bench,rep,iterations,"
#define KEY	"r,b,e,,native,g,in,,1,"

static const struct csv_key key = { "r", "b", "e", "", "native", "g", "in", 0, 1 };
static const struct symbols nameless;

static void add(struct traplog *log, enum trap_cause cause, u64 rip, u64 distance, u32 cycles)
{
	const struct trap_event e = {
		.tsc = log->resumed + distance,
		.rip = rip,
		.cycles = cycles,
		.cause = (u8)cause,
	};

	traplog_add(log, &e);
}

static struct traplog *make(void)
{
	struct traplog *log = traplog_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(log);
	log->places = true;
	traplog_resumed(log);
	return log;
}

typedef int write_fn(FILE *f, const struct csv_key *key, const struct traplog *log);

static char *written(void (*header)(FILE *f), write_fn *write, const struct traplog *log)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	header(f);
	CU_ASSERT_EQUAL(write(f, &key, log), 0);
	fclose(f);
	return text;
}

static int write_hot(FILE *f, const struct csv_key *k, const struct traplog *log)
{
	return hot_write(f, k, log, &nameless);
}

/* The most that falls into a bucket is in it, and one more is not. */
static void test_bucket_last(void)
{
	CU_ASSERT_EQUAL(trap_bucket_last(0), 0);
	CU_ASSERT_EQUAL(trap_bucket_last(trap_bucket(100)), 103);
	for (unsigned int b = 0; b < TRAP_BUCKETS - 1; b++) {
		CU_ASSERT_EQUAL(trap_bucket(trap_bucket_last(b)), b);
		CU_ASSERT_EQUAL(trap_bucket(trap_bucket_last(b) + 1), b + 1);
	}
	CU_ASSERT_EQUAL(trap_bucket_last(TRAP_BUCKETS - 1), ~0ull);
}

static void test_distances(void)
{
	struct traplog *log = make();
	u64 instructions = 500;
	char *text;

	log->instructions = &instructions;
	log->executed = 490;
	add(log, TRAP_CPUID, 0x1000, 100, 7);
	instructions++;
	add(log, TRAP_MSR, 0x1002, 5, 7);
	instructions++;
	add(log, TRAP_CPUID, 0x1000, 5, 7);
	/* Before the guest went on: a trap within the one before it. */
	add(log, TRAP_MSR, 0x1000, (u64)-1000, 7);
	/* An engine that knows better when the guest was left. */
	log->left = log->resumed + 3;
	add(log, TRAP_MSR, 0x1000, 700, 7);
	text = written(distances_header, distances_write, log);
	CU_ASSERT_STRING_EQUAL(
		text,
		COLUMNS "cause,unit,at_most,count,cumulative\n" /* */
		KEY "all,cycles,0,1,0.2\n" KEY "all,cycles,3,1,0.4\n" KEY "all,cycles,5,2,0.8\n" KEY
			"all,cycles,103,1,1\n" KEY "msr,cycles,0,1,0.3333333333\n" KEY
			"msr,cycles,3,1,0.6666666667\n" KEY "msr,cycles,5,1,1\n" KEY
			"cpuid,cycles,5,1,0.5\n" KEY "cpuid,cycles,103,1,1\n" KEY
			"all,instructions,0,2,0.4\n" KEY "all,instructions,1,2,0.8\n" KEY
			"all,instructions,10,1,1\n" KEY "msr,instructions,0,2,0.6666666667\n" KEY
			"msr,instructions,1,1,1\n" KEY "cpuid,instructions,1,1,0.5\n" KEY
			"cpuid,instructions,10,1,1\n");
	free(text);
	traplog_clear(log);
	text = written(distances_header, distances_write, log);
	CU_ASSERT_STRING_EQUAL(text, COLUMNS "cause,unit,at_most,count,cumulative\n");
	free(text);
	traplog_free(log);
}

static void test_places(void)
{
	struct traplog *log = make();
	char *text;

	add(log, TRAP_CPUID, 0xffffffff81000010, 10, 7);
	add(log, TRAP_MSR, 0x1002, 10, 8);
	add(log, TRAP_MSR, 0x1002, 10, 100);
	add(log, TRAP_CPUID, 0x1002, 10, 9);
	add(log, TRAP_HLT, 0, 10, 1);
	traplog_write(log, TRAP_CPUID, __builtin_ia32_rdtsc(), 0x1002);
	traplog_whole(log, TRAP_MSR, 50000); /* is not the last one's cause */
	add(log, TRAP_OTHER, 5, 10, 20);
	traplog_whole(log, TRAP_OTHER, 30);
	traplog_whole(log, TRAP_OTHER, 30);
	text = written(hot_header, write_hot, log);
	CU_ASSERT_PTR_EQUAL(strstr(text, COLUMNS "cause,address,symbol,count,cycles\n" /* */
				   KEY "msr,0x1002,,2,108\n" KEY "cpuid,0x1002,,2,"),
			    text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, KEY "cpuid,0xffffffff81000010,,1,7\n" /* */
				      KEY "hlt,,,1,1\n" KEY "other,0x5,,1,30\n"));
	free(text);
	traplog_free(log);
}

/* The first 20, for a person. */
static void test_print(void)
{
	const struct csv_key k = { .backend = "swbt", .engine = "bt", .guest = "g.elf" };
	struct traplog *log = make();
	char *text = NULL;
	size_t len;
	FILE *f;

	for (u64 n = 1; n <= 22; n++)
		for (u64 i = 0; i < (n == 22 ? 79 : 1); i++)
			add(log, TRAP_MSR, n, 1, 10);
	f = open_memstream(&text, &len);
	CU_ASSERT_EQUAL(hot_print(f, &k, log, &nameless), 0);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "Where g.elf traps, swbt:bt: 100 traps at 22 places\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "        79  79.0 %         10  msr  "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "and 2 places more: --hot FILE has them all\n"));
	free(text);
	traplog_free(log);
}

/* More addresses than there is room for: none is lost from the sum. */
static void test_many_places(void)
{
	struct traplog *log = make();
	u64 sum = 0;

	for (u64 n = 1; n <= 2 * TRAPLOG_PLACES; n++)
		add(log, TRAP_PORT_IN, n * 4096, 1, 1);
	CU_ASSERT_TRUE(log->rest[TRAP_PORT_IN].count > TRAPLOG_PLACES);
	for (u32 n = 0; n < TRAPLOG_PLACES; n++)
		sum += log->place[n].count;
	CU_ASSERT_EQUAL(sum + log->rest[TRAP_PORT_IN].count, 2 * TRAPLOG_PLACES);
	traplog_free(log);
}

static const u64 *no_instructions(struct vm *vm)
{
	(void)vm;
	return NULL;
}

#define MS (1000 * 1000ull)

/* Slices of 10 ms, by a clock that moves when told to. */
static void test_slices(void)
{
	static const struct backend backend = { .instructions = no_instructions };
	struct vm *vm = calloc(1, sizeof(*vm));
	struct traplog *log = make();
	char *text;

	log->interval = 10 * MS;
	vm->backend = &backend;
	vm->traps.counted = BIT(TRAP_MSR) | BIT(TRAP_PORT_OUT);
	vm->traps.timed = BIT(TRAP_PORT_OUT);
	clock_init_manual(&vm->clock);
	clock_advance(&vm->clock, 3 * MS);
	vm->traps.c[TRAP_MSR].count = 1000; /* before the beginning */
	traplog_start(log, vm);
	vm->traps.c[TRAP_MSR].count += 5;
	clock_advance(&vm->clock, 9 * MS);
	trap_add(&vm->traps, TRAP_PORT_OUT, 70);
	clock_advance(&vm->clock, 30 * MS);
	vm->traps.c[TRAP_MSR].count += 2;
	clock_advance(&vm->clock, 10 * MS);
	trap_add(&vm->traps, TRAP_PORT_OUT, 30);
	/* The mark of the end. */
	trap_add(&vm->traps, TRAP_PORT_OUT, 44);
	vm->end_mark_cycles = 44;
	traplog_stop(log, true);
	CU_ASSERT_PTR_NULL(vm->traps.log);
	vm->traps.c[TRAP_MSR].count += 9;
	clock_advance(&vm->clock, 50 * MS);
	text = written(timeline_header, timeline_write, log);
	CU_ASSERT_STRING_EQUAL(text, COLUMNS "cause,start_ns,count,cycles\n" /* */
			       KEY "port-out,0,1,70\n" KEY "msr,0,5,\n" KEY "msr,30000000,2,\n" KEY
					     "port-out,40000000,1,30\n");
	free(text);
	traplog_free(log);
	free(vm);
}

/* The trap of the end's mark is in no distance and at no place. */
static void test_mark(void)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	struct traplog *log = make();
	static const struct backend backend;
	char *text;

	vm->backend = &backend;
	clock_init_manual(&vm->clock);
	traplog_start(log, vm);
	add(log, TRAP_PORT_OUT, 0x10, 100, 9);
	add(log, TRAP_PORT_OUT, 0x10, 3, 4);
	traplog_stop(log, true);
	text = written(distances_header, distances_write, log);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, KEY "port-out,cycles,103,1,1\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "cycles,3,"));
	free(text);
	text = written(hot_header, write_hot, log);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, KEY "port-out,0x10,,1,9\n"));
	free(text);
	traplog_free(log);
	free(vm);
}

CU_TestInfo tests_traplog[] = {
	{ "upper bounds of buckets", test_bucket_last },
	{ "distances add up to 1", test_distances },
	{ "places by traps, with and without an address", test_places },
	{ "places for a person", test_print },
	{ "more places than there is room for", test_many_places },
	{ "slices of time hold what came in them", test_slices },
	{ "the end's mark is taken back", test_mark },
	CU_TEST_INFO_NULL,
};
