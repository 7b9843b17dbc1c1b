/* SPDX-License-Identifier: MIT */
/* The one way in which every guest is run, timed, checked and reported. */
#include "platform.h"
#include "string.h"
#include "text.h"
#include "x86.h"

#define DEFAULT_RUNS 1000
#define CHUNKS_MAX   200

volatile uword events;
u64 sum;

static struct text metrics;

/* What the pieces of the warm-up took, in ticks. */
static u64 chunk[CHUNKS_MAX];

static void text_head(struct text *t)
{
	text_str(t, "fvbench: bench=");
	text_str(t, nano.name);
	text_str(t, " mode=");
	text_dec(t, 8 * sizeof(uword));
}

__attribute__((noreturn)) static void stop(enum outcome outcome, const char *word, const char *why)
{
	struct text t = { .len = 0 };

	text_head(&t);
	text_str(&t, word);
	text_str(&t, " reason=\"");
	text_str(&t, why);
	text_str(&t, "\"\n");
	platform_print(t.buf);
	platform_end(outcome);
}

void fail(const char *reason)
{
	stop(FAIL, " fail", reason);
}

void skip(const char *reason)
{
	stop(SKIP, " skip", reason);
}

void expect(const char *what, u64 got, u64 want)
{
	struct text t = { .len = 0 };

	if (got == want)
		return;
	text_str(&t, what);
	text_str(&t, ": ");
	text_hex(&t, got);
	text_str(&t, ", not ");
	text_hex(&t, want);
	fail(t.buf);
}

static void metric_named(const char *name, const char *suffix, u64 value)
{
	text_str(&metrics, " ");
	text_str(&metrics, name);
	text_str(&metrics, suffix);
	text_str(&metrics, "=");
	text_dec(&metrics, value);
}

void metric(const char *name, u64 value)
{
	metric_named(name, "", value);
}

void metric_quantiles(const char *prefix, u64 *sample, size_t n)
{
	for (size_t gap = n / 2; gap; gap /= 2)
		for (size_t i = gap; i < n; i++) {
			u64 v = sample[i];
			size_t j = i;

			for (; j >= gap && sample[j - gap] > v; j -= gap)
				sample[j] = sample[j - gap];
			sample[j] = v;
		}
	metric_named(prefix, "_min", sample[0]);
	metric_named(prefix, "_p50", sample[n / 2]);
	metric_named(prefix, "_p99", sample[n - 1 - n / 100]);
	metric_named(prefix, "_max", sample[n - 1]);
}

/* What follows KEY in TEXT, if it begins so; else NULL. */
static const char *after(const char *text, const char *key)
{
	for (; *key; key++, text++)
		if (*text != *key)
			return NULL;
	return text;
}

/* The number after KEY (iters=) on the command line, from 1 to MOST; without it, NONE. */
static uword argument(const char *key, uword none, u64 most, const char *why)
{
	const char *p = platform_arguments(), *at = NULL;
	u64 n = 0;

	for (char before = ' '; *p && !at; before = *p++)
		if (before == ' ')
			at = after(p, key);
	if (!at)
		return none;
	for (; *at >= '0' && *at <= '9' && n <= most; at++)
		n = n * 10 + (u64)(*at - '0');
	if ((*at && *at != ' ') || n == 0 || n > most)
		fail(why);
	return (uword)n;
}

static uword iterations(void)
{
	return argument("iters=", DEFAULT_RUNS, UINT32_MAX,
			"iters= must be a number from 1 to 4294967295");
}

/* N as this guest can do it: within nano.max, a multiple of nano.granule. */
static uword rounded(uword n)
{
	uword granule = nano.granule ? nano.granule : 1;

	if (nano.max && n > nano.max)
		n = nano.max;
	return n < granule ? granule : n / granule * granule;
}

__attribute__((noinline)) static void empty_loop(uword n)
{
	LOOP (n)
		;
}

static u64 timed(void (*loop)(uword), uword n)
{
	u64 start = tsc();

	if (nano.user)
		platform_call_user(loop, n);
	else
		loop(n);
	return tsc() - start;
}

static void prepare(uword n)
{
	events = 0;
	sum = 0;
	if (nano.prepare)
		nano.prepare(n);
}

/* The loop from cold on, in K pieces of N operations. */
static void run_chunks(uword k, uword n)
{
	for (uword i = 0; i < k; i++) {
		prepare(n);
		chunk[i] = timed(nano.run, n);
	}
}

static void print_number(const char *before, u64 value)
{
	struct text t = { .len = 0 };

	text_str(&t, before);
	text_dec(&t, value);
	platform_print(t.buf);
}

static void print_chunks(uword k, uword n)
{
	if (!k)
		return;
	print_number("fvbench-chunks: ops=", n);
	for (uword i = 0; i < k; i++)
		print_number(" ", chunk[i]);
	platform_print("\n");
}

void nano_main(void)
{
	void (*empty)(uword) = nano.empty ? nano.empty : empty_loop;
	struct text t = { .len = 0 };
	uword n, warm, chunks, piece;
	u64 cycles, loop;

	platform_init();
	n = rounded(iterations());
	warm = rounded(n / 10 + 1);
	chunks = argument("chunks=", 0, CHUNKS_MAX, "chunks= must be a number from 1 to 200");
	piece = rounded(chunks ? n / chunks : 0);
	if (nano.setup)
		nano.setup();

	run_chunks(chunks, piece);
	prepare(warm);
	timed(empty, warm);
	timed(nano.run, warm);

	/* A mark first, so that both loops start out as cold. */
	platform_mark(0);
	loop = timed(empty, n);
	prepare(n);
	platform_mark(1);
	cycles = timed(nano.run, n);
	platform_mark(2);
	if (nano.check)
		nano.check(n);

	print_chunks(chunks, piece);
	text_head(&t);
	text_str(&t, " iters=");
	text_dec(&t, n);
	text_str(&t, " cycles=");
	text_dec(&t, cycles);
	text_str(&t, " loop=");
	text_dec(&t, loop);
	text_str(&t, metrics.buf);
	text_str(&t, " ok\n");
	platform_print(t.buf);
	platform_end(OK);
}
