/* SPDX-License-Identifier: MIT */
/*
 * A figure for a paper, as a script for gnuplot: its size, type, tints and legend. Everything is
 * placed in points (1/72 inch) from the lower left corner, so that nothing depends on how large a
 * terminal of gnuplot thinks that text is.
 *
 * Read in black and white, too: each tint has a colour of Okabe and Ito's, which colour-blind
 * people tell apart, a hatching, and for lines a dash and a point of its own.
 */
#ifndef FVB_BENCH_DRAWING_H
#define FVB_BENCH_DRAWING_H

#include "common/types.h"

#include <stdio.h>

#define DRAWING_SINGLE 240.0 /* width of a column of two, 3.33 inches */
#define DRAWING_DOUBLE 504.0 /* of both, 7 inches */
#define DRAWING_TINTS  8
#define DRAWING_TEXT   8.0 /* sizes of type: titles, axes */
#define DRAWING_SMALL  7.0 /* ticks, legend, notes */

enum drawing_format { DRAWING_SVG, DRAWING_PDF, DRAWING_PNG, DRAWING_FORMATS };

/* The format that PATH's ending names, or -EINVAL. */
int drawing_format(const char *path);

struct drawing {
	FILE *f; /* the script; not owned */
	double width, height;
	double type; /* a point, in what the terminal takes for sizes of type */
	unsigned int objects, labels, blocks; /* numbers of the last ones */
};

struct box {
	double x, y, width, height;
};

enum drawing_align { DRAWING_LEFT, DRAWING_CENTER, DRAWING_RIGHT };

/* How wide TEXT is in type of SIZE, in points; a little on the safe side. */
double drawing_text_width(const char *text, double size);

/* Begin FIG of that size, written to F; after drawing_end the script is whole. */
void drawing_begin(struct drawing *fig, FILE *f, enum drawing_format format, double width,
		   double height);
void drawing_end(struct drawing *fig);

/* The next plot's frame is BOX. Ranges, ticks, labels and objects begin anew. */
void drawing_panel(struct drawing *fig, const struct box *box);

/* For the next plot: TEXT with its anchor on (X, Y), turned by ANGLE degrees; half of its height
 * is above and half below. */
void drawing_label(struct drawing *fig, double x, double y, enum drawing_align align, int angle,
		   double size, const char *text);

/* The same, but no wider than WIDTH: in smaller type, and what is too long even so is cut. */
void drawing_label_within(struct drawing *fig, double x, double y, enum drawing_align align,
			  int angle, double size, double width, const char *text);

/* The last label's colour. */
void drawing_label_colour(struct drawing *fig, const char *colour);

/* For the next plot: a rectangle of TINT (see drawing_fill). */
void drawing_swatch(struct drawing *fig, const struct box *box, unsigned int tint);

/* Begin a data block; its name, $dN, is for the plot command to use. Its rows go to fig->f, numbers
 * only; drawing_data_end ends it. */
unsigned int drawing_data(struct drawing *fig);
void drawing_data_end(struct drawing *fig);

/* Plot elements: boxes of TINT from block BLOCK by gnuplot's USING: colour, then hatching. STYLE:
 * "boxes", "filledcurves ...". Several are divided by commas, which are the caller's. */
void drawing_fill(struct drawing *fig, unsigned int block, const char *using, const char *style,
		  unsigned int tint);
/* "dt 2 lc rgb ...": a line of TINT. */
void drawing_line(struct drawing *fig, unsigned int tint);
/* The same for points. */
void drawing_point(struct drawing *fig, unsigned int tint);

/* A legend of NAME[0..N) with the tints FIRST.. in rows within WIDTH, its top at Y; the height that
 * it takes. With FIG NULL it only measures. LINES: dashes and points instead of swatches. */
double drawing_legend(struct drawing *fig, const char *const *name, unsigned int n, double x,
		      double y, double width, bool lines);

/* TEXT in lines of at most WIDTH from the top Y down; the height it takes; FIG NULL: measures. */
double drawing_notes(struct drawing *fig, const char *text, double x, double y, double width);

#endif
