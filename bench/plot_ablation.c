/* SPDX-License-Identifier: MIT */
/* A heat map: what each set of options costs against the defaults, by benchmark. */
#include "bench/plot_costs.h"
#include "bench/plot_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MOST   170.0 /* of the text above a column */
#define NAME_MOST   90.0  /* of a name at the left */
#define CELL_HEIGHT 11.0
#define CELL_LEAST  27.0 /* widths */
#define CELL_MOST   48.0

struct map {
	struct plot *p;
	struct costs costs;
	struct ratio *cell;   /* [bench * variants + variant] to its base; NAN: not known */
	unsigned int *base;   /* of each variant, the one that it is compared with */
	unsigned int *column; /* variants that are columns */
	unsigned int columns, per_block;
	double left, width; /* of names, of a cell */
	bool engines;	    /* there are several */
};

/* ---- what is compared with what ------------------------------------------------------------- */

static const struct data_variant *variant(const struct plot *p, unsigned int v)
{
	unsigned int i = 0;

	while (strcmp(p->d->variant[i].label, p->variant.name[v]))
		i++;
	return &p->d->variant[i];
}

/* The options that tell V from others: what its label has after the engine, or "". */
static const char *options_of(const struct plot *p, unsigned int v)
{
	const struct data_variant *d = variant(p, v);
	const char *rest = d->label + strlen(d->backend);

	if (*d->engine)
		rest += 1 + strlen(d->engine);
	return *rest == ':' ? rest + 1 : rest;
}

static unsigned int nr_options(const struct plot *p, unsigned int v)
{
	const char *text = options_of(p, v);
	unsigned int n = *text != '\0';

	for (; *text; text++)
		n += *text == ':';
	return n;
}

static bool same_engine(const struct plot *p, unsigned int a, unsigned int b)
{
	const struct data_variant *x = variant(p, a), *y = variant(p, b);

	return !strcmp(x->backend, y->backend) && !strcmp(x->engine, y->engine);
}

static int find_columns(struct map *m, struct error *err)
{
	struct plot *p = m->p;

	m->base = calloc(p->variant.nr + 1, sizeof(*m->base));
	m->column = calloc(p->variant.nr + 1, sizeof(*m->column));
	if (!m->base || !m->column)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int v = 0; v < p->variant.nr; v++) {
		m->base[v] = v;
		for (unsigned int k = 0; k < p->variant.nr; k++)
			if (same_engine(p, v, k) && nr_options(p, k) < nr_options(p, m->base[v]))
				m->base[v] = k;
		m->engines |= !same_engine(p, v, 0);
		if (m->base[v] != v)
			m->column[m->columns++] = v;
	}
	if (m->columns)
		return 0;
	return fail(
		err, -EINVAL,
		"nothing to show: no two variants of one engine that differ in options (fvbench "
		"run --matrix)");
}

/* ---- cells ---------------------------------------------------------------------------------- */

/* All ratios, and whether they are differences, which is judged of all of them together. */
static int find_cells(struct map *m, struct error *err)
{
	unsigned int n = m->p->bench.nr * m->p->variant.nr;
	double *p = calloc(n + 1, sizeof(*p));

	m->cell = calloc(n + 1, sizeof(*m->cell));
	if (!m->cell || !p) {
		free(p);
		return fail(err, -ENOMEM, "out of memory");
	}
	for (unsigned int i = 0; i < n; i++) {
		unsigned int v = i % m->p->variant.nr;
		const struct cost *a = &m->costs.cost[i], *b = a - v + m->base[v];

		p[i] = m->cell[i].value = NAN;
		if (m->base[v] == v || !a->e.n || !b->e.n)
			continue;
		m->cell[i] = figure_ratio(&m->costs.figure, a->variant, &m->costs.figure,
					  b->variant, a->bench);
		p[i] = m->cell[i].p;
	}
	significance_adjust(p, n);
	for (unsigned int i = 0; i < n; i++)
		m->cell[i].p = p[i];
	free(p);
	return 0;
}

/* Darker the further from 1: blue for dearer, up to 8 times; orange for cheaper. */
static void colour_of(double ratio, unsigned int rgb[3])
{
	static const unsigned int dear[3] = { 8, 48, 107 }, cheap[3] = { 230, 159, 0 };
	double d = log2(ratio), share = fmin(1, d > 0 ? d / 3 : -d);

	for (int i = 0; i < 3; i++)
		rgb[i] = (unsigned int)(255 + share * ((d > 0 ? dear[i] : cheap[i]) - 255.0));
}

static void draw_box(struct drawing *fig, const struct box *b, double ratio)
{
	unsigned int rgb[3] = { 255, 255, 255 };

	if (!isnan(ratio))
		colour_of(ratio, rgb);
	fprintf(fig->f,
		"set object %u rect from screen %.5f,%.5f to screen %.5f,%.5f fs solid 1 border lc "
		"rgb '#808080' fc rgb '#%02X%02X%02X' lw 0.3\n",
		++fig->objects, b->x / fig->width, b->y / fig->height,
		(b->x + b->width) / fig->width, (b->y + b->height) / fig->height, rgb[0], rgb[1],
		rgb[2]);
}

static bool is_dark(double ratio)
{
	unsigned int rgb[3];

	if (isnan(ratio))
		return false;
	colour_of(ratio, rgb);
	return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 128;
}

static void draw_text(struct drawing *fig, const struct box *b, const char *text, bool dark)
{
	drawing_label(fig, b->x + b->width / 2, b->y + b->height / 2, DRAWING_CENTER, 0,
		      DRAWING_SMALL, text);
	if (dark)
		drawing_label_colour(fig, "white");
}

static void draw_cell(struct map *m, const struct box *box, unsigned int bench, unsigned int v)
{
	const struct ratio *c = &m->cell[bench * m->p->variant.nr + v];
	double value = c->value > 0 ? c->value : NAN;
	char text[32];

	draw_box(&m->p->fig, box, value);
	if (isnan(value))
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), c->p <= SIGNIFICANT ? "%.*f%s" : "(%.*f%s)",
			 value < 9.995	 ? 2
			 : value < 99.95 ? 1
					 : 0,
			 value, c->whole ? "~" : "");
	draw_text(&m->p->fig, box, text, is_dark(value));
}

/* ---- the whole ------------------------------------------------------------------------------ */

static const char *head_of(const struct map *m, unsigned int column)
{
	unsigned int v = m->column[column];

	return m->engines ? m->p->variant.name[v] : options_of(m->p, v);
}

static unsigned int blocks(const struct map *m)
{
	return (m->columns + m->per_block - 1) / m->per_block;
}

/* The height of what is above the cells of columns FIRST.. in one block. */
static double head_height(const struct map *m, unsigned int first)
{
	double most = 0;

	for (unsigned int i = first; i < m->columns && i < first + m->per_block; i++)
		most = fmax(most, drawing_text_width(head_of(m, i), DRAWING_SMALL));
	return fmin(most, HEAD_MOST) + 6;
}

static void layout(struct map *m)
{
	const struct plot *p = m->p;
	double room;

	for (unsigned int i = 0; i < p->bench.nr; i++)
		m->left = fmax(m->left, drawing_text_width(p->bench.name[i], DRAWING_SMALL));
	m->left = fmin(m->left, NAME_MOST) + 10;
	room = p->o->width - m->left - 4;
	m->per_block = (unsigned int)(room / CELL_LEAST);
	m->per_block = m->per_block > m->columns ? m->columns : m->per_block ? m->per_block : 1;
	m->per_block = (m->columns + blocks(m) - 1) / blocks(m);
	m->width = fmin(CELL_MOST, room / m->per_block);
}

static double height(const struct map *m)
{
	double sum = CELL_HEIGHT + 4;

	for (unsigned int i = 0; i < m->columns; i += m->per_block)
		sum += head_height(m, i) + m->p->bench.nr * CELL_HEIGHT + 8;
	return sum;
}

/* What the colours mean, at the top. */
static void draw_scale(struct map *m)
{
	static const double shown[] = { 0.5, 0.7, 1, 2, 4, 8 };
	double left = fmin(m->left, m->p->o->width - 24 * ARRAY_SIZE(shown) - 4);
	struct box box = { left, m->p->y - CELL_HEIGHT, 24, CELL_HEIGHT };
	char text[16];

	drawing_label(&m->p->fig, left - 4, box.y + CELL_HEIGHT / 2, DRAWING_RIGHT, 0,
		      DRAWING_SMALL, "times");
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++, box.x += box.width) {
		draw_box(&m->p->fig, &box, shown[i]);
		snprintf(text, sizeof(text), "%s%g",
			 !i			      ? "\u2264"
			 : i == ARRAY_SIZE(shown) - 1 ? "\u2265"
						      : "",
			 shown[i]);
		draw_text(&m->p->fig, &box, text, is_dark(shown[i]));
	}
	m->p->y -= CELL_HEIGHT + 4;
}

static void draw_block(struct map *m, unsigned int first)
{
	struct plot *p = m->p;
	double top = p->y - head_height(m, first);
	unsigned int n = m->columns - first < m->per_block ? m->columns - first : m->per_block;

	for (unsigned int c = 0; c < n; c++)
		drawing_label_within(&p->fig, m->left + (c + 0.5) * m->width, top + 3, DRAWING_LEFT,
				     90, DRAWING_SMALL, HEAD_MOST, head_of(m, first + c));
	for (unsigned int b = 0; b < p->bench.nr; b++) {
		struct box box = { m->left, top - (b + 1) * CELL_HEIGHT, m->width, CELL_HEIGHT };

		drawing_label_within(&p->fig, m->left - 4, box.y + CELL_HEIGHT / 2, DRAWING_RIGHT,
				     0, DRAWING_SMALL, NAME_MOST, p->bench.name[b]);
		for (unsigned int c = 0; c < n; c++, box.x += m->width)
			draw_cell(m, &box, b, m->column[first + c]);
	}
	p->y = top - p->bench.nr * CELL_HEIGHT - 8;
}

static int draw(struct map *m, struct error *err)
{
	struct plot *p = m->p;
	int ret;

	layout(m);
	fprintf(p->caption,
		"Cost with these options as a multiple of the cost with the defaults%s, medians of "
		"up to %zu samples. In parentheses: no significant difference (p > 0.05, adjusted "
		"for all of "
		"them). ~: with the empty loop's cycles, as the operation alone costs less than "
		"one. -: not "
		"measured.",
		m->engines ? " of the same engine" : "", m->costs.samples);
	plot_caption_rest(p);
	ret = plot_begin(p, NULL, 0, false, height(m), err);
	if (ret)
		return ret;
	drawing_panel(&p->fig, &(struct box){ 4, 4, p->o->width - 8, p->fig.height - 8 });
	fputs("unset border\n", p->script);
	draw_scale(m);
	for (unsigned int i = 0; i < m->columns; i += m->per_block)
		draw_block(m, i);
	fputs("plot [0:1][0:1] NaN\n", p->script);
	plot_end(p);
	return 0;
}

int plot_ablation(struct plot *p, struct error *err)
{
	struct map m = { .p = p };
	int ret = costs_read(&m.costs, p, err);

	if (!ret)
		ret = find_columns(&m, err);
	if (!ret)
		ret = find_cells(&m, err);
	if (!ret)
		ret = draw(&m, err);
	costs_fini(&m.costs);
	free(m.cell);
	free(m.base);
	free(m.column);
	return ret;
}
