/* SPDX-License-Identifier: MIT */
/* Areas: traps a second over a run's time, by cause, one on the other. */
#include "bench/plot_curves.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAME	  72.0
#define STEPS_MAX 200 /* more are thinner than what can be printed: neighbours are put together */

struct timeline {
	struct plot *p;
	struct plot_names cause;
	size_t *first;	     /* [bench * variants + variant]: the row of its first sample, + 1 */
	struct curve *curve; /* [(bench * variants + variant) * causes + cause] */
	int col_cause, col_start, col_count;
	double interval;    /* ns */
	unsigned int tints; /* causes that have one; the last of them is of all others */
};

static size_t panels(const struct timeline *t)
{
	return (size_t)t->p->bench.nr * t->p->variant.nr;
}

static int names(struct timeline *t)
{
	for (size_t i = 0; i < t->p->t->rows; i++) {
		const char *cause = read_cell(t->p->t, i, t->col_cause);

		if (strcmp(cause, "all") && plot_wants(t->p, i, true) &&
		    (plot_bench(t->p, i) < 0 || plot_variant(t->p, i) < 0 ||
		     plot_name(&t->cause, cause) < 0))
			return -ENOMEM;
	}
	return 0;
}

/* Is ROW of the sample that PANEL shows, which is its first one? */
static bool is_first(struct timeline *t, size_t panel, size_t row)
{
	const struct csv_file *f = t->p->t;
	size_t first = t->first[panel];

	if (!first)
		t->first[panel] = row + 1;
	return !first || (!strcmp(read_cell(f, row, f->key[KEY_REP]),
				  read_cell(f, first - 1, f->key[KEY_REP])) &&
			  !strcmp(read_cell(f, row, f->key[KEY_RUN_ID]),
				  read_cell(f, first - 1, f->key[KEY_RUN_ID])));
}

static int values(struct timeline *t)
{
	struct plot *p = t->p;
	unsigned int emulated = p->emulated;

	t->first = calloc(panels(t) + 1, sizeof(*t->first));
	t->curve = calloc(panels(t) * t->cause.nr + 1, sizeof(*t->curve));
	if (!t->first || !t->curve)
		return -ENOMEM;
	for (size_t i = 0; i < p->t->rows; i++) {
		int cause = plot_find(&t->cause, read_cell(p->t, i, t->col_cause));
		double x = read_number(p->t, i, t->col_start);
		double n = read_number(p->t, i, t->col_count);
		size_t panel;

		if (cause < 0 || isnan(x) || isnan(n) || !plot_wants(p, i, true))
			continue;
		panel = (size_t)plot_bench(p, i) * p->variant.nr + (size_t)plot_variant(p, i);
		if (is_first(t, panel, i) &&
		    curve_add(&t->curve[panel * t->cause.nr + (size_t)cause], x, n))
			return -ENOMEM;
	}
	p->emulated = emulated;
	for (size_t i = 0; i < panels(t) * t->cause.nr; i++)
		curve_sort(&t->curve[i]);
	return 0;
}

/* The length of a run's slices: what all starts are multiples of, as slices without traps are not
 * in the file. 0: there is but the first one. */
static double find_interval(const struct timeline *t)
{
	u64 common = 0;

	for (size_t i = 0; i < panels(t) * t->cause.nr; i++)
		for (size_t k = 0; k < t->curve[i].nr; k++) {
			u64 a = (u64)fmax(t->curve[i].point[k].x, 0), b = common;

			while (a) {
				u64 rest = b % a;

				b = a;
				a = rest;
			}
			common = b;
		}
	return (double)common;
}

static double total(const struct timeline *t, unsigned int cause)
{
	double sum = 0;

	for (size_t i = 0; i < panels(t); i++)
		for (size_t k = 0; k < t->curve[i * t->cause.nr + cause].nr; k++)
			sum += t->curve[i * t->cause.nr + cause].point[k].y;
	return sum;
}

static void swap(struct timeline *t, unsigned int a, unsigned int b)
{
	const char *name = t->cause.name[a];

	t->cause.name[a] = t->cause.name[b];
	t->cause.name[b] = name;
	for (size_t i = 0; i < panels(t); i++) {
		struct curve *x = &t->curve[i * t->cause.nr + a], *y = x + b - a, z = *x;

		*x = *y;
		*y = z;
	}
}

/* The most frequent first: they are those that get a tint. */
static void sort_causes(struct timeline *t)
{
	for (unsigned int i = 0; i < t->cause.nr; i++)
		for (unsigned int k = i + 1; k < t->cause.nr; k++)
			if (total(t, k) > total(t, i))
				swap(t, i, k);
}

/* ---- one panel ------------------------------------------------------------------------------ */

/* Rates of each tint in steps of the same length. */
struct steps {
	unsigned int nr;
	double length; /* seconds */
	double (*rate)[DRAWING_TINTS];
	double most; /* of all tints together */
};

/* The last start of all causes of PANEL, ns. */
static double last_start(const struct timeline *t, size_t panel)
{
	double last = 0;

	for (unsigned int k = 0; k < t->cause.nr; k++) {
		const struct curve *c = &t->curve[panel * t->cause.nr + k];

		if (c->nr)
			last = fmax(last, c->point[c->nr - 1].x);
	}
	return last;
}

static int steps_init(struct steps *s, const struct timeline *t, size_t panel)
{
	double interval = t->interval, last = last_start(t, panel);

	while (last / interval >= STEPS_MAX)
		interval *= 2;
	s->nr = (unsigned int)(last / interval) + 1;
	s->length = interval / NSEC_PER_SEC;
	s->rate = calloc(s->nr, sizeof(*s->rate));
	if (!s->rate)
		return -ENOMEM;
	for (unsigned int k = 0; k < t->cause.nr; k++) {
		const struct curve *c = &t->curve[panel * t->cause.nr + k];
		unsigned int tint = k < t->tints ? k : t->tints - 1;

		for (size_t i = 0; i < c->nr; i++)
			s->rate[(size_t)(c->point[i].x / interval)][tint] +=
				c->point[i].y / s->length;
	}
	for (unsigned int i = 0; i < s->nr; i++) {
		double sum = 0;

		for (unsigned int k = 0; k < t->tints; k++)
			sum += s->rate[i][k];
		s->most = fmax(s->most, sum);
	}
	return 0;
}

/* Rows "x lower upper" of TINT's area, with corners. */
static unsigned int write_area(struct plot *p, const struct steps *s, unsigned int tint,
			       double unit)
{
	unsigned int block = drawing_data(&p->fig);

	for (unsigned int i = 0; i < s->nr; i++) {
		double lower = 0;

		for (unsigned int k = 0; k < tint; k++)
			lower += s->rate[i][k];
		for (unsigned int end = i; end <= i + 1; end++)
			fprintf(p->script, "%.9g %.9g %.9g\n", end * s->length * unit, lower,
				lower + s->rate[i][tint]);
	}
	drawing_data_end(&p->fig);
	return block;
}

static void draw_steps(struct timeline *t, const struct grid *g, unsigned int shown, size_t panel,
		       const struct steps *s, double top)
{
	struct plot *p = t->p;
	double end = s->nr * s->length, unit = end < 2 ? 1000 : 1;
	unsigned int block[DRAWING_TINTS];
	char title[512];

	snprintf(title, sizeof(title), "%.100s, %.300s", p->bench.name[panel / p->variant.nr],
		 p->variant.name[panel % p->variant.nr]);
	grid_panel(&p->fig, g, shown, top, title, end < 2 ? "time (ms)" : "time (s)",
		   "traps per second");
	grid_linear_y(&p->fig, s->most > 0 ? s->most : 1);
	fprintf(p->script,
		"set xrange [0:%.9g]\nset xtics nomirror scale 0.5 font ',%g' autofreq\n",
		end * unit, DRAWING_SMALL * p->fig.type);
	for (unsigned int k = 0; k < t->tints; k++)
		block[k] = write_area(p, s, k, unit);
	for (unsigned int k = 0; k < t->tints; k++) {
		fputs(k ? ", " : "plot ", p->script);
		drawing_fill(&p->fig, block[k], "1:2:3", "filledcurves", k);
		fprintf(p->script, ", $d%u using 1:3 with lines lc rgb 'black' lw 0.3", block[k]);
	}
	fputs("\n", p->script);
}

static int draw_panels(struct timeline *t, const struct grid *g)
{
	unsigned int shown = 0;
	double top = t->p->y;

	for (size_t i = 0; i < panels(t); i++) {
		struct steps s = { 0 };

		if (!t->first[i])
			continue;
		if (steps_init(&s, t, i))
			return -ENOMEM;
		draw_steps(t, g, shown++, i, &s, top);
		free(s.rate);
	}
	return 0;
}

static int draw(struct timeline *t, struct error *err)
{
	struct plot *p = t->p;
	unsigned int shown = 0;
	const char *name[DRAWING_TINTS];
	struct grid g;
	int ret;

	for (size_t i = 0; i < panels(t); i++)
		shown += t->first[i] > 0;
	sort_causes(t);
	t->tints = t->cause.nr < DRAWING_TINTS ? t->cause.nr : DRAWING_TINTS;
	for (unsigned int i = 0; i < t->tints; i++)
		name[i] = t->cause.name[i];
	if (t->cause.nr > DRAWING_TINTS)
		name[DRAWING_TINTS - 1] = "all others";
	g = grid_layout(shown, p->o->width, FRAME);
	fprintf(p->caption,
		"Traps a second over the time of a run, of one sample, by cause, one on "
		"the other.");
	plot_caption_rest(p);
	ret = plot_begin(p, name, t->tints, false, grid_height(&g), err);
	if (!ret && draw_panels(t, &g))
		ret = fail(err, -ENOMEM, "out of memory");
	if (!ret)
		plot_end(p);
	return ret;
}

int plot_timeline(struct plot *p, struct error *err)
{
	struct timeline t = { .p = p,
			      .col_cause = read_column(p->t, "cause"),
			      .col_start = read_column(p->t, "start_ns"),
			      .col_count = read_column(p->t, "count") };
	int ret = names(&t);

	if (!ret)
		ret = values(&t);
	if (ret)
		fail(err, ret, "out of memory");
	else if (!t.cause.nr)
		ret = fail(err, -EINVAL, "nothing to show: no %s",
			   p->emulated ? "times but of emulated hosts" : "traps in it");
	else if (!(t.interval = find_interval(&t)))
		ret = fail(
			err, -EINVAL,
			"nothing to show: all traps are within the first interval: take a shorter "
			"--interval");
	else
		ret = draw(&t, err);
	for (size_t i = 0; t.curve && i < panels(&t) * t.cause.nr; i++)
		curve_fini(&t.curve[i]);
	free(t.curve);
	free(t.first);
	plot_names_fini(&t.cause);
	return ret;
}
