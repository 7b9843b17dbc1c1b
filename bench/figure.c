/* SPDX-License-Identifier: MIT */
#include "bench/figure.h"
#include "bench/goals.h"
#include "bench/result.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t place(const struct figure *m, unsigned int bench, unsigned int variant)
{
	return (size_t)bench * m->d->variants + variant;
}

/* ---- loading -------------------------------------------------------------------------------- */

static int query(const struct figure *m, const char *metric, enum data_reps reps, struct series **s,
		 struct error *err)
{
	struct data_query q = DATA_METRIC(metric);

	q.reps = reps;
	q.file = m->file;
	return data_series(m->d, &q, s, err);
}

bool figure_has_samples(const struct figure *m)
{
	for (size_t i = 0; i < (size_t)m->d->benches * m->d->variants; i++)
		if (m->value[i].nr)
			return true;
	return false;
}

/* Benchmarks that wait: the latency takes the place of the cycles. */
static int take_latencies(struct figure *m, struct error *err)
{
	struct series *latency, swap;
	int ret = query(m, "lat_p50", DATA_TIMED, &latency, err);

	for (unsigned int b = 0; !ret && b < m->d->benches; b++)
		for (unsigned int v = 0; v < m->d->variants; v++) {
			size_t i = place(m, b, v);

			if (!cost_is_latency(m->d->bench[b]) || !latency[i].nr)
				continue;
			swap = m->value[i];
			m->value[i] = latency[i];
			latency[i] = swap;
		}
	if (!ret)
		series_free(m->d, latency);
	return ret;
}

static void find_unit(struct figure *m)
{
	m->unit = "";
	for (size_t i = 0; !*m->unit && i < (size_t)m->d->benches * m->d->variants; i++)
		if (m->value[i].nr) {
			const struct data_at *at = m->value[i].at;
			const struct csv_file *f = &m->d->file[at->file];

			m->unit = read_cell(f, at->row, read_column(f, "unit"));
		}
	m->times = !strcmp(m->unit, "cycles") || !strcmp(m->unit, "ns");
}

static int load(struct figure *m, struct error *err)
{
	const char *metric = m->metric ? m->metric : "cycles_per_op";
	int ret = query(m, metric, DATA_TIMED, &m->value, err);

	if (!ret && !figure_has_samples(m)) {
		series_free(m->d, m->value);
		m->value = NULL;
		ret = query(m, metric, DATA_COUNTING, &m->value, err);
	}
	if (!ret && !m->metric)
		ret = query(m, "loop_cycles_per_op", DATA_TIMED, &m->loop, err);
	if (!ret && !m->metric)
		ret = take_latencies(m, err);
	return ret;
}

int figure_load(struct figure *m, const struct data *d, const char *metric, int file,
		struct error *err)
{
	int ret;

	*m = (struct figure){ .d = d, .metric = metric, .file = file };
	ret = load(m, err);
	if (ret)
		figure_free(m);
	else
		find_unit(m);
	return ret;
}

void figure_free(struct figure *m)
{
	series_free(m->d, m->value);
	series_free(m->d, m->loop);
	m->value = m->loop = NULL;
}

/* ---- what they come to ---------------------------------------------------------------------- */

bool figure_counts(const struct figure *m, unsigned int bench, unsigned int variant)
{
	return m->value[place(m, bench, variant)].nr &&
	       !(m->times && m->d->variant[variant].emulated);
}

struct estimate figure_estimate(const struct figure *m, unsigned int bench, unsigned int variant)
{
	const struct series *s = &m->value[place(m, bench, variant)];

	return (struct estimate){
		s->nr,
		stats_median(s->value, s->nr),
		stats_median_interval(s->value, s->nr, result_seed(m->d->bench[bench])),
	};
}

static bool same_sample(const struct data_at *a, const struct data_at *b)
{
	return a->rep == b->rep && !strcmp(a->run_id, b->run_id);
}

/* The sample of S that was taken with AT; S->nr: none. I is where it usually is. */
static size_t find_sample(const struct series *s, const struct data_at *at, size_t i)
{
	if (i < s->nr && same_sample(&s->at[i], at))
		return i;
	for (i = 0; i < s->nr && !same_sample(&s->at[i], at); i++)
		;
	return i;
}

/* The values of S into V, with LOOP's of the same samples added if it is not NULL. */
static void take_values(double *v, const struct series *s, const struct series *loop)
{
	for (size_t i = 0; i < s->nr; i++) {
		size_t at = loop ? find_sample(loop, &s->at[i], i) : 0;

		v[i] = s->value[i] + (loop && at < loop->nr ? loop->value[at] : 0);
	}
}

/* Sort the N values at V, B's, as those of A that were taken with them. False, and V as it was:
 * they were not taken in pairs. */
static bool pair_up(const struct series *a, const struct series *b, double *v)
{
	double *sorted;
	size_t i;

	if (a->nr != b->nr)
		return false;
	sorted = malloc((a->nr + 1) * sizeof(*sorted));
	for (i = 0; sorted && i < a->nr; i++) {
		size_t at = find_sample(b, &a->at[i], i);

		/* Both ways, so that none is taken twice. */
		if (!a->at[i].rep || at == b->nr || find_sample(a, &b->at[at], i) != i)
			break;
		sorted[i] = v[at];
	}
	if (!sorted || i < a->nr) {
		free(sorted);
		return false;
	}
	memcpy(v, sorted, a->nr * sizeof(*v));
	free(sorted);
	return true;
}

static struct ratio ratio_of_series(const struct series *a, const struct series *b,
				    const struct series *loop_a, const struct series *loop_b)
{
	struct ratio r = { .value = NAN, .range = { NAN, NAN }, .p = NAN, .whole = loop_a };
	double *x = malloc((a->nr + b->nr + 1) * sizeof(*x)), *y = x + a->nr;

	if (x) {
		take_values(x, a, loop_a);
		take_values(y, b, loop_b);
		r = ratio_of(x, a->nr, y, b->nr, pair_up(a, b, y), 1);
		r.whole = loop_a;
	}
	free(x);
	return r;
}

struct ratio figure_ratio(const struct figure *a, unsigned int va, const struct figure *b,
			  unsigned int vb, unsigned int bench)
{
	const struct series *x = &a->value[place(a, bench, va)];
	const struct series *y = &b->value[place(b, bench, vb)];
	bool whole = false;

	if (!figure_counts(a, bench, va) || !figure_counts(b, bench, vb))
		return (struct ratio){ .value = NAN, .range = { NAN, NAN }, .p = NAN };
	if (!a->metric && !cost_is_latency(a->d->bench[bench]))
		whole = stats_median(x->value, x->nr) < COST_LEAST ||
			stats_median(y->value, y->nr) < COST_LEAST;
	return ratio_of_series(x, y, whole ? &a->loop[place(a, bench, va)] : NULL,
			       whole ? &b->loop[place(b, bench, vb)] : NULL);
}
