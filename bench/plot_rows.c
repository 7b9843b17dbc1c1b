/* SPDX-License-Identifier: MIT */
#include "bench/plot_rows.h"
#include "bench/gnuplot.h"

#include <math.h>

#define LABEL 140.0 /* the most room for one */
#define LINE  9.0   /* the least distance of labels side by side, upright */

static double widest(const char *const *label, unsigned int n)
{
	double most = 0;

	for (unsigned int i = 0; i < n; i++)
		most = fmax(most, drawing_text_width(label[i], DRAWING_SMALL));
	return fmin(most, LABEL);
}

struct rows rows_layout(const char *const *label, unsigned int items, double need, double width,
			double frame)
{
	double room = width - ROWS_LEFT - ROWS_RIGHT, most = widest(label, items);
	struct rows r = { .items = items, .frame = frame };
	unsigned int fit = (unsigned int)(room / fmax(need, LINE));

	fit = fit ? fit : 1;
	r.rows = (items + fit - 1) / fit;
	r.per_row = r.rows ? (items + r.rows - 1) / r.rows : 1;
	r.spacing = room / r.per_row;
	if (most + 4 <= r.spacing)
		r.angle = 0;
	else if (r.spacing > 1.5 * LINE && most * 0.71 < ROWS_LEFT + r.spacing / 2 - 8)
		r.angle = 45;
	else
		r.angle = 90;
	r.label = label;
	return r;
}

/* The height of the labels below ROW. */
static double label_height(const struct rows *r, unsigned int row)
{
	unsigned int first = row * r->per_row;
	unsigned int n = r->items - first < r->per_row ? r->items - first : r->per_row;
	double most = widest(r->label + first, n);

	return r->angle == 0 ? 14 : r->angle == 45 ? most * 0.71 + 12 : most + 10;
}

double rows_height(const struct rows *r, double head)
{
	double height = 0;

	for (unsigned int row = 0; row < r->rows; row++)
		height += head + r->frame + label_height(r, row);
	return height;
}

double rows_panel(struct drawing *fig, const struct rows *r, unsigned int row, double top,
		  double head)
{
	struct box box = { ROWS_LEFT, top - head - r->frame, fig->width - ROWS_LEFT - ROWS_RIGHT,
			   r->frame };

	drawing_panel(fig, &box);
	fprintf(fig->f, "set xrange [-0.5:%g]\nset xtics scale 0 ('' 0)\n", r->per_row - 0.5);
	for (unsigned int i = 0; i < r->per_row && row * r->per_row + i < r->items; i++)
		drawing_label_within(fig, box.x + (i + 0.5) * r->spacing,
				     box.y - (r->angle ? 4 : 7),
				     r->angle ? DRAWING_RIGHT : DRAWING_CENTER, r->angle,
				     DRAWING_SMALL, LABEL, r->label[row * r->per_row + i]);
	return box.y - label_height(r, row);
}

const char *rows_number(char *text, size_t size, double v)
{
	static const struct {
		double unit;
		const char *suffix;
	} scale[] = { { 1e9, " G" }, { 1e6, " M" }, { 1e3, " k" }, { 1, "" } };
	unsigned int i = 0;

	while (i < ARRAY_SIZE(scale) - 1 && fabs(v) < scale[i].unit * 0.9995)
		i++;
	snprintf(text, size, "%.3g%s", v / scale[i].unit, scale[i].suffix);
	return text;
}

void rows_log_axis(struct drawing *fig, double low, double high)
{
	char text[32];

	fprintf(fig->f,
		"set logscale y\nset yrange [%g:%g]\nset ytics nomirror scale 0.5 font ',%g' (",
		low, high, DRAWING_SMALL * fig->type);
	fprintf(fig->f, "''  %g 1", low);
	for (double v = pow(10, ceil(log10(low) - 1e-9)); v <= high * 1.001; v *= 10)
		fprintf(fig->f, ", '%s' %g", rows_number(text, sizeof(text), v), v);
	fputs(")\nset grid ytics lt 1 lc rgb '#CCCCCC' lw 0.4\n", fig->f);
}

void rows_share_axis(struct drawing *fig)
{
	fprintf(fig->f,
		"set yrange [0:1]\nset ytics nomirror scale 0.5 font ',%g' ('0' 0, '25' 0.25, '50' "
		"0.5, '75' 0.75, '100' 1)\nset grid ytics lt 1 lc rgb '#CCCCCC' lw 0.4\n",
		DRAWING_SMALL * fig->type);
}

void rows_axis_name(struct drawing *fig, const struct rows *r, double top, double head,
		    const char *name)
{
	drawing_label(fig, 6, top - head - r->frame / 2, DRAWING_CENTER, 90, DRAWING_TEXT, name);
}
