/* SPDX-License-Identifier: MIT */
#include "bench/goals.h"
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

bool cost_is_latency(const char *bench)
{
	return !strcmp(bench, "hlt") || !strcmp(bench, "timer-latency");
}

static bool waits(const struct bench *bench)
{
	return cost_is_latency(bench->name);
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

struct ratio compare_costs(const struct result *a, const struct result *b)
{
	size_t n = a->nr < b->nr ? a->nr : b->nr;
	bool whole = cost_of(a) < COST_LEAST || cost_of(b) < COST_LEAST;
	struct ratio r = { .value = NAN, .range = { NAN, NAN }, .p = NAN };
	double *x = calloc(2 * n + 1, sizeof(*x)), *y = x + n;

	for (size_t i = 0; x && i < n; i++) {
		x[i] = cost(a, i, whole);
		y[i] = cost(b, i, whole);
	}
	if (x)
		r = ratio_of(x, n, y, n, true, 1);
	r.whole = whole;
	free(x);
	return r;
}

static const struct result *faster(const struct result *a, const struct result *b)
{
	double x = a ? cost_of(a) + result_loop(a) : INFINITY;

	return cost_of(b) + result_loop(b) < x ? b : a;
}

struct comparison compare(const struct result *result, unsigned int n)
{
	const struct ratio unknown = { .value = NAN, .range = { NAN, NAN }, .p = NAN };
	struct comparison c = { .bench = result->bench, .slowdown = unknown, .lead = unknown };

	for (unsigned int i = 0; i < n; i++) {
		const struct result *r = &result[i];
		const struct backend *b = r->variant->backend;

		c.with_native |= b == &peer_native;
		c.with_tcg |= b == &peer_qemu_tcg;
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
		c.slowdown = compare_costs(c.ours, c.native);
	if (c.ours && c.emulated)
		c.lead = compare_costs(c.emulated, c.ours);
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
