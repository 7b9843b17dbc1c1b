/* SPDX-License-Identifier: MIT */
/* The one way in which every guest is run, timed, checked and reported. */
#include "platform.h"
#include "string.h"
#include "text.h"
#include "x86.h"

#define DEFAULT_RUNS 1000

volatile uword events;
u64 sum;

static struct text metrics;

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

/* The number after iters= on the command line. */
static uword iterations(void)
{
	const char *p = platform_arguments();
	u64 n = 0;

	for (char before = ' '; *p; before = *p++)
		if (before == ' ' && !memcmp(p, "iters=", 6))
			break;
	if (!*p)
		return DEFAULT_RUNS;
	for (p += 6; *p >= '0' && *p <= '9' && n <= UINT32_MAX; p++)
		n = n * 10 + (u64)(*p - '0');
	if ((*p && *p != ' ') || n == 0 || n > UINT32_MAX)
		fail("iters= must be a number from 1 to 4294967295");
	return (uword)n;
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

void nano_main(void)
{
	void (*empty)(uword) = nano.empty ? nano.empty : empty_loop;
	struct text t = { .len = 0 };
	uword n, warm;
	u64 cycles, loop;

	platform_init();
	n = rounded(iterations());
	warm = rounded(n / 10 + 1);
	if (nano.setup)
		nano.setup();

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
