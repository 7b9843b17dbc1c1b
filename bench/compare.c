/* SPDX-License-Identifier: MIT */
#include "bench/compare.h"
#include "bench/peer.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct goal goals[GOALS] = {
	{ "compute, times native", "*", WORK_COMPUTE, true, 1.5, false },
	{ "compute, times as fast as TCG", "*", WORK_COMPUTE, false, 8, false },
	{ "system call", "syscall*", WORK_ANY, false, 3, true },
	{ "CR3 write", "cr3-write*", WORK_ANY, false, 3, true },
	{ "page fault", "page-fault*", WORK_ANY, false, 3, true },
	{ "page-table entry changed", "ptemod-*", WORK_ANY, false, 3, true },
	{ "port read", "in", WORK_ANY, false, 3, true },
	{ "port read, 32-bit", "in-32", WORK_ANY, false, 3, true },
	{ "in Linux: compute, times native", "linux/*", WORK_COMPUTE, true, 1.5, false },
	{ "in Linux: compute, times as fast as TCG", "linux/*", WORK_COMPUTE, false, 8, false },
	{ "in Linux: kernel work, times native", "linux/*", WORK_KERNEL, true, 0, false },
	{ "in Linux: kernel work, times as fast as TCG", "linux/*", WORK_KERNEL, false, 3, false },
	{ "Linux boot, times as fast as TCG", "linux/boot", WORK_ANY, false, 4, true },
};

/* The smallest cost per operation that is told from the loop's own noise. */
#define LEAST 1.0

/* Of these the guest's own latencies tell, as cycles contain the time until the timer's end. */
static bool waits(const struct bench *bench)
{
	return !strcmp(bench->name, "hlt") || !strcmp(bench->name, "timer-latency");
}

/* Sample I of R. */
static double cost(const struct result *r, size_t i, bool whole)
{
	return waits(r->bench) ? r->latency[i] : r->cycles[i] + (whole ? r->loop[i] : 0);
}

double cost_of(const struct result *r)
{
	return waits(r->bench) ? stats_median(r->latency, r->nr) : result_cycles(r);
}

static struct ratio ratio_of(const struct result *a, const struct result *b)
{
	size_t n = a->nr < b->nr ? a->nr : b->nr;
	double x = cost_of(a), y = cost_of(b);
	struct ratio r = { NAN, { NAN, NAN }, false };
	double *each = calloc(n + 1, sizeof(*each));

	if (!n || !each) {
		free(each);
		return r;
	}
	r.whole = x < LEAST || y < LEAST;
	if (r.whole) {
		x += result_loop(a);
		y += result_loop(b);
	}
	for (size_t i = 0; i < n; i++)
		each[i] = cost(a, i, r.whole) / cost(b, i, r.whole);
	r.value = x / y;
	r.range = stats_median_interval(each, n, 1);
	free(each);
	return r;
}

static const struct result *faster(const struct result *a, const struct result *b)
{
	double x = a ? cost_of(a) + result_loop(a) : INFINITY;

	return cost_of(b) + result_loop(b) < x ? b : a;
}

struct comparison compare(const struct result *result, unsigned int n)
{
	const struct ratio unknown = { NAN, { NAN, NAN }, false };
	struct comparison c = { .bench = result->bench, .slowdown = unknown, .lead = unknown };

	for (unsigned int i = 0; i < n; i++) {
		const struct result *r = &result[i];
		const struct backend *b = r->variant->backend;

		if (r->status == SAMPLE_FAIL && !c.failed)
			c.failed = r;
		if (!is_peer(b) && r->taken && !c.ours)
			c.ours = r;
		if (r->status != SAMPLE_OK || !r->nr)
			continue;
		if (b == &peer_native)
			c.native = r;
		else if (b == &peer_qemu_tcg)
			c.emulated = faster(c.emulated, r);
	}
	if (c.ours && c.native)
		c.slowdown = ratio_of(c.ours, c.native);
	if (c.ours && c.emulated)
		c.lead = ratio_of(c.emulated, c.ours);
	return c;
}

/* Does BENCH count for G? */
static bool goal_covers(const struct goal *g, const struct bench *bench)
{
	if (g->work == WORK_COMPUTE && !bench->compute)
		return false;
	if (g->work == WORK_KERNEL && (bench->compute || bench->boot))
		return false;
	return !fnmatch(g->glob, bench->name, FNM_PATHNAME);
}

double goal_mean(const struct goal *g, const struct comparison *c, unsigned int n)
{
	double sum = 0;
	unsigned int nr = 0;

	for (unsigned int i = 0; i < n; i++) {
		double v = g->slowdown ? c[i].slowdown.value : c[i].lead.value;

		if (!goal_covers(g, c[i].bench) || !(v > 0))
			continue;
		sum += log(v);
		nr++;
	}
	return nr ? exp(sum / nr) : NAN;
}

bool goal_met(const struct goal *g, double value)
{
	return g->slowdown ? value <= g->wanted : value >= g->wanted;
}

double wanted_lead(const struct bench *bench)
{
	double wanted = 1;

	for (unsigned int i = 0; i < GOALS; i++)
		if (goals[i].each && goal_covers(&goals[i], bench) && goals[i].wanted > wanted)
			wanted = goals[i].wanted;
	return wanted;
}
