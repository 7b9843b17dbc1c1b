/* SPDX-License-Identifier: MIT */
#include "bench/plot_costs.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of these the guest's own latencies tell (bench/goals.c). */
static bool waits(const char *bench)
{
	return !strcmp(bench, "hlt") || !strcmp(bench, "timer-latency");
}

/* Benchmarks and variants of rows that say a cost, or why there is none. */
static int find_names(struct plot *p)
{
	int metric = read_column(p->t, "metric");

	for (size_t i = 0; i < p->t->rows; i++) {
		const char *name = read_cell(p->t, i, metric);

		if ((strcmp(name, "status") && strcmp(name, "cycles_per_op")) ||
		    !plot_wants(p, i, true))
			continue;
		if (plot_bench(p, i) < 0 || plot_variant(p, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* FNV-1a: the same samples have the same interval as in the table of fvbench run. */
static u64 seed_of(const char *text)
{
	u64 h = 0xcbf29ce484222325ull;

	for (; *text; text++)
		h = (h ^ (u8)*text) * 0x100000001b3ull;
	return h;
}

static void sum_up(struct costs *c, const struct plot *p)
{
	for (unsigned int i = 0; i < p->bench.nr * p->variant.nr; i++) {
		struct cost *cost = &c->cost[i];

		cost->median = stats_median(cost->sample, cost->nr);
		cost->range = stats_median_interval(cost->sample, cost->nr,
						    seed_of(p->bench.name[i / p->variant.nr]));
		if (cost->nr > c->samples)
			c->samples = cost->nr;
	}
}

/* The cost of D's benchmark B under its variant V, out of the series of both metrics. */
static void take(struct costs *c, const struct plot *p, unsigned int b, unsigned int v,
		 const char *const *status)
{
	unsigned int i = b * p->d->variants + v;
	const struct series *s = waits(p->d->bench[b]) ? &c->latency[i] : &c->cycles[i];
	int bench = plot_find(&p->bench, p->d->bench[b]);
	int variant = plot_find(&p->variant, p->d->variant[v].label);
	struct cost *cost;

	if (bench < 0 || variant < 0)
		return;
	cost = &c->cost[(unsigned int)bench * p->variant.nr + (unsigned int)variant];
	cost->sample = s->value;
	cost->nr = (unsigned int)s->nr;
	cost->status = status[i];
	if (c->loop[i].nr && !waits(p->d->bench[b]))
		cost->loop = stats_median(c->loop[i].value, c->loop[i].nr);
}

int costs_read(struct costs *c, struct plot *p, struct error *err)
{
	struct data_query cycles = DATA_METRIC("cycles_per_op"), latency = DATA_METRIC("lat_p50");
	struct data_query loop = DATA_METRIC("loop_cycles_per_op");
	const char **status = data_status(p->d, (int)p->file);
	int ret = status ? find_names(p) : -ENOMEM;

	c->cost = calloc((size_t)p->bench.nr * p->variant.nr + 1, sizeof(*c->cost));
	if (!c->cost || ret) {
		free(status);
		return fail(err, -ENOMEM, "out of memory");
	}
	cycles.file = latency.file = loop.file = (int)p->file;
	ret = data_series(p->d, &cycles, &c->cycles, err);
	if (!ret)
		ret = data_series(p->d, &latency, &c->latency, err);
	if (!ret)
		ret = data_series(p->d, &loop, &c->loop, err);
	for (unsigned int i = 0; !ret && i < p->d->benches * p->d->variants; i++)
		take(c, p, i / p->d->variants, i % p->d->variants, status);
	free(status);
	if (!ret)
		sum_up(c, p);
	return ret;
}

void costs_fini(struct costs *c, const struct plot *p)
{
	series_free(p->d, c->cycles);
	series_free(p->d, c->latency);
	series_free(p->d, c->loop);
	free(c->cost);
}
