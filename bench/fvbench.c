/* SPDX-License-Identifier: MIT */
/* fvbench: measure what trapping operations cost under each backend. */
#include "bench/costs.h"
#include "bench/meta.h"
#include "bench/metrics.h"
#include "bench/options.h"
#include "bench/peer.h"
#include "bench/probe.h"
#include "bench/report.h"
#include "bench/run.h"
#include "bench/sensitive.h"
#include "bench/story.h"
#include "bench/table.h"
#include "bench/verify.h"
#include "common/hostkind.h"
#include "common/process.h"
#include "common/trapcsv.h"
#include "version.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

const char *argp_program_version = "fvbench " FVB_VERSION;

#define GRACE_NS (5 * NSEC_PER_SEC)

/* Everything that run and verify set up alike. */
struct session {
	struct options o;
	struct bench *suite;
	const struct bench **bench;
	struct variant variant[VARIANTS_MAX];
	const struct backend *alike[VARIANTS_MAX + 1];
	char guests[PATH_MAX], kernel[PATH_MAX];
	char run_id[48];
	struct sample_runner runner;
	struct run run;
	struct record report;
	bool costs; /* the command is traps: variants side by side */
	char costly[512];
};

static int complain(const char *command, const struct error *err, int status)
{
	fprintf(stderr, "fvbench %s: %s\n", command, err->text);
	return status;
}

/* Sorts by time, and does not repeat. */
static void make_run_id(char *text, size_t size)
{
	time_t now = time(NULL);
	u32 salt = (u32)getpid();
	struct tm tm;
	size_t n = strftime(text, size, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));

	if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) < 0)
		salt ^= (u32)clock();
	snprintf(text + n, size - n, "-%08x", salt);
}

static int select_benches(struct session *s, struct error *err)
{
	size_t n = 0;
	int nr;

	s->suite = suite_load(&n);
	s->bench = calloc(n + 1, sizeof(const struct bench *));
	if (!s->suite || !s->bench)
		return fail(err, -ENOMEM, "out of memory");
	nr = suite_select(s->suite, n, s->o.glob, s->o.globs, s->bench, err);
	if (nr < 0)
		return nr;
	s->run.bench = s->bench;
	s->run.benches = (unsigned int)nr;
	return 0;
}

/* Every variant's guest sees the same processor. */
static void set_alike(struct session *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->run.variants; i++)
		if (!is_peer(s->variant[i].backend))
			s->alike[n++] = s->variant[i].backend;
	s->run.alike = s->alike;
}

/* How many of the selected benchmarks run in Linux. */
static unsigned int nr_linux(const struct session *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->run.benches; i++)
		n += s->bench[i]->in_linux;
	return n;
}

/* The kernel, by a path that holds wherever a sample's process goes. */
static int find_kernel(struct session *s, struct error *err)
{
	char path[PATH_MAX];
	int ret = suite_kernel(s->o.kernel, s->guests, path, err);

	if (ret)
		return ret;
	s->run.kernel = s->kernel;
	if (realpath(path, s->kernel) || !s->o.kernel)
		return 0;
	return fail(err, -errno, "cannot read %.200s: %s", path, strerror(errno));
}

static void set_numbers(struct session *s)
{
	const struct options *o = &s->o;
	unsigned int guests = nr_linux(s);

	s->run.reps = (unsigned int)o->reps;
	if (!o->reps)
		s->run.reps = guests && guests == s->run.benches ? 3 : 5;
	s->run.timeout_ns = o->timeout_ns;
	if (!o->timeout_ns)
		s->run.timeout_ns = (guests ? 300 : 60) * NSEC_PER_SEC;
	s->run.iterations = o->iterations;
	s->run.scale = o->scale;
	s->run.mem_size = o->mem_size;
}

/* What the user asked for, checked as a whole before anything is run or written; TABLE has what
 * --backend may name. */
static int session_init(struct session *s, const struct backend *const *table, struct error *err)
{
	const struct options *o = &s->o;
	struct cpuid_table cpuid;
	int ret = select_benches(s, err);

	if (!ret)
		ret = cpuid_build(&cpuid, o->cpu, err);
	if (!ret)
		ret = suite_guest_dir(o->guests, s->guests, err);
	if (!ret)
		ret = find_kernel(s, err);
	if (ret)
		return ret;
	ret = variants_parse(s->variant, o->backends ? table : backends, o->backends, &o->variants,
			     err);
	if (ret < 0)
		return ret;
	make_run_id(s->run_id, sizeof(s->run_id));
	s->runner = (struct sample_runner){ peer_or_machine_body, s->guests, GRACE_NS };
	s->run.run_id = s->run_id;
	s->run.host_kind = host_kind();
	s->run.variant = s->variant;
	s->run.variants = (unsigned int)ret;
	set_alike(s);
	set_numbers(s);
	s->run.cpu = o->cpu;
	s->run.progress = !o->quiet && isatty(STDERR_FILENO);
	return 0;
}

static void session_fini(struct session *s)
{
	free(s->bench);
	free(s->suite);
}

static int write_meta(const struct session *s, struct error *err)
{
	struct record meta = { NULL, s->o.meta };
	int ret;

	if (!meta.path)
		return 0;
	meta.file = fopen(meta.path, "we");
	if (!meta.file)
		return fail(err, -errno, "cannot write %s: %s", meta.path, strerror(errno));
	/* Written in one go, so that the reason of a failure is known at its end. */
	setvbuf(meta.file, NULL, _IOFBF, 256 * KiB);
	ret = meta_write(meta.file, &s->run, s->guests);
	if (record_close(&meta, err) && !ret)
		return -EIO;
	return ret ? fail(err, ret, "cannot write %s: %s", meta.path, strerror(-ret)) : 0;
}

static void free_results(struct result *result, size_t n)
{
	for (size_t i = 0; i < n; i++)
		result_fini(&result[i]);
	free(result);
}

static struct result *make_results(const struct run *run)
{
	size_t n = (size_t)run->benches * run->variants;
	struct result *result = calloc(n + 1, sizeof(*result));

	for (size_t i = 0; result && i < n; i++)
		if (result_init(&result[i], run->bench[i / run->variants],
				&run->variant[i % run->variants], run->reps)) {
			free_results(result, i);
			return NULL;
		}
	return result;
}

/* Is there something to compare with, and something to compare? */
static bool has_peers(const struct session *s)
{
	bool peers = false;

	for (unsigned int i = 0; i < s->run.variants; i++)
		peers |= is_peer(s->variant[i].backend);
	return peers && s->alike[0];
}

/* Against peers: a table of ratios, also into the file that was asked for. */
static int print_comparison(const struct session *s, const struct result *result, struct error *err)
{
	struct comparison *c = calloc(s->run.benches + 1, sizeof(*c));

	if (!c)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < s->run.benches; i++)
		c[i] = compare(&result[i * s->run.variants], s->run.variants);
	report_print(stdout, false, s->alike[0]->name, c, s->run.benches);
	if (s->report.file)
		report_print(s->report.file, true, s->alike[0]->name, c, s->run.benches);
	free(c);
	return 0;
}

static int print_results(const struct session *s, const struct result *result, struct error *err)
{
	if (s->costs) {
		costs_print(stdout, &s->run, result, false);
		if (s->report.file)
			costs_print(s->report.file, &s->run, result, true);
		return 0;
	}
	if (has_peers(s))
		return print_comparison(s, result, err);
	table_print(stdout, result, s->run.benches, s->run.variants, s->run.host_kind);
	return 0;
}

/* Samples, table, and the exit status that they come to. */
static int run_and_print(struct session *s, struct error *err)
{
	size_t n = (size_t)s->run.benches * s->run.variants;
	struct result *result = make_results(&s->run);
	int signo = 0, status = EXIT_FINE, ret;

	if (!result) {
		fail(err, -ENOMEM, "out of memory");
		return complain("run", err, EXIT_HOST);
	}
	ret = run_samples(&s->run, &s->runner, result, &signo, err);
	if (ret && ret != -EINTR)
		status = complain("run", err, EXIT_HOST);
	if (print_results(s, result, err))
		status = complain("run", err, EXIT_HOST);
	for (size_t i = 0; i < n; i++)
		if (!status && result[i].status == SAMPLE_FAIL)
			status = EXIT_BENCH_FAILED;
	free_results(result, n);
	return ret == -EINTR ? 128 + signo : status;
}

static void no_header(FILE *f)
{
	(void)f;
}

/* All files, so that one that cannot be written does not cost a run. */
static int open_files(struct session *s, struct error *err)
{
	int ret = 0;

	s->run.samples.path = s->o.csv;
	s->run.traps.path = s->o.traps;
	s->report.path = s->o.report;
	if (s->o.report && !has_peers(s) && !s->costs)
		ret = fail(err, -EINVAL,
			   "--report compares a backend with native or qemu-tcg: "
			   "--backend native,swbt,qemu-tcg");
	if (!ret)
		ret = record_open(&s->run.samples, metrics_csv_header, err);
	if (!ret)
		ret = record_open(&s->run.traps, trapcsv_header, err);
	if (!ret)
		ret = record_open(&s->report, no_header, err);
	if (s->report.file && !s->costs)
		report_head(s->report.file, &s->run);
	return ret ? ret : write_meta(s, err);
}

static int run_session(struct session *s, const char *command)
{
	struct error err = { "" };
	int ret = session_init(s, with_peers(backends), &err), status;

	if (!ret)
		ret = open_files(s, &err);
	if (ret) {
		session_fini(s);
		return complain(command, &err, ret == -ENOSPC ? EXIT_HOST : EXIT_USAGE);
	}
	status = run_and_print(s, &err);
	if (record_close(&s->run.samples, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	if (record_close(&s->run.traps, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	if (record_close(&s->report, &err) && !status)
		status = complain(command, &err, EXIT_HOST);
	session_fini(s);
	return status;
}

static int cmd_run(int argc, char **argv)
{
	struct session s = { 0 };

	options_run(&s.o, argc, argv);
	return run_session(&s, "run");
}

static int cmd_traps(int argc, char **argv)
{
	struct session s = { .costs = true };

	options_traps(&s.o, argc, argv);
	costs_defaults(&s.o, s.costly, sizeof(s.costly));
	return run_session(&s, "traps");
}

/* Nobody said which: every engine. One backend without engines has nobody to be compared with but
 * itself, with other interrupt controllers. */
static void add_variants(struct session *s)
{
	struct error ignored;
	char other[64];
	int nr;

	if (s->o.backends)
		return;
	nr = variants_every_engine(s->variant, backends, &s->o.variants, &ignored);
	if (nr > 0)
		s->run.variants = (unsigned int)nr;
	if (s->run.variants != 1 || !s->variant[0].backend->irq_line)
		return;
	snprintf(other, sizeof(other), "%s:user,%s:kernel", s->variant[0].backend->name,
		 s->variant[0].backend->name);
	if (variants_parse(s->variant, backends, other, &s->o.variants, &ignored) == 2)
		s->run.variants = 2;
}

static int cmd_verify(int argc, char **argv)
{
	struct session s = { 0 };
	struct verify_sum sum = { 0 };
	struct error err = { "" };
	int ret;

	options_verify(&s.o, argc, argv);
	ret = session_init(&s, backends, &err);
	if (ret) {
		session_fini(&s);
		return complain("verify", &err, EXIT_USAGE);
	}
	add_variants(&s);
	printf("comparing");
	for (unsigned int i = 0; i < s.run.variants; i++)
		printf(" %s", s.variant[i].label);
	printf("%s\n", s.run.variants == 1 ? " with the guests' own checks only" : "");
	ret = verify_all(&s.run, &s.runner, s.o.counts, stdout, &sum, &err);
	session_fini(&s);
	if (ret)
		return complain("verify", &err, EXIT_HOST);
	printf("%u passed, %u failed, %u skipped\n", sum.passed, sum.failed, sum.skipped);
	return sum.failed ? EXIT_BENCH_FAILED : EXIT_FINE;
}

static int cmd_list(int argc, char **argv)
{
	struct session s = { 0 };
	struct error err = { "" };

	options_list(&s.o, argc, argv);
	if (select_benches(&s, &err)) {
		session_fini(&s);
		return complain("list", &err, EXIT_USAGE);
	}
	printf("%-24s %4s  %10s  %s\n", "name", "mode", "iterations", "one operation");
	for (unsigned int i = 0; i < s.run.benches; i++) {
		const struct bench *b = s.bench[i];

		printf("%-24s %4u  %10" PRIu64 "  %s\n", b->name, b->mode, b->iterations, b->text);
	}
	if (!s.o.globs)
		puts("\nMore, which run in a Linux guest: fvbench list 'linux/*'");
	session_fini(&s);
	return EXIT_FINE;
}

static int cmd_probe(int argc, char **argv)
{
	options_probe(argc, argv);
	probe_print(stdout, with_peers(backends));
	return EXIT_FINE;
}

static const struct {
	const char *name, *text;
	int (*fn)(int argc, char **argv);
} commands[] = {
	{ "run", "measure, and print a table", cmd_run },
	{ "traps", "what a trap costs, by its kind, in each way of running", cmd_traps },
	{ "list", "which benchmarks there are", cmd_list },
	{ "verify", "does every guest do the same on every backend?", cmd_verify },
	{ "probe", "what does this host offer, and what is missing?", cmd_probe },
	{ "sensitive", "which instructions fail silently, here and under each engine?",
	  cmd_sensitive },
	{ "story", "what becomes of a kernel where one of them does", cmd_story },
};

static void print_help(void)
{
	printf("Usage: fvbench COMMAND [OPTION...]\n"
	       "Measure what trapping operations cost under each way of running a guest.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  fvbench %-9s %s\n", commands[i].name, commands[i].text);
	printf("\nfvbench COMMAND --help tells a command's options; fvbench --version the "
	       "version.\n");
}

/* Output that could not be written must not look like success. */
static int flush_stdout(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "fvbench: cannot write to standard output: %s\n", strerror(errno));
	return status ? status : EXIT_HOST;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	char name[32];

	process_init();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(word, commands[i].name))
			continue;
		/* What argp's messages start with. */
		snprintf(name, sizeof(name), "fvbench %s", word);
		argv[1] = name;
		return flush_stdout(commands[i].fn(argc - 1, argv + 1));
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "-?")) {
		print_help();
		return flush_stdout(EXIT_FINE);
	}
	if (!strcmp(word, "--version")) {
		puts(argp_program_version);
		return flush_stdout(EXIT_FINE);
	}
	fprintf(stderr,
		"fvbench: %s%s; one of run, traps, list, verify, probe, sensitive, story, or "
		"--help\n",
		*word ? "no command " : "a command is missing", word);
	return EXIT_USAGE;
}
