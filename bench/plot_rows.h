/* SPDX-License-Identifier: MIT */
/* Items side by side, in as many rows of panels as it takes to keep their labels apart. */
#ifndef FVB_BENCH_PLOT_ROWS_H
#define FVB_BENCH_PLOT_ROWS_H

#include "bench/drawing.h"

#define ROWS_LEFT  40.0 /* of a frame: ticks and the axis' name */
#define ROWS_RIGHT 4.0

struct rows {
	unsigned int items, rows, per_row;
	const char *const *label; /* not owned */
	double frame;		  /* its height */
	double spacing;		  /* between items, points */
	int angle;
};

/* Lay out ITEMS of at least NEED points each under their labels LABEL in a figure of WIDTH. */
struct rows rows_layout(const char *const *label, unsigned int items, double need, double width,
			double frame);

/* Of all rows; of the head above each, HEAD. */
double rows_height(const struct rows *r, double head);

/* Set up ROW's panel with the upper end of its head at TOP: frame, x range, labels of its items.
 * The x of item i is i. Returns where the next row's head begins. */
double rows_panel(struct drawing *fig, const struct rows *r, unsigned int row, double top,
		  double head);

/* A logarithmic y axis from LOW to HIGH (powers of ten are labelled); a linear one of 0 to 100 %.
 */
void rows_log_axis(struct drawing *fig, double low, double high);
void rows_share_axis(struct drawing *fig);

/* The y axis' name beside the frame that rows_panel set up below TOP. */
void rows_axis_name(struct drawing *fig, const struct rows *r, double top, double head,
		    const char *name);

/* 123 -> "123", 12345 -> "12 k"; into TEXT. */
const char *rows_number(char *text, size_t size, double v);

#endif
