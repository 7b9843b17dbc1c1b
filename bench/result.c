/* SPDX-License-Identifier: MIT */
#include "bench/result.h"
#include "bench/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int result_init(struct result *r, const struct bench *bench, const struct variant *variant,
		unsigned int reps)
{
	memset(r, 0, sizeof(*r));
	r->bench = bench;
	r->variant = variant;
	r->room = reps;
	for (unsigned int i = 0; i < TRAP_NR; i++)
		r->traps[i] = NAN;
	r->cycles = calloc(3 * (size_t)reps + 1, sizeof(*r->cycles));
	if (!r->cycles)
		return -ENOMEM;
	r->loop = r->cycles + reps;
	r->latency = r->loop + reps;
	return 0;
}

void result_fini(struct result *r)
{
	free(r->cycles);
	r->cycles = r->loop = r->latency = NULL;
}

static void take_status(struct result *r, const struct sample *s)
{
	if (r->status == SAMPLE_FAIL || s->status == SAMPLE_OK || r->status == s->status)
		return;
	r->status = s->status;
	memcpy(r->reason, s->reason, sizeof(r->reason));
}

static double latency(const struct verdict *v)
{
	for (unsigned int i = 0; i < v->nr_extra; i++)
		if (!strcmp(v->extra[i].key, "lat_p50"))
			return (double)v->extra[i].value;
	return NAN;
}

void result_add(struct result *r, const struct sample *s, unsigned int rep)
{
	const struct verdict *v = &s->verdict;

	r->taken++;
	take_status(r, s);
	if (s->status != SAMPLE_OK)
		return;
	if (!rep || !r->counted)
		for (unsigned int i = 0; i < TRAP_NR; i++)
			r->traps[i] = metrics_traps_per_op(s, i);
	r->counted |= !rep;
	if (!rep || r->nr == r->room)
		return;
	r->cycles[r->nr] = ((double)v->cycles - (double)v->loop) / (double)v->iters;
	r->latency[r->nr] = latency(v);
	r->unsteady += s->warmup.kind == STEADY_NONE;
	r->loop[r->nr++] = (double)v->loop / (double)v->iters;
}

double result_cycles(const struct result *r)
{
	return stats_median(r->cycles, r->nr);
}

double result_loop(const struct result *r)
{
	return stats_median(r->loop, r->nr);
}

double result_mad(const struct result *r)
{
	return stats_mad(r->cycles, r->nr);
}

/* FNV-1a. */
u64 result_seed(const char *bench)
{
	u64 h = 0xcbf29ce484222325ull;

	for (; *bench; bench++)
		h = (h ^ (u8)*bench) * 0x100000001b3ull;
	return h;
}

struct interval result_interval(const struct result *r)
{
	return stats_median_interval(r->cycles, r->nr, result_seed(r->bench->name));
}

double result_relative(const struct result *r)
{
	double cycles = fabs(result_cycles(r)), loop = result_loop(r);
	struct interval i = result_interval(r);

	return (i.high - i.low) / 2 / (cycles > loop ? cycles : loop);
}

struct drift result_drift(const struct result *r)
{
	struct drift d = { NAN, NAN };
	double *whole = calloc(r->nr + 1, sizeof(*whole));

	for (unsigned int i = 0; whole && i < r->nr; i++)
		whole[i] = r->cycles[i] + r->loop[i];
	if (whole)
		d = drift_of(whole, r->nr);
	free(whole);
	return d;
}
