/* SPDX-License-Identifier: MIT */
/* Panels with a continuous x axis, in a grid: one column of them in a narrow figure, two in a wide
 * one. */
#ifndef FVB_BENCH_PLOT_CURVES_H
#define FVB_BENCH_PLOT_CURVES_H

#include "bench/plot_data.h"

struct grid {
	unsigned int panels, columns;
	double width, frame; /* of a panel, with its axes; of a frame: its height */
};

struct grid grid_layout(unsigned int panels, double width, double frame);
double grid_height(const struct grid *g);

/* Set up PANEL in what was free at TOP when the first one was drawn: frame, title, names of axes.
 */
void grid_panel(struct drawing *fig, const struct grid *g, unsigned int panel, double top,
		const char *title, const char *x_axis, const char *y_axis);

/* Ticks: powers of ten on a logarithmic x axis; four or five round numbers from 0 to MOST on a
 * linear y axis. */
void grid_log_x(struct drawing *fig, double low, double high);
void grid_linear_y(struct drawing *fig, double most);

/* A number that is added to others of the same X. */
struct point {
	double x, y;
};

struct curve {
	struct point *point;
	size_t nr, room;
};

int curve_add(struct curve *c, double x, double y);
/* By x, and one point only for each x, with the sum of their y. */
void curve_sort(struct curve *c);
void curve_fini(struct curve *c);

#endif
