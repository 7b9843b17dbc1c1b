/* SPDX-License-Identifier: MIT */
/* Bars: what an operation costs, on a log axis, with the intervals of the medians. */
#include "bench/plot_costs.h"
#include "bench/plot_rows.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define FLOOR 0.1 /* cycles: less than this is nothing, next to the loop's own noise */
#define FRAME 96.0
#define BAR   4.0 /* the least width */
#define HEAD  8.0

struct bars {
	struct plot *p;
	struct costs costs;
	struct rows rows;
	double low, high; /* of the axis */
	unsigned int below, failed, skipped;
};

static struct cost *cost_at(const struct bars *b, unsigned int bench, unsigned int variant)
{
	return &b->costs.cost[bench * b->p->variant.nr + variant];
}

static bool failed(const struct cost *c)
{
	return !c->e.n && c->status && !strncmp(c->status, "fail", 4);
}

/* The axis, and how many cells have no bar. */
static void survey(struct bars *b)
{
	double low = INFINITY, high = 0;

	for (unsigned int i = 0; i < b->p->bench.nr * b->p->variant.nr; i++) {
		const struct cost *c = &b->costs.cost[i];

		b->failed += failed(c);
		b->skipped += !c->e.n && c->status && !failed(c);
		b->below += c->e.median < FLOOR;
		if (!(c->e.median >= FLOOR))
			continue;
		low = fmin(low, c->e.median);
		high = fmax(high, fmax(c->e.median, c->e.range.high));
	}
	if (!high) {
		low = FLOOR;
		high = 1;
	}
	b->low = pow(10, floor(log10(low)));
	if (b->below || b->low < FLOOR)
		b->low = FLOOR;
	b->high = high * 1.3;
}

static void write_caption(const struct bars *b)
{
	FILE *f = b->p->caption;

	if (b->costs.samples > 1)
		fprintf(f,
			"Cost of an operation: median of up to %zu samples, whiskers: its 95 %% "
			"bootstrap interval; ",
			b->costs.samples);
	else
		fprintf(f, "Cost of an operation, of one sample; ");
	fprintf(f, "TSC ticks, without the empty loop's; of hlt and timer-latency the latency.");
	if (b->below)
		fprintf(f, " Triangle: below %g cycles, not told from nothing (%u).", FLOOR,
			b->below);
	if (b->failed)
		fprintf(f, " Cross: failed (%u).", b->failed);
	if (b->skipped)
		fprintf(f, " No bar: skipped (%u).", b->skipped);
	plot_caption_rest(b->p);
}

/* Where variant V of item I stands: bars fill 80 % of the room between items. */
static double x_of(const struct bars *b, unsigned int i, unsigned int v)
{
	return i - 0.4 + 0.8 * (v + 0.5) / b->p->variant.nr;
}

/* Rows "x median low high" of the bars of variant V in ROW. */
static unsigned int write_bars(struct bars *b, unsigned int row, unsigned int v)
{
	unsigned int block = drawing_data(&b->p->fig), first = row * b->rows.per_row;

	for (unsigned int i = 0; i < b->rows.per_row && first + i < b->rows.items; i++) {
		const struct cost *c = cost_at(b, first + i, v);
		bool range = !isnan(c->e.range.low);

		if (c->e.median >= FLOOR)
			fprintf(b->p->script, "%.4f %.9g %.9g %.9g\n", x_of(b, i, v), c->e.median,
				fmax(range ? c->e.range.low : c->e.median, b->low),
				fmin(range ? c->e.range.high : c->e.median, b->high));
	}
	fputs("NaN NaN NaN NaN\n", b->p->script);
	drawing_data_end(&b->p->fig);
	return block;
}

enum mark { MARK_BELOW, MARK_FAILED, MARKS };

static bool has_mark(const struct cost *c, enum mark m)
{
	return m == MARK_BELOW ? c->e.median < FLOOR : failed(c);
}

/* The cells of ROW without a bar, of one reason. */
static unsigned int write_marks(struct bars *b, unsigned int row, enum mark m)
{
	unsigned int block = drawing_data(&b->p->fig), first = row * b->rows.per_row;

	for (unsigned int i = 0; i < b->rows.per_row && first + i < b->rows.items; i++)
		for (unsigned int v = 0; v < b->p->variant.nr; v++)
			if (has_mark(cost_at(b, first + i, v), m))
				fprintf(b->p->script, "%.4f %.9g\n", x_of(b, i, v), b->low * 1.25);
	fputs("NaN NaN\n", b->p->script);
	drawing_data_end(&b->p->fig);
	return block;
}

static void draw_row(struct bars *b, unsigned int row)
{
	static const int point[MARKS] = { 10, 2 };
	struct plot *p = b->p;
	unsigned int block[64], marks[MARKS];
	double next = rows_panel(&p->fig, &b->rows, row, p->y, HEAD);

	rows_axis_name(&p->fig, &b->rows, p->y, HEAD, "cycles per operation");
	rows_log_axis(&p->fig, b->low, b->high);
	for (unsigned int v = 0; v < p->variant.nr; v++)
		block[v] = write_bars(b, row, v);
	for (unsigned int m = 0; m < MARKS; m++)
		marks[m] = write_marks(b, row, m);
	fprintf(p->script, "set boxwidth %.5f absolute\nplot ", 0.8 / p->variant.nr);
	for (unsigned int v = 0; v < p->variant.nr; v++) {
		drawing_fill(&p->fig, block[v], "1:2", "boxes", v);
		fprintf(p->script,
			", $d%u using 1:3:(0):($4-$3) with vectors heads size screen 0.004,90 lc "
			"rgb 'black' lw 0.5, ",
			block[v]);
	}
	for (unsigned int m = 0; m < MARKS; m++)
		fprintf(p->script,
			"%s$d%u using 1:2 with points pt %d ps 0.3 lw 0.5 lc rgb 'black'",
			m ? ", " : "", marks[m], point[m]);
	fputs("\n", p->script);
	p->y = next;
}

static int draw(struct bars *b, struct error *err)
{
	struct plot *p = b->p;
	int ret;

	b->rows = rows_layout(p->bench.name, p->bench.nr, p->variant.nr * BAR / 0.8, p->o->width,
			      FRAME);
	write_caption(b);
	ret = plot_begin(p, p->variant.name, p->variant.nr, false, rows_height(&b->rows, HEAD),
			 err);
	if (ret)
		return ret;
	for (unsigned int row = 0; row < b->rows.rows; row++)
		draw_row(b, row);
	plot_end(p);
	return 0;
}

int plot_cost(struct plot *p, struct error *err)
{
	struct bars b = { .p = p };
	int ret = costs_read(&b.costs, p, err);

	if (!ret && !p->bench.nr)
		ret = fail(err, -EINVAL, "nothing to show: no %s",
			   p->emulated ? "times but of emulated hosts" : "cycles_per_op");
	if (!ret && p->variant.nr > DRAWING_TINTS)
		ret = fail(err, -EINVAL, PLOT_TOO_MANY, p->variant.nr, DRAWING_TINTS);
	if (!ret) {
		survey(&b);
		ret = draw(&b, err);
	}
	costs_fini(&b.costs);
	return ret;
}
