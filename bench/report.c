/* SPDX-License-Identifier: MIT */
#include "bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct report_cell *report_cell(const struct report *r, unsigned int bench,
				      unsigned int variant)
{
	return &r->cell[(size_t)bench * r->d->variants + variant];
}

static size_t cells(const struct report *r)
{
	return (size_t)r->d->benches * r->d->variants;
}

double report_traps(const struct report_cell *c)
{
	double sum = NAN;

	for (unsigned int i = 0; i < TRAP_NR; i++)
		if (!isnan(c->traps[i]))
			sum = (isnan(sum) ? 0 : sum) + c->traps[i];
	return sum;
}

/* ---- traps ---------------------------------------------------------------------------------- */

/* Counts of a trap file are of a whole sample. */
static void per_operation(const struct data *d, struct series *s)
{
	for (size_t i = 0; i < s->nr; i++) {
		const struct csv_file *f = &d->file[s->at[i].file];

		s->value[i] /= read_number(f, s->at[i].row, f->key[KEY_ITERATIONS]);
	}
}

/* Where CAUSE is not known yet and Q has something about it, take that. */
static int take_cause(struct report *r, enum trap_cause cause, const struct data_query *q,
		      struct error *err)
{
	struct series *s;
	int ret = data_series(r->d, q, &s, err);

	for (size_t i = 0; !ret && i < cells(r); i++) {
		if (!isnan(r->cell[i].traps[cause]))
			continue;
		if (q->kind == READ_TRAPS)
			per_operation(r->d, &s[i]);
		r->cell[i].traps[cause] = stats_median(s[i].value, s[i].nr);
	}
	if (!ret)
		series_free(r->d, s);
	return ret;
}

/* The counting sample first, which sees most; a trap file before the samples' own rows. */
static int load_traps(struct report *r, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < cells(r); i++)
		for (int cause = 0; cause < TRAP_NR; cause++)
			r->cell[i].traps[cause] = NAN;
	for (int cause = 0; cause < TRAP_NR; cause++) {
		const char *name = trap_name((enum trap_cause)cause);
		char metric[64];
		struct data_query q[] = {
			{ READ_TRAPS, "cause", name, "count", DATA_COUNTING, -1 },
			{ READ_TRAPS, "cause", name, "count", DATA_TIMED, -1 },
			{ READ_SAMPLES, "metric", metric, "value", DATA_COUNTING, -1 },
			{ READ_SAMPLES, "metric", metric, "value", DATA_TIMED, -1 },
		};

		snprintf(metric, sizeof(metric), "traps_per_op.%s", name);
		for (size_t i = 0; !ret && i < ARRAY_SIZE(q); i++)
			ret = take_cause(r, (enum trap_cause)cause, &q[i], err);
	}
	return ret;
}

/* ---- samples -------------------------------------------------------------------------------- */

/* The first of those variants that have the most benchmarks to compare. */
static unsigned int usual_baseline(const struct report *r)
{
	unsigned int best = 0, most = 0;

	for (unsigned int v = 0; v < r->d->variants; v++) {
		unsigned int n = 0;

		for (unsigned int i = 0; i < r->benches; i++)
			n += figure_counts(&r->figure, r->bench[i], v);
		if (n <= most)
			continue;
		best = v;
		most = n;
	}
	return best;
}

static int find_baseline(struct report *r, const char *name, struct error *err)
{
	int found = name ? data_find_variant(r->d, name, err) : (int)usual_baseline(r);

	if (found < 0)
		return found;
	if (name && r->figure.times && r->d->variant[found].emulated)
		return fail(err, -EINVAL,
			    "%.100s was measured on an emulated processor: its times are no "
			    "baseline",
			    r->d->variant[found].label);
	r->baseline = (unsigned int)found;
	return 0;
}

static int adjust(struct report *r, struct error *err)
{
	double *p = malloc((cells(r) + 1) * sizeof(*p));

	if (!p)
		return fail(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < cells(r); i++) {
		p[i] = r->cell[i].ratio.p;
		r->compared += !isnan(p[i]);
	}
	significance_adjust(p, cells(r));
	for (size_t i = 0; i < cells(r); i++)
		r->cell[i].p = p[i];
	free(p);
	return 0;
}

static void judge_cell(struct report *r, unsigned int bench, unsigned int variant, bool shown)
{
	const struct figure *m = &r->figure;
	struct report_cell *c = &r->cell[(size_t)bench * r->d->variants + variant];

	c->ratio = (struct ratio){ .value = NAN, .range = { NAN, NAN }, .p = NAN };
	c->e = (struct estimate){ 0, NAN, { NAN, NAN } };
	if (!shown || !figure_counts(m, bench, variant))
		return;
	c->e = figure_estimate(m, bench, variant);
	if (variant != r->baseline)
		c->ratio = figure_ratio(m, variant, m, r->baseline, bench);
}

static int load_samples(struct report *r, struct error *err)
{
	const char **status = data_status(r->d, -1);
	unsigned int next = 0;

	if (!status)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int b = 0; b < r->d->benches; b++) {
		bool shown = next < r->benches && r->bench[next] == b;

		next += shown;
		for (unsigned int v = 0; v < r->d->variants; v++)
			judge_cell(r, b, v, shown);
	}
	for (size_t i = 0; i < cells(r); i++)
		r->cell[i].status = status[i];
	free(status);
	return adjust(r, err);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int select_benches(struct report *r, const char *const *glob, unsigned int globs,
			  struct error *err)
{
	r->cell = calloc(cells(r) + 1, sizeof(*r->cell));
	r->bench = calloc((size_t)r->d->benches + 1, sizeof(*r->bench));
	if (!r->cell || !r->bench)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int b = 0; b < r->d->benches; b++)
		if (data_wants(r->d->bench[b], glob, globs))
			r->bench[r->benches++] = b;
	if (r->benches)
		return 0;
	return fail(err, -EINVAL, "%s",
		    globs ? "there is no such benchmark in these files"
			  : "there are no samples in these files");
}

/* Is there anything to show? */
static int check(const struct report *r, const char *metric, struct error *err)
{
	for (size_t i = 0; !metric && i < cells(r); i++)
		if (r->cell[i].status || !isnan(report_traps(&r->cell[i])))
			return 0;
	if (figure_has_samples(&r->figure))
		return 0;
	return fail(err, -EINVAL, "no file has samples of metric \"%.80s\"",
		    metric ? metric : "cycles_per_op");
}

int report_make(struct report *r, const struct data *d, const char *metric, const char *baseline,
		const char *const *glob, unsigned int globs, struct error *err)
{
	int ret;

	*r = (struct report){ .d = d };
	ret = figure_load(&r->figure, d, metric, -1, err);
	if (ret)
		return ret;
	ret = select_benches(r, glob, globs, err);
	if (!ret)
		ret = find_baseline(r, baseline, err);
	if (!ret)
		ret = load_traps(r, err);
	if (!ret)
		ret = load_samples(r, err);
	if (!ret)
		ret = check(r, metric, err);
	if (ret)
		report_free(r);
	return ret;
}

size_t report_fewest(const struct report *r)
{
	size_t least = 0;

	for (unsigned int i = 0; i < r->benches; i++)
		for (unsigned int v = 0; v < r->d->variants; v++) {
			size_t n = report_cell(r, r->bench[i], v)->e.n;

			least = n > 1 && (!least || n < least) ? n : least;
		}
	return least;
}

void report_free(struct report *r)
{
	figure_free(&r->figure);
	free(r->bench);
	free(r->cell);
	*r = (struct report){ 0 };
}
