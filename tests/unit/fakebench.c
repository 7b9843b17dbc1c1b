/* SPDX-License-Identifier: MIT */
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int probe_fine(struct error *err)
{
	(void)err;
	return 0;
}

static int probe_broken(struct error *err)
{
	return fail(err, -ENODEV, "no such processor; buy one");
}

static int drive_line(struct vm *vm, unsigned int gsi, int level)
{
	(void)vm;
	(void)gsi;
	(void)level;
	return 0;
}

static const struct backend_option alpha_options[] = {
	{ .name = "fast", .kind = OPTION_SWITCH, .value = true },
	{ .name = "depth", .kind = OPTION_NUMBER, .value = 5, .min = 1, .max = 9, .engine = "one" },
	{ .name = "room", .kind = OPTION_SIZE, .value = 4 * MiB, .min = 64 * KiB, .max = GiB },
	{ .name = "log", .kind = OPTION_PATH },
	{ 0 },
};
static const struct backend alpha = { .name = "alpha",
				      .engines = (const char *const[]){ "one", "two", NULL },
				      .options = alpha_options,
				      .probe = probe_fine,
				      .irq_line = drive_line };
static const struct backend beta = { .name = "beta", .probe = probe_fine };
static const struct backend broken = { .name = "broken", .probe = probe_broken };
const struct backend *const fake_backends[] = { &alpha, &beta, &broken, NULL };

struct act {
	const char *name;
	void (*fn)(const struct sample_request *request, struct sample_raw *raw);
};

static void say(struct sample_raw *raw, const char *text)
{
	size_t len = strlen(text);

	memcpy(raw->console + raw->console_len, text, len);
	raw->console_len += len;
}

static void end(struct sample_raw *raw, int status)
{
	raw->exit_status = status;
	raw->ended = true;
}

static void good(const struct sample_request *request, struct sample_raw *raw)
{
	u64 per_op = request->variant->backend == &beta ? 250 : 100, n = request->iterations;
	char line[200];

	/* Far from the same each time, whoever runs it. */
	if (per_op == 250 && !strcmp(bench_guest_name(request->bench), "noisy"))
		per_op += (u64)getpid() % 7 * 40;

	snprintf(line, sizeof(line),
		 "hello\nfvbench: bench=%s mode=%u iters=%" PRIu64 " cycles=%" PRIu64
		 " loop=%" PRIu64 " lat_p50=9 pages=4 ok\n",
		 bench_guest_name(request->bench), request->bench->mode, n, n * (per_op + 2),
		 n * 2);
	say(raw, line);
	raw->start_ns = 5;
	raw->wall_ns = 7;
	raw->have_traps = true;
	raw->traps.counted = BIT(TRAP_PORT_IN) | BIT(TRAP_HLT);
	raw->traps.timed = BIT(TRAP_PORT_IN);
	raw->traps.c[TRAP_PORT_IN].count = n;
	raw->traps.c[TRAP_CPUID].count = 77;
	if (request->count) {
		strcpy(raw->counter[0].name, "native.exits");
		raw->counter[0].value = n;
		raw->nr_counters = 1;
	}
	end(raw, 1);
}

/* As a guest does that was asked for its warm-up. */
static void warming(const struct sample_request *request, struct sample_raw *raw)
{
	if (request->args && !strcmp(request->args, "chunks=10"))
		say(raw, "fvbench-chunks: ops=2 900 300 200 200 200 200 200 200 200 200\n");
	good(request, raw);
}

/* Its first line comes in pieces, as from a serial port. */
static void boot(const struct sample_request *request, struct sample_raw *raw)
{
	sample_print(raw, "[0.1] init: fir", 15);
	sample_print(raw, "st line\n", 8);
	good(request, raw);
}

static void crash(const struct sample_request *request, struct sample_raw *raw)
{
	const struct rlimit none = { 0, 0 };

	good(request, raw);
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void hang(const struct sample_request *request, struct sample_raw *raw)
{
	good(request, raw);
	for (;;)
		pause();
}

static void leave(const struct sample_request *request, struct sample_raw *raw)
{
	good(request, raw);
	_exit(9);
}

static void error(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	fail(&raw->error, -ENOMEM, "no room for guest RAM");
}

static void silent(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	say(raw, "panic: \x01 no idea\r\n");
	end(raw, 1);
}

static void garbage(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	say(raw, "fvbench: bench=garbage mode=64 iters=12 cyc\n");
	end(raw, 1);
}

static void liar(const struct sample_request *request, struct sample_raw *raw)
{
	good(request, raw);
	end(raw, 3);
}

static void misnamed(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	say(raw, "fvbench: bench=good mode=64 iters=1 cycles=1 loop=1 ok\n");
	end(raw, 1);
}

static void triple(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	say(raw, "almost there\n");
	strcpy(raw->stop, "triple fault at rip 0x1000");
	end(raw, -1);
}

static void skip(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	say(raw, "fvbench: bench=skip mode=64 skip reason=\"no AVX\"\n");
	end(raw, 5);
}

static void failing(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	say(raw, "fvbench: bench=fail mode=64 fail reason=\"got 3, not 4\"\n");
	end(raw, 3);
}

/* A process gone mad: every length and string in the shared memory is nonsense. */
static void scribble(const struct sample_request *request, struct sample_raw *raw)
{
	(void)request;
	memset(raw, 0xff, sizeof(*raw));
}

static const struct act acts[] = {
	{ "boot", boot },	  { "crash", crash },	  { "hang", hang },
	{ "exit", leave },	  { "error", error },	  { "silent", silent },
	{ "garbage", garbage },	  { "liar", liar },	  { "misnamed", misnamed },
	{ "triple", triple },	  { "skip", skip },	  { "fail", failing },
	{ "scribble", scribble }, { "warming", warming },
};

void fake_body(void *arg, const struct sample_request *request, struct sample_raw *raw)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		if (!strcmp(acts[i].name, bench_guest_name(request->bench))) {
			acts[i].fn(request, raw);
			return;
		}
	good(request, raw);
}

const struct sample_runner fake_runner = { fake_body, NULL, NSEC_PER_SEC / 10 };

struct bench fake_bench(const char *name)
{
	struct bench b = { .mode = 64, .iterations = 1000, .text = "test" };

	snprintf(b.name, sizeof(b.name), "%s", name);
	return b;
}

struct sample fake_sample(const struct bench *bench, const struct variant *variant)
{
	const struct sample_request request = { .bench = bench,
						.variant = variant,
						.iterations = bench->iterations,
						.timeout_ns = strcmp(bench->name, "hang")
								      ? FAKE_TIMEOUT
								      : NSEC_PER_SEC / 10 };
	struct sample s;
	sigset_t none;

	sigemptyset(&none);
	CU_ASSERT_EQUAL_FATAL(sample_take(&fake_runner, &request, &none, &s, NULL), 0);
	return s;
}
