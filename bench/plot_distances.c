/* SPDX-License-Identifier: MIT */
/* Lines: the cumulative distribution of the distance between a trap and the next, as figure 5 of
 * Agesen, Mattson, Rugina and Sheldon (2012) has it. */
#include "bench/plot_curves.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAME 96.0

struct distances {
	struct plot *p;
	struct plot_names unit;
	struct curve *curve; /* [(unit * benches + bench) * variants + variant] */
	const char *cause;
	int col_cause, col_unit, col_at_most, col_count;
	bool by_bench;	     /* one variant alone: benchmarks are the lines */
	double *low, *high;  /* of each unit */
	unsigned int *panel; /* unit * benches + bench of each that is drawn */
	unsigned int panels;
	double fewest, most; /* traps that a line is of */
};

static bool wants(struct distances *d, size_t row, bool count)
{
	unsigned int emulated = d->p->emulated;
	bool cycles = !strcmp(read_cell(d->p->t, row, d->col_unit), "cycles");
	bool wanted = !strcmp(read_cell(d->p->t, row, d->col_cause), d->cause) &&
		      plot_wants(d->p, row, cycles);

	if (!count)
		d->p->emulated = emulated;
	return wanted;
}

static int names(struct distances *d)
{
	for (size_t i = 0; i < d->p->t->rows; i++)
		if (wants(d, i, true) &&
		    (plot_bench(d->p, i) < 0 || plot_variant(d->p, i) < 0 ||
		     plot_name(&d->unit, read_cell(d->p->t, i, d->col_unit)) < 0))
			return -ENOMEM;
	d->by_bench = d->p->variant.nr == 1 && d->p->bench.nr <= DRAWING_TINTS;
	return 0;
}

static struct curve *curve_at(const struct distances *d, unsigned int unit, unsigned int bench,
			      unsigned int variant)
{
	return &d->curve[(unit * d->p->bench.nr + bench) * d->p->variant.nr + variant];
}

static size_t curves(const struct distances *d)
{
	return (size_t)d->unit.nr * d->p->bench.nr * d->p->variant.nr;
}

/* Counts of all samples become shares of their sum, which is returned, cumulative. */
static double cumulate(struct curve *c)
{
	double sum = 0, below = 0;

	curve_sort(c);
	for (size_t i = 0; i < c->nr; i++)
		sum += c->point[i].y;
	for (size_t i = 0; i < c->nr; i++) {
		below += c->point[i].y;
		c->point[i].y = sum > 0 ? below / sum : 0;
	}
	return sum;
}

static int values(struct distances *d)
{
	struct plot *p = d->p;

	d->curve = calloc(curves(d) + 1, sizeof(*d->curve));
	d->low = calloc(d->unit.nr + 1, sizeof(*d->low));
	d->high = calloc(d->unit.nr + 1, sizeof(*d->high));
	if (!d->curve || !d->low || !d->high)
		return -ENOMEM;
	for (size_t i = 0; i < p->t->rows; i++) {
		double x = read_number(p->t, i, d->col_at_most);
		double n = read_number(p->t, i, d->col_count);
		int unit = plot_find(&d->unit, read_cell(p->t, i, d->col_unit));

		if (!wants(d, i, false) || !(n > 0) || !(x >= 1))
			continue;
		if (curve_add(curve_at(d, (unsigned int)unit, (unsigned int)plot_bench(p, i),
				       (unsigned int)plot_variant(p, i)),
			      x, n))
			return -ENOMEM;
		d->low[unit] = d->low[unit] > 0 ? fmin(d->low[unit], x) : x;
		d->high[unit] = fmax(d->high[unit], x);
	}
	for (size_t i = 0; i < curves(d); i++) {
		double traps = cumulate(&d->curve[i]);

		if (!(traps > 0))
			continue;
		d->fewest = d->most > 0 ? fmin(d->fewest, traps) : traps;
		d->most = fmax(d->most, traps);
	}
	return 0;
}

static unsigned int lines(const struct distances *d)
{
	return d->by_bench ? d->p->bench.nr : d->p->variant.nr;
}

/* Line I of the panel of UNIT and BENCH. */
static const struct curve *line_of(const struct distances *d, unsigned int unit, unsigned int bench,
				   unsigned int i)
{
	return d->by_bench ? curve_at(d, unit, i, 0) : curve_at(d, unit, bench, i);
}

static bool is_empty(const struct distances *d, unsigned int unit, unsigned int bench)
{
	for (unsigned int i = 0; i < lines(d); i++)
		if (line_of(d, unit, bench, i)->nr)
			return false;
	return true;
}

/* Panels with anything in them. */
static int find_panels(struct distances *d)
{
	unsigned int benches = d->by_bench ? 1 : d->p->bench.nr;

	d->panel = calloc(d->unit.nr * benches + 1, sizeof(*d->panel));
	if (!d->panel)
		return -ENOMEM;
	for (unsigned int i = 0; i < d->unit.nr * benches; i++)
		if (!is_empty(d, i / benches, i % benches))
			d->panel[d->panels++] = i;
	return 0;
}

static void write_steps(struct plot *p, const struct curve *c)
{
	if (c->nr)
		fprintf(p->script, "%.9g 0\n", c->point[0].x);
	for (size_t k = 0; k < c->nr; k++)
		fprintf(p->script, "%.9g %.6f\n", c->point[k].x, c->point[k].y);
	fputs("NaN NaN\n", p->script);
}

/* Steps, as between two of them there is nothing; a point now and then. */
static void draw_lines(struct distances *d, unsigned int unit, unsigned int bench)
{
	struct plot *p = d->p;
	unsigned int block[DRAWING_TINTS];

	for (unsigned int i = 0; i < lines(d); i++) {
		block[i] = drawing_data(&p->fig);
		write_steps(p, line_of(d, unit, bench, i));
		drawing_data_end(&p->fig);
	}
	for (unsigned int i = 0; i < lines(d); i++) {
		size_t every = line_of(d, unit, bench, i)->nr / 6 + 1;

		fprintf(p->script, "%s$d%u using 1:2 with steps ", i ? ", " : "plot ", block[i]);
		drawing_line(&p->fig, i);
		fprintf(p->script, ", $d%u using 1:2 every %zu::%zu with points ", block[i], every,
			every / 2);
		drawing_point(&p->fig, i);
	}
	fputs("\n", p->script);
}

static void draw_panel(struct distances *d, const struct grid *g, unsigned int i, double top)
{
	struct plot *p = d->p;
	unsigned int benches = d->by_bench ? 1 : p->bench.nr;
	unsigned int unit = d->panel[i] / benches, bench = d->panel[i] % benches;
	const char *title = d->by_bench ? p->variant.name[0] : p->bench.name[bench];
	char axis[96];

	snprintf(axis, sizeof(axis), "distance between traps (%.60s)", d->unit.name[unit]);
	grid_panel(&p->fig, g, i, top, *title ? title : "whole run", axis, "% of traps");
	grid_log_x(&p->fig, d->low[unit] / 1.5, d->high[unit] * 1.5);
	fprintf(p->script,
		"set yrange [0:1.02]\nset ytics nomirror scale 0.5 font ',%g' ('0' 0, '25' 0.25, "
		"'50' 0.5, '75' 0.75, '100' 1)\nset grid xtics ytics lt 1 lc rgb '#CCCCCC' lw "
		"0.4\n",
		DRAWING_SMALL * p->fig.type);
	draw_lines(d, unit, bench);
}

static int draw(struct distances *d, struct error *err)
{
	struct plot *p = d->p;
	struct grid g = grid_layout(d->panels, p->o->width, FRAME);
	double top;
	int ret;

	fprintf(p->caption,
		"Distance between one trap%s%s and the next, cumulative, of all "
		"samples together; each line is of ",
		strcmp(d->cause, "all") ? " of cause " : "",
		strcmp(d->cause, "all") ? d->cause : "");
	if (d->most > d->fewest)
		fprintf(p->caption, "%.0f to ", d->fewest);
	fprintf(p->caption,
		"%.0f traps. What translated code or the host's kernel did alone is no trap here.",
		d->most);
	plot_caption_rest(p);
	ret = plot_begin(p, d->by_bench ? p->bench.name : p->variant.name, lines(d), true,
			 grid_height(&g), err);
	if (ret)
		return ret;
	top = p->y;
	for (unsigned int i = 0; i < d->panels; i++)
		draw_panel(d, &g, i, top);
	plot_end(p);
	return 0;
}

static void distances_fini(struct distances *d)
{
	for (size_t i = 0; d->curve && i < curves(d); i++)
		curve_fini(&d->curve[i]);
	free(d->curve);
	free(d->low);
	free(d->high);
	free(d->panel);
	plot_names_fini(&d->unit);
}

int plot_distances(struct plot *p, struct error *err)
{
	struct distances d = { .p = p,
			       .cause = p->o->cause ? p->o->cause : "all",
			       .col_cause = read_column(p->t, "cause"),
			       .col_unit = read_column(p->t, "unit"),
			       .col_at_most = read_column(p->t, "at_most"),
			       .col_count = read_column(p->t, "count") };
	int ret = names(&d);

	if (!ret)
		ret = values(&d);
	if (!ret)
		ret = find_panels(&d);
	if (ret)
		fail(err, ret, "out of memory");
	else if (!d.panels)
		ret = fail(err, -EINVAL,
			   "nothing to show: no distance between traps of cause %.40s", d.cause);
	else if (lines(&d) > DRAWING_TINTS)
		ret = fail(err, -EINVAL, PLOT_TOO_MANY, lines(&d), DRAWING_TINTS);
	else
		ret = draw(&d, err);
	distances_fini(&d);
	return ret;
}
