/* SPDX-License-Identifier: MIT */
#include "bench/run.h"
#include "bench/metrics.h"
#include "bench/overhead.h"
#include "bench/peer.h"
#include "bench/plan.h"
#include "common/trapcsv.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t caught;

static void on_signal(int signo)
{
	caught = signo;
}

int record_open(struct record *record, void (*header)(FILE *f), struct error *err)
{
	int ret;

	if (!record->path)
		return 0;
	record->file = fopen(record->path, "we");
	if (!record->file)
		return fail(err, -errno, "cannot write %s: %s", record->path, strerror(errno));
	header(record->file);
	ret = csv_flush(record->file);
	if (ret)
		return fail(err, ret, "cannot write %s: %s", record->path, strerror(-ret));
	return 0;
}

int record_close(struct record *record, struct error *err)
{
	int ret = csv_close(record->file);

	record->file = NULL;
	if (ret)
		return fail(err, ret, "%s is incomplete: %s", record->path, strerror(-ret));
	return 0;
}

u64 run_iterations(const struct run *run, const struct bench *bench)
{
	double scaled = (double)bench->iterations * run->scale;

	if (run->iterations)
		return run->iterations;
	return scaled < 1 ? 1 : scaled > (double)UINT32_MAX ? UINT32_MAX : (u64)scaled;
}

#define FREQUENT \
	10000	     /* iterations of operations that are no exit in hardware, but no plain code */
#define PLAIN 100000 /* iterations of plain code */

u64 run_share(const struct run *run, const struct variant *variant, const struct bench *bench,
	      u64 n)
{
	unsigned int share = 1;

	if (run->iterations || variant->backend == &peer_native)
		return n;
	if (bench->tenth && variant->backend == &peer_qemu_tcg)
		share = 10;
	if ((bench->tenth || bench->in_linux) && !strcmp(run->host_kind, "emulated"))
		share = 10;
	if (bench->tenth && !strcmp(variant->engine, "step"))
		share *= 100;
	/* Where hardware takes no exit, a process takes a signal or two. */
	if (!bench->tenth && !strncmp(variant->engine, "trap", 4) &&
	    bench->iterations >= FREQUENT && bench->iterations < PLAIN)
		share *= 10;
	/* Some loops are emulated there (backends/swbt/direct/README.md, "Inside"). */
	if (bench->tenth && !strcmp(variant->engine, "trap+patch"))
		share *= 50;
	return n > share ? n / share : 1;
}

u64 run_memory(const struct run *run, const struct bench *bench)
{
	if (run->mem_size)
		return run->mem_size;
	return bench->in_linux ? 512 * MiB : 64 * MiB;
}

void run_options(const struct run *run, const struct variant *variant, u64 mem_size, char *text,
		 size_t size)
{
	size_t len;

	if (is_peer(variant->backend))
		peer_options(variant, mem_size, text, size);
	else
		csv_options(text, size, irqchip_name(variant->irqchip), run->cpu, mem_size,
			    variant->backend, &variant->options);
	len = strlen(text);
	if (variant->twin)
		snprintf(text + len, size - len, "%stwin=%c", len ? " " : "", variant->twin);
}

void run_guest(const struct bench *bench, char *text, size_t size)
{
	snprintf(text, size, "%s.%s", bench->name, bench->in_linux ? "cpio" : "elf");
}

static int check(const struct record *record, int ret, struct error *err)
{
	if (!ret)
		return 0;
	return fail(err, ret, "cannot write %s: %s; what was measured before is in it",
		    record->path, strerror(-ret));
}

/* Where the addresses of BENCH's guest have their names. A kernel for Linux guests has none. */
static void name_symbols(const struct run *run, const struct bench *bench)
{
	char path[PATH_MAX];
	struct error err;

	bool known = !bench->in_linux && !bench_file(bench, run->guests, false, path, &err);

	trapfiles_guest(run->single, known ? path : NULL);
}

void run_key(const struct run *run, const struct sample_request *request, const struct sample *s,
	     unsigned int rep, struct run_key *k)
{
	const struct variant *v = request->variant;

	k->key = (struct csv_key){
		.run_id = run->run_id,
		.backend = v->backend->name,
		.engine = v->engine,
		.options = k->options,
		.host_kind = run->host_kind,
		.guest = k->guest,
		.bench = request->bench->name,
		.rep = (int)rep,
		.iterations = s->verdict.measured ? s->verdict.iters : request->iterations,
	};
	run_options(run, v, request->mem_size, k->options, sizeof(k->options));
	run_guest(request->bench, k->guest, sizeof(k->guest));
}

static int write_down(const struct run *run, const struct sample_request *request,
		      const struct sample *s, unsigned int rep, struct error *err)
{
	static const struct trap_stats nothing;
	struct run_key k;
	int ret = 0;

	run_key(run, request, s, rep, &k);
	if (run->samples.file)
		ret = check(&run->samples, metrics_csv_write(run->samples.file, &k.key, s), err);
	if (!ret && run->traps.file && s->status == SAMPLE_OK)
		ret = check(&run->traps,
			    trapcsv_write(run->traps.file, &k.key,
					  s->raw->have_traps ? &s->raw->traps : &nothing),
			    err);
	if (!ret && request->log && s->status == SAMPLE_OK && s->raw->have_traps) {
		name_symbols(run, request->bench);
		if (run->progress)
			fputs("\r\033[K", stderr); /* --hot - prints */
		ret = trapfiles_write(run->single, &k.key, err);
	}
	return ret;
}

unsigned int run_most(const struct run *run)
{
	return design_most(&run->design, run->reps);
}

void run_results_free(const struct run *run, struct result *result)
{
	for (size_t i = 0; i < (size_t)run->benches * run->variants; i++)
		result_fini(&result[i]);
	free(result);
}

struct result *run_results(const struct run *run)
{
	size_t n = (size_t)run->benches * run->variants;
	struct result *result = calloc(n + 1, sizeof(*result));

	for (size_t i = 0; result && i < n; i++)
		if (result_init(&result[i], run->bench[i / run->variants],
				&run->variant[i % run->variants], run_most(run))) {
			run_results_free(run, result);
			return NULL;
		}
	return result;
}

static void show_progress(const struct run *run, unsigned int bench, const struct variant *v,
			  unsigned int rep)
{
	if (!run->progress)
		return;
	fprintf(stderr, "\r\033[K[%u/%u] %s  %s  ", bench + 1, run->benches,
		run->bench[bench]->name, v->label);
	if (rep)
		fprintf(stderr, rep > run->reps ? "%u" : "%u/%u", rep, run->reps);
	else
		fputs("counting", stderr);
}

/* A run on its way. */
struct course {
	const struct run *run;
	const struct sample_runner *runner;
	const sigset_t *mask;
	struct host_sum host;
	u64 begun_ns;  /* the benchmark that is measured */
	char args[32]; /* more of the guests' command line */
};

static int one_sample(struct course *c, const struct sample_request *request, struct result *result,
		      unsigned int rep, struct error *err)
{
	struct sample s;
	int ret;

	if (request->log)
		traplog_clear(request->log);
	ret = sample_take(c->runner, request, c->mask, &s, err);

	if (ret)
		return ret;
	host_add(&c->host, &s.host);
	result_add(result, &s, rep);
	if (c->run->countsum && s.status == SAMPLE_OK &&
	    countsum_add(c->run->countsum, request->bench, request->variant, &s))
		ret = fail(err, -ENOMEM, "out of memory");
	else
		ret = write_down(c->run, request, &s, rep, err);
	sample_free(&s);
	return ret;
}

static u64 monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* Is sample REP of R not to be taken? A guest that was skipped or failed once would do so every
 * time, and a hanging one would cost its time-out again and again. Of a peer there is nothing to
 * count. Variants that are done leave the others' order as it is. */
static bool left_out(const struct course *c, const struct result *r, unsigned int rep)
{
	const struct run *run = c->run;

	if (r->status != SAMPLE_OK)
		return true;
	if (!rep)
		return run->uncounted ||
		       (is_peer(r->variant->backend) && !peer_counts(r->variant, run->counters));
	if (rep <= run->reps)
		return false;
	return design_done(&run->design, run->reps, r->nr, result_relative(r),
			   monotonic_ns() - c->begun_ns);
}

/* Sample REP of a benchmark under VARIANT. */
static struct sample_request request_of(const struct course *c, const struct bench *bench,
					const struct variant *variant, unsigned int rep)
{
	const struct run *run = c->run;

	return (struct sample_request){
		.bench = bench,
		.variant = variant,
		.iterations = run_share(run, variant, bench, run_iterations(run, bench)),
		.args = c->args[0] && !bench->in_linux ? c->args : NULL,
		.mem_size = run_memory(run, bench),
		.kernel = run->kernel,
		.cpu = run->cpu,
		.alike = run->alike,
		.timeout_ns = run->timeout_ns,
		.pin = &run->pin,
		.count = rep == 0,
		.counters = run->counters,
		.count_blocks = rep == 0 && run->overhead.file,
		.log = rep || !run->single ? NULL : run->single->log,
	};
}

/* Of samples that are all there. */
static int write_drift(const struct course *c, const struct result *r, struct error *err)
{
	static const struct sample none;
	const struct sample_request request = request_of(c, r->bench, r->variant, 0);
	struct drift d = result_drift(r);
	struct run_key k;

	if (!c->run->samples.file)
		return 0;
	run_key(c->run, &request, &none, 0, &k);
	return check(&c->run->samples, metrics_csv_drift(c->run->samples.file, &k.key, &d), err);
}

static int one_bench(struct course *c, unsigned int bench, struct result *result, struct error *err)
{
	const struct run *run = c->run;
	int ret = 0;

	c->begun_ns = monotonic_ns();
	for (unsigned int i = 0; !ret && i < plan_length(run->variants, run_most(run)); i++) {
		struct plan_step step = plan_step(run->variants, i);
		const struct variant *variant = &run->variant[step.variant];
		const struct sample_request request =
			request_of(c, run->bench[bench], variant, step.rep);
		struct result *r = &result[step.variant];

		if (left_out(c, r, step.rep))
			continue;
		show_progress(run, bench, variant, step.rep);
		ret = one_sample(c, &request, r, step.rep, err);
		if (!ret && !step.rep)
			ret = overhead_sample(run, c->runner, &request, bench, step.variant,
					      c->mask, r, err);
	}
	for (unsigned int i = 0; !ret && i < run->variants; i++)
		ret = write_drift(c, &result[i], err);
	return ret;
}

static void warn_before(const struct run *run)
{
	struct host_matters matters;

	/* No time of an emulated processor is worth a warning. */
	if (!run->warn || !strcmp(run->host_kind, "emulated"))
		return;
	host_before(&matters, &run->pin);
	host_warn(run->warn, &matters);
}

static void warn_after(const struct run *run, const struct host_sum *sum)
{
	struct host_matters matters;

	if (!run->warn || !strcmp(run->host_kind, "emulated"))
		return;
	host_after(&matters, sum);
	host_warn(run->warn, &matters);
}

int run_samples(const struct run *run, const struct sample_runner *runner, struct result *result,
		int *signo, struct error *err)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK }, old_int,
			 old_term;
	sigset_t stop, before;
	struct course course = { .run = run, .runner = runner, .mask = &before };
	int ret = 0;

	if (run->design.chunks)
		snprintf(course.args, sizeof(course.args), "chunks=%" PRIu64, run->design.chunks);
	warn_before(run);
	pin_other(&run->pin);
	/* The signals can only come while a sample is waited for: none is half written down. */
	caught = 0;
	sigemptyset(&sa.sa_mask);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, &before);
	sigaction(SIGINT, &sa, &old_int);
	sigaction(SIGTERM, &sa, &old_term);
	for (unsigned int b = 0; !ret && b < run->benches; b++)
		ret = one_bench(&course, b, &result[b * run->variants], err);
	/* One that came after the last sample must still find our handler. */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	*signo = caught;
	if (run->progress)
		fputs("\r\033[K", stderr);
	warn_after(run, &course.host);
	return ret;
}
