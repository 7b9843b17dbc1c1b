/* SPDX-License-Identifier: MIT */
#include "bench/plot_stack.h"
#include "bench/plot_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAME 72.0
#define TITLE 14.0 /* of a panel, above it */
#define SUMS  12.0 /* and those, where they are wanted */
#define BAR   10.0

static double head(const struct stack *s)
{
	return TITLE + (s->totals ? SUMS : 0);
}

static size_t bars(const struct stack *s, const struct plot *p)
{
	return (size_t)s->panel.nr * p->variant.nr * p->bench.nr;
}

int stack_alloc(struct stack *s, const struct plot *p, struct error *err)
{
	s->value = calloc(bars(s, p) * s->part.nr + 1, sizeof(*s->value));
	return s->value ? 0 : fail(err, -ENOMEM, "out of memory");
}

void stack_fini(struct stack *s)
{
	plot_names_fini(&s->part);
	plot_names_fini(&s->panel);
	free(s->value);
}

double *stack_at(const struct stack *s, const struct plot *p, unsigned int panel,
		 unsigned int variant, unsigned int bench, unsigned int part)
{
	size_t bar = ((size_t)panel * p->variant.nr + variant) * p->bench.nr + bench;

	return &s->value[bar * s->part.nr + part];
}

static double sum_of(const double *bar, unsigned int parts)
{
	double sum = 0;

	for (unsigned int i = 0; i < parts; i++)
		sum += bar[i];
	return sum;
}

/* The mean share of PART over all bars, for the order. */
static double weight(const struct stack *s, const struct plot *p, unsigned int part)
{
	double w = 0;

	for (size_t b = 0; b < bars(s, p); b++) {
		const double *bar = &s->value[b * s->part.nr];
		double sum = sum_of(bar, s->part.nr);

		w += sum > 0 ? bar[part] / sum : 0;
	}
	return w;
}

static void swap(struct stack *s, const struct plot *p, unsigned int a, unsigned int b)
{
	const char *name = s->part.name[a];

	s->part.name[a] = s->part.name[b];
	s->part.name[b] = name;
	for (size_t i = 0; i < bars(s, p); i++) {
		double *bar = &s->value[i * s->part.nr], v = bar[a];

		bar[a] = bar[b];
		bar[b] = v;
	}
}

int stack_sort(struct stack *s, const struct plot *p, struct error *err)
{
	double *w = calloc(s->part.nr + 1, sizeof(*w));

	if (!w)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < s->part.nr; i++)
		w[i] = weight(s, p, i);
	for (unsigned int i = 0; i < s->part.nr; i++) {
		unsigned int top = i;
		double was;

		for (unsigned int k = i + 1; k < s->part.nr; k++)
			if (w[k] > w[top])
				top = k;
		swap(s, p, i, top);
		was = w[i];
		w[i] = w[top];
		w[top] = was;
	}
	for (s->parts = 0; s->parts < s->part.nr && w[s->parts] > 0;)
		s->parts++;
	free(w);
	if (s->parts <= DRAWING_TINTS)
		return 0;
	s->rest = s->parts - (DRAWING_TINTS - 1);
	s->parts = DRAWING_TINTS;
	for (size_t b = 0; b < bars(s, p); b++) {
		double *bar = &s->value[b * s->part.nr];

		bar[s->parts - 1] = sum_of(bar + s->parts - 1, s->rest);
	}
	return 0;
}

/* ---- drawing -------------------------------------------------------------------------------- */

/* One panel's own: its bars are the benchmarks that have any. */
struct panel {
	struct rows rows;
	const char **label;
	unsigned int *bench;
	char title[320];
	unsigned int panel, variant;
};

static int panel_init(struct panel *n, const struct stack *s, const struct plot *p, unsigned int i)
{
	unsigned int items = 0;

	n->panel = i / p->variant.nr;
	n->variant = i % p->variant.nr;
	n->label = calloc(p->bench.nr + 1, sizeof(*n->label));
	n->bench = calloc(p->bench.nr + 1, sizeof(*n->bench));
	if (!n->label || !n->bench)
		return -ENOMEM;
	for (unsigned int b = 0; b < p->bench.nr; b++) {
		if (sum_of(stack_at(s, p, n->panel, n->variant, b, 0), s->parts) <= 0)
			continue;
		n->label[items] = *p->bench.name[b] ? p->bench.name[b] : "whole run";
		n->bench[items++] = b;
	}
	snprintf(n->title, sizeof(n->title), "%.200s%s%.80s", p->variant.name[n->variant],
		 *s->panel.name[n->panel] ? ", " : "", s->panel.name[n->panel]);
	n->rows = rows_layout(n->label, items, BAR / 0.7, p->o->width, FRAME);
	return 0;
}

static void panel_fini(struct panel *n)
{
	free(n->label);
	free(n->bench);
}

/* Rows "x bottom top" of PART's pieces in ROW of panel N. */
static unsigned int write_part(struct stack *s, struct plot *p, const struct panel *n,
			       unsigned int row, unsigned int part)
{
	unsigned int block = drawing_data(&p->fig), first = row * n->rows.per_row;

	for (unsigned int i = 0; i < n->rows.per_row && first + i < n->rows.items; i++) {
		const double *bar = stack_at(s, p, n->panel, n->variant, n->bench[first + i], 0);
		double sum = sum_of(bar, s->parts), below = sum_of(bar, part);

		if (bar[part] > 0)
			fprintf(p->script, "%u %.6f %.6f\n", i, below / sum,
				(below + bar[part]) / sum);
	}
	fputs("NaN NaN NaN\n", p->script);
	drawing_data_end(&p->fig);
	return block;
}

/* Above each bar what its whole is. */
static void write_totals(struct stack *s, struct plot *p, const struct panel *n, unsigned int row)
{
	unsigned int first = row * n->rows.per_row;
	char text[32];

	for (unsigned int i = 0; i < n->rows.per_row && first + i < n->rows.items; i++) {
		const double *bar = stack_at(s, p, n->panel, n->variant, n->bench[first + i], 0);
		double x = ROWS_LEFT + (i + 0.5) * n->rows.spacing;
		bool flat;

		rows_number(text, sizeof(text), sum_of(bar, s->parts));
		flat = drawing_text_width("88.8 k", DRAWING_SMALL) + 2 < n->rows.spacing;
		drawing_label(&p->fig, x, p->y - head(s) + (flat ? 5 : 2),
			      flat ? DRAWING_CENTER : DRAWING_LEFT, flat ? 0 : 90, DRAWING_SMALL,
			      text);
	}
}

static void draw_row(struct stack *s, struct plot *p, const struct panel *n, unsigned int row,
		     const char *axis)
{
	unsigned int block[DRAWING_TINTS];
	double next = rows_panel(&p->fig, &n->rows, row, p->y, head(s));

	rows_axis_name(&p->fig, &n->rows, p->y, head(s), axis);
	rows_share_axis(&p->fig);
	drawing_label_within(&p->fig, ROWS_LEFT, p->y - 5, DRAWING_LEFT, 0, DRAWING_TEXT,
			     p->o->width - ROWS_LEFT - ROWS_RIGHT, n->title);
	if (s->totals)
		write_totals(s, p, n, row);
	for (unsigned int i = 0; i < s->parts; i++)
		block[i] = write_part(s, p, n, row, i);
	fputs("plot ", p->script);
	for (unsigned int i = 0; i < s->parts; i++) {
		fputs(i ? ", " : "", p->script);
		drawing_fill(&p->fig, block[i], "1:2:($1-0.35):($1+0.35):2:3", "boxxyerror", i);
	}
	fputs("\n", p->script);
	p->y = next;
}

static int draw_panels(struct stack *s, struct plot *p, struct panel *panel, unsigned int nr,
		       const char *axis, struct error *err)
{
	const char *name[DRAWING_TINTS];
	char others[32];
	double height = 0;
	int ret;

	for (unsigned int i = 0; i < s->parts; i++)
		name[i] = s->part.name[i];
	snprintf(others, sizeof(others), "%u others", s->rest);
	if (s->rest)
		name[s->parts - 1] = others;
	for (unsigned int i = 0; i < nr; i++)
		height += rows_height(&panel[i].rows, head(s));
	ret = plot_begin(p, name, s->parts, false, height, err);
	if (ret)
		return ret;
	for (unsigned int i = 0; i < nr; i++)
		for (unsigned int row = 0; row < panel[i].rows.rows; row++)
			draw_row(s, p, &panel[i], row, axis);
	plot_end(p);
	return 0;
}

int stack_draw(struct stack *s, struct plot *p, const char *axis, struct error *err)
{
	unsigned int nr = s->panel.nr * p->variant.nr;
	struct panel *panel = calloc(nr + 1, sizeof(*panel));
	int ret = panel ? 0 : -ENOMEM;

	for (unsigned int i = 0; !ret && i < nr; i++)
		ret = panel_init(&panel[i], s, p, i);
	if (!ret)
		ret = draw_panels(s, p, panel, nr, axis, err);
	else
		fail(err, ret, "out of memory");
	for (unsigned int i = 0; panel && i < nr; i++)
		panel_fini(&panel[i]);
	free(panel);
	return ret;
}
