/* SPDX-License-Identifier: MIT */
#include "bench/plot_curves.h"
#include "bench/gnuplot.h"
#include "bench/plot_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define TITLE 12.0
#define AXIS  26.0 /* ticks and name of the x axis */

struct grid grid_layout(unsigned int panels, double width, double frame)
{
	struct grid g = { .panels = panels, .columns = 1, .frame = frame };

	if (panels > 1 && width >= 2 * DRAWING_SINGLE)
		g.columns = 2;
	g.width = width / g.columns;
	return g;
}

double grid_height(const struct grid *g)
{
	return (g->panels + g->columns - 1) / g->columns * (TITLE + g->frame + AXIS);
}

void grid_panel(struct drawing *fig, const struct grid *g, unsigned int panel, double top,
		const char *title, const char *x_axis, const char *y_axis)
{
	double x = panel % g->columns * g->width;
	double y = top - panel / g->columns * (TITLE + g->frame + AXIS);
	struct box box = { x + ROWS_LEFT, y - TITLE - g->frame,
			   g->width - ROWS_LEFT - 3 * ROWS_RIGHT, g->frame };

	drawing_panel(fig, &box);
	drawing_label_within(fig, box.x, y - TITLE / 2, DRAWING_LEFT, 0, DRAWING_TEXT, box.width,
			     title);
	drawing_label(fig, box.x + box.width / 2, box.y - AXIS + 6, DRAWING_CENTER, 0, DRAWING_TEXT,
		      x_axis);
	drawing_label(fig, x + 6, box.y + g->frame / 2, DRAWING_CENTER, 90, DRAWING_TEXT, y_axis);
}

void grid_log_x(struct drawing *fig, double low, double high)
{
	char text[32];
	int n = 0, step = log10(high / low) > 6 ? 2 : 1;

	fprintf(fig->f,
		"set logscale x\nset xrange [%g:%g]\nset xtics nomirror scale 0.5 font "
		"',%g' (",
		low, high, DRAWING_SMALL * fig->type);
	for (int e = (int)ceil(log10(low) - 1e-9); e <= (int)floor(log10(high) + 1e-9); e++)
		if (e % step == 0)
			fprintf(fig->f, "%s'%s' 1e%d", n++ ? ", " : "",
				rows_number(text, sizeof(text), pow(10, e)), e);
	fputs(")\nset grid xtics lt 1 lc rgb '#CCCCCC' lw 0.4\n", fig->f);
}

void grid_linear_y(struct drawing *fig, double most)
{
	double unit = pow(10, floor(log10(most / 5))), step = 10 * unit;
	static const int times[] = { 5, 2, 1 };
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		if (most <= 5 * times[i] * unit)
			step = times[i] * unit;
	fprintf(fig->f, "set yrange [0:%g]\nset ytics nomirror scale 0.5 font ',%g' (", most * 1.05,
		DRAWING_SMALL * fig->type);
	for (int i = 0; i * step <= most * 1.05; i++)
		fprintf(fig->f, "%s'%s' %g", i ? ", " : "",
			rows_number(text, sizeof(text), i * step), i * step);
	fputs(")\nset grid ytics lt 1 lc rgb '#CCCCCC' lw 0.4\n", fig->f);
}

/* ---- curves --------------------------------------------------------------------------------- */

int curve_add(struct curve *c, double x, double y)
{
	if (c->nr == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct point *more = realloc(c->point, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->point = more;
		c->room = room;
	}
	c->point[c->nr++] = (struct point){ x, y };
	return 0;
}

static int by_x(const void *a, const void *b)
{
	double x = ((const struct point *)a)->x, y = ((const struct point *)b)->x;

	return (x > y) - (x < y);
}

void curve_sort(struct curve *c)
{
	size_t n = 0;

	if (c->nr)
		qsort(c->point, c->nr, sizeof(*c->point), by_x);
	for (size_t i = 0; i < c->nr; i++) {
		if (n && c->point[n - 1].x == c->point[i].x)
			c->point[n - 1].y += c->point[i].y;
		else
			c->point[n++] = c->point[i];
	}
	c->nr = n;
}

void curve_fini(struct curve *c)
{
	free(c->point);
	*c = (struct curve){ 0 };
}
