/* SPDX-License-Identifier: MIT */
#include "bench/metrics.h"
#include "bench/peer.h"
#include "bench/table.h"
#include "common/trapcsv.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_BENCHES 4

/* A run of the named fake benchmarks with its results and files in memory. */
struct fixture {
	struct bench bench[MAX_BENCHES];
	const struct bench *list[MAX_BENCHES];
	struct variant variant[VARIANTS_MAX];
	struct run run;
	struct result result[MAX_BENCHES * 2];
	char *samples, *traps;
	size_t samples_len, traps_len;
};

static void set_up(struct fixture *x, const char *with, unsigned int reps, const char *const *names)
{
	static const struct variant_defaults plain;
	struct error err;

	memset(x, 0, sizeof(*x));
	for (; names[x->run.benches]; x->run.benches++) {
		x->bench[x->run.benches] = fake_bench(names[x->run.benches]);
		x->list[x->run.benches] = &x->bench[x->run.benches];
	}
	x->run.variants = (unsigned int)variants_parse(x->variant, with_peers(fake_backends), with,
						       &plain, &err);
	x->run.bench = x->list;
	x->run.variant = x->variant;
	x->run.reps = reps;
	x->run.run_id = "r1";
	x->run.host_kind = "emulated";
	x->run.scale = 1;
	x->run.mem_size = 64 * MiB;
	x->run.cpu = "host";
	x->run.timeout_ns = FAKE_TIMEOUT;
	x->run.samples.file = open_memstream(&x->samples, &x->samples_len);
	x->run.traps.file = open_memstream(&x->traps, &x->traps_len);
	for (unsigned int i = 0; i < x->run.benches * x->run.variants; i++)
		result_init(&x->result[i], x->list[i / x->run.variants],
			    &x->variant[i % x->run.variants], reps);
}

static void tear_down(struct fixture *x)
{
	for (unsigned int i = 0; i < x->run.benches * x->run.variants; i++)
		result_fini(&x->result[i]);
	if (x->run.samples.file)
		fclose(x->run.samples.file);
	if (x->run.traps.file)
		fclose(x->run.traps.file);
	free(x->samples);
	free(x->traps);
}

static int take(struct fixture *x, struct error *err)
{
	int signo;

	return run_samples(&x->run, &fake_runner, x->result, &signo, err);
}

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

#define KEY_A "r1,alpha,one,irqchip=user cpu=host mem=64M,emulated,good.elf,good,"
#define KEY_B "r1,beta,,irqchip=user cpu=host mem=64M,emulated,good.elf,good,"

static void test_rows(void)
{
	static const char *const names[] = { "good", NULL };
	struct fixture x;

	set_up(&x, "alpha,beta", 2, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,cycles_per_op,cycles,100,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,loop_cycles_per_op,cycles,2,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,total_cycles,cycles,102000,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,lat_p50,cycles,9,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,pages,count,4,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,wall_time,ns,7,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A "1,1000,startup_time,ns,5,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_B "2,1000,cycles_per_op,cycles,250,\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_B "2,1000,status,code,0,ok\n"));
	CU_ASSERT_EQUAL(x.result[0].nr, 2);
	CU_ASSERT_EQUAL(x.result[0].latency[1], 9);
	/* The counting sample, repetition blank, has counts and no times. */
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A ",1000,traps_per_op.port-in,count,1,\n" KEY_A
						       ",1000,traps_per_op.hlt,count,0,\n" KEY_A
						       ",1000,native.exits,count,1000,\n" KEY_A
						       ",1000,status,code,0,ok\n"));
	CU_ASSERT_EQUAL(count(x.samples, "cycles_per_op,"), 8);
	/* Seen by neither: no row. */
	CU_ASSERT_EQUAL(count(x.samples, "traps_per_op.cpuid"), 0);
	CU_ASSERT_EQUAL(count(x.traps, "\n"), 6 * TRAP_NR);
	CU_ASSERT_EQUAL(count(x.traps, ",port-in,1000,"), 6);
	CU_ASSERT_EQUAL(count(x.traps, ",cpuid,,,,,,,,,\n"), 6);
	tear_down(&x);
}

/* Nothing can be counted of a peer, nor does it say how it came up. */
static void test_peer(void)
{
	static const char *const names[] = { "good", NULL };
	struct fixture x;

	set_up(&x, "alpha,native", 1, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(x.samples, KEY_A ",1000,status,code,0,ok\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(x.samples, "r1,native,,,emulated,good.elf,good,1,1000,status,code,0,ok\n"));
	CU_ASSERT_PTR_NULL(strstr(x.samples, "r1,native,,,emulated,good.elf,good,,"));
	tear_down(&x);
}

static void test_order(void)
{
	static const char *const names[] = { "good", NULL };
	const char *at;
	struct fixture x;
	char order[8] = "";

	set_up(&x, "alpha,beta", 2, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	for (at = x.samples; (at = strstr(at, "status")); at++) {
		const char *line = at;

		while (line > x.samples && line[-1] != '\n')
			line--;
		strncat(order, line + 3, 1);
	}
	CU_ASSERT_STRING_EQUAL(order, "abbaab");
	tear_down(&x);
}

static void test_bad_benchmarks(void)
{
	static const char *const names[] = { "skip", "crash", "good", NULL };
	struct fixture x;

	set_up(&x, "alpha", 3, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	/* One row each, and the run goes on to the next. */
	CU_ASSERT_EQUAL(count(x.samples, "status,code,2,skip: no AVX\n"), 1);
	CU_ASSERT_EQUAL(count(x.samples, "status,code,1,fail: the virtual machine's process died"),
			1);
	CU_ASSERT_EQUAL(count(x.samples, "status,code,0,ok\n"), 4);
	CU_ASSERT_EQUAL(x.result[0].status, SAMPLE_SKIP);
	CU_ASSERT_EQUAL(x.result[1].status, SAMPLE_FAIL);
	CU_ASSERT_EQUAL(x.result[2].nr, 3);
	tear_down(&x);
}

/* One variant's figure is narrow at once, the other's never: it goes on alone. */
static void test_ci(void)
{
	static const char *const names[] = { "noisy", NULL };
	struct fixture x;
	char *text = NULL;
	size_t len;
	FILE *f;

	set_up(&x, "alpha,beta", 8, names);
	x.run.reps = 3;
	x.run.design = (struct design){ .ci = 0.02, .max_reps = 8 };
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	CU_ASSERT_EQUAL(x.result[0].nr, 3);
	CU_ASSERT_EQUAL(x.result[1].nr, 8);
	f = open_memstream(&text, &len);
	table_wide(f, x.result, 2, 0.02);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Not within 2 %"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "  noisy, beta: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, " after 8 samples\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "alpha"));
	free(text);
	f = open_memstream(&text, &len);
	table_wide(f, x.result, 1, 0.02);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "All 95 % intervals are within 2 %."));
	free(text);
	tear_down(&x);
}

/* Pieces of the warm-up, what they come to, and how samples drift. */
static void test_warmup(void)
{
	static const char *const names[] = { "warming", NULL };
	struct fixture x;

	set_up(&x, "beta", 4, names);
	x.run.design.chunks = 10;
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	CU_ASSERT_EQUAL(count(x.samples, ",1,1000,warmup.chunk.001,cycles,450,\n"), 1);
	CU_ASSERT_EQUAL(count(x.samples, ",1,1000,warmup.chunk.010,cycles,100,\n"), 1);
	CU_ASSERT_EQUAL(count(x.samples, "000,steady.reached,count,1,\n"), 4);
	CU_ASSERT_EQUAL(count(x.samples, "000,steady.kind,code,2,warmup\n"), 4);
	CU_ASSERT_EQUAL(count(x.samples, "000,steady.cycles_per_op,cycles,100,\n"), 4);
	CU_ASSERT_EQUAL(count(x.samples, "000,warmup.operations,count,4,\n"), 4);
	CU_ASSERT_EQUAL(count(x.samples, "000,warmup.extra_cycles,cycles,800,\n"), 4);
	CU_ASSERT_EQUAL(count(x.samples, ",,1000,steady.drift,share,0,\n"), 1);
	CU_ASSERT_EQUAL(count(x.samples, ",,1000,steady.drift_p,share,1,\n"), 1);
	CU_ASSERT_EQUAL(x.result[0].unsteady, 0);
	tear_down(&x);
	/* Not asked for: none of that. */
	set_up(&x, "beta", 2, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	CU_ASSERT_EQUAL(count(x.samples, "warmup."), 0);
	CU_ASSERT_EQUAL(count(x.samples, "steady."), 0);
	tear_down(&x);
}

static void test_unsteady(void)
{
	static const char *const names[] = { "good", NULL };
	char *text = NULL;
	struct fixture x;
	size_t len;
	FILE *f;

	set_up(&x, "alpha", 8, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	f = open_memstream(&text, &len);
	table_unsteady(f, x.result, 1);
	fclose(f);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	for (unsigned int i = 0; i < 8; i++)
		x.result[0].cycles[i] = 98 + 10 * i;
	x.result[0].unsteady = 3;
	f = open_memstream(&text, &len);
	table_unsteady(f, x.result, 1);
	fclose(f);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "No steady state:\n  good, alpha: in 3 of 8 samples; "
					    "later samples take +34.8 % (p 5e-05)\n"));
	free(text);
	tear_down(&x);
}

static void test_full_disk(void)
{
	static const char *const names[] = { "good", NULL };
	struct error err = { "" };
	struct fixture x;

	set_up(&x, "alpha", 1, names);
	fclose(x.run.samples.file);
	x.run.samples.file = fopen("/dev/full", "w");
	x.run.samples.path = "/dev/full";
	CU_ASSERT_EQUAL(take(&x, &err), -ENOSPC);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot write /dev/full: No space left"));
	CU_ASSERT_EQUAL(x.result[0].taken, 1);
	tear_down(&x);
	x.run.samples = (struct record){ NULL, "/dev/full" };
	CU_ASSERT_EQUAL(record_open(&x.run.samples, metrics_csv_header, &err), -ENOSPC);
	fclose(x.run.samples.file);
	x.run.samples = (struct record){ NULL, "/nonexistent/x" };
	CU_ASSERT_EQUAL(record_open(&x.run.samples, metrics_csv_header, &err), -ENOENT);
}

/* Ctrl-C while the second benchmark hangs: the first is complete, nothing of the second. */
static void test_interrupt(void)
{
	static const char *const names[] = { "good", "hang", NULL };
	pid_t parent = getpid(), killer;
	struct fixture x;
	int signo = 0;

	set_up(&x, "alpha", 1, names);
	killer = fork();
	if (!killer) {
		sleep(1);
		kill(parent, SIGINT);
		_exit(0);
	}
	CU_ASSERT_EQUAL(run_samples(&x.run, &fake_runner, x.result, &signo, NULL), -EINTR);
	CU_ASSERT_EQUAL(signo, SIGINT);
	CU_ASSERT_EQUAL(x.result[0].taken, 2);
	CU_ASSERT_EQUAL(x.result[1].taken, 0);
	CU_ASSERT_EQUAL(count(x.samples, "hang"), 0);
	waitpid(killer, NULL, 0);
	tear_down(&x);
}

static void test_iterations(void)
{
	struct bench bench = fake_bench("good");
	struct run run = { .scale = 2.5 };

	CU_ASSERT_EQUAL(run_iterations(&run, &bench), 2500);
	run.scale = 1e-9;
	CU_ASSERT_EQUAL(run_iterations(&run, &bench), 1);
	run.scale = 1e12;
	CU_ASSERT_EQUAL(run_iterations(&run, &bench), UINT32_MAX);
	run.iterations = 3;
	CU_ASSERT_EQUAL(run_iterations(&run, &bench), 3);
}

/* What takes long in an emulator is done less often there, and nowhere else. */
static void test_share(void)
{
	const struct variant qemu = { .backend = &peer_qemu_tcg, .engine = "max" },
			     native = { .backend = &peer_native },
			     plain = { .backend = fake_backends[1] },
			     slow = { .backend = fake_backends[0], .engine = "step" },
			     direct = { .backend = fake_backends[0], .engine = "trap+patch" };
	const struct bench compute = { .compute = true, .tenth = true }, in = { .name = "in" },
			   guest = { .in_linux = true }, fault = { .iterations = 10000 },
			   loop = { .iterations = 100000 };
	struct run run = { .host_kind = "native" };

	CU_ASSERT_EQUAL(run_share(&run, &qemu, &compute, 1000), 100);
	CU_ASSERT_EQUAL(run_share(&run, &qemu, &in, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &qemu, &guest, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &native, &compute, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &plain, &compute, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &slow, &compute, 1000), 10);
	CU_ASSERT_EQUAL(run_share(&run, &slow, &compute, 50), 1);
	CU_ASSERT_EQUAL(run_share(&run, &direct, &fault, 1000), 100);
	CU_ASSERT_EQUAL(run_share(&run, &slow, &fault, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &direct, &loop, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &direct, &in, 1000), 1000);
	run.host_kind = "emulated";
	CU_ASSERT_EQUAL(run_share(&run, &plain, &compute, 1000), 100);
	CU_ASSERT_EQUAL(run_share(&run, &plain, &in, 1000), 1000);
	CU_ASSERT_EQUAL(run_share(&run, &plain, &guest, 1000), 100);
	run.iterations = 1000;
	CU_ASSERT_EQUAL(run_share(&run, &slow, &compute, 1000), 1000);
}

static void test_memory(void)
{
	const struct bench nano = { .name = "in" }, guest = { .in_linux = true };
	struct run run = { .mem_size = 0 };

	CU_ASSERT_EQUAL(run_memory(&run, &nano), 64 * MiB);
	CU_ASSERT_EQUAL(run_memory(&run, &guest), 512 * MiB);
	run.mem_size = 96 * MiB;
	CU_ASSERT_EQUAL(run_memory(&run, &guest), 96 * MiB);
}

static char *table_text(struct fixture *x)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	table_print(f, x->result, x->run.benches, x->run.variants, x->run.host_kind);
	fclose(f);
	return text;
}

static void test_table(void)
{
	static const char *const names[] = { "good", "skip", "fail", NULL };
	struct fixture x;
	char *text;

	set_up(&x, "alpha,beta", 3, names);
	CU_ASSERT_EQUAL(take(&x, NULL), 0);
	text = table_text(&x);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "good       alpha           100              100 .. 100     0.00     "
			     "1.00     2.00  port-in 1.00\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "           beta            250              250 .. 250     0.00     "
			     "2.50     2.00  port-in 1.00\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "skip       alpha    skipped: no AVX\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "fail       alpha    FAILED: got 3, not 4\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "2 measured, 2 skipped, 2 failed."));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "host_kind=emulated"));
	free(text);
	/* What was never begun is not in the table. */
	x.result[0].taken = x.result[1].taken = 0;
	x.run.host_kind = "native";
	text = table_text(&x);
	CU_ASSERT_PTR_NULL(strstr(text, "good"));
	CU_ASSERT_PTR_NULL(strstr(text, "host_kind"));
	free(text);
	tear_down(&x);
}

CU_TestInfo tests_run[] = {
	{ "rows of samples and traps", test_rows },
	{ "backends take turns", test_order },
	{ "peers are not counted", test_peer },
	{ "a benchmark that is skipped or fails has a row, and the rest is measured",
	  test_bad_benchmarks },
	{ "samples are taken until the interval is narrow, or the limit", test_ci },
	{ "warm-up and steady state", test_warmup },
	{ "what is not steady is said", test_unsteady },
	{ "a full disk ends the run with one line", test_full_disk },
	{ "an interrupt keeps what was measured", test_interrupt },
	{ "iterations are scaled within the guests' limits", test_iterations },
	{ "compute guests do less in emulators", test_share },
	{ "how much memory a guest has", test_memory },
	{ "the table", test_table },
	CU_TEST_INFO_NULL,
};
