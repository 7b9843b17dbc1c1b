/* SPDX-License-Identifier: MIT */
#include "bench/drawing.h"
#include "bench/gnuplot.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define FONT	"Liberation Sans"		 /* of Helvetica's measures */
#define OTHERS	", Arial, Helvetica, sans-serif" /* where an SVG is shown without it */
#define PNG_DPI 300

static const char *const endings[DRAWING_FORMATS] = { ".svg", ".pdf", ".png" };

/* Neighbours differ in lightness, too, so that they stay apart without the hatching. */
static const struct {
	const char *colour;
	int hatching; /* gnuplot's pattern; 0: none */
	const char *dash;
	int point;
} tint[DRAWING_TINTS] = {
	{ "#0072B2", 0, "solid", 7 },	      { "#F0E442", 4, "(8,3)", 4 },
	{ "#D55E00", 5, "(2,2)", 9 },	      { "#FFFFFF", 0, "(8,3,2,3)", 12 },
	{ "#000000", 0, "(4,2)", 6 },	      { "#56B4E9", 1, "(12,4)", 5 },
	{ "#CC79A7", 6, "(8,2,2,2,2,2)", 8 }, { "#009E73", 7, "(1,3)", 13 },
};

/* White and yellow are no colours for a line. */
static const char *line_colour(unsigned int i)
{
	i %= DRAWING_TINTS;
	return i == 1 ? "#E69F00" : i == 3 ? "#7F7F7F" : tint[i].colour;
}

int drawing_format(const char *path)
{
	size_t len = strlen(path);

	for (int i = 0; i < DRAWING_FORMATS; i++)
		if (len > strlen(endings[i]) &&
		    !strcasecmp(path + len - strlen(endings[i]), endings[i]))
			return i;
	return -EINVAL;
}

double drawing_text_width(const char *text, double size)
{
	double em = 0;

	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		if ((*s & 0xc0) == 0x80) /* the rest of a character */
			continue;
		em += strchr("iljtf.,:;|'!/()[]Ir- ", *s) ? 0.32
		      : strchr("mwMW%@", *s)		  ? 0.88
		      : *s >= 'A' && *s <= 'Z'		  ? 0.69
							  : 0.55;
	}
	return em * size;
}

void drawing_begin(struct drawing *fig, FILE *f, enum drawing_format format, double width,
		   double height)
{
	*fig = (struct drawing){ .f = f, .width = width, .height = height, .type = 1 };
	if (format == DRAWING_SVG)
		fig->type = 1 / 0.75;
	fputs("# Made by fvbench plot; for gnuplot 5.4 or later.\nset encoding utf8\n", f);
	/* One point is 96/72 of SVG's pixels; of cairo's PNG, fonts are for 96 dots an inch. */
	if (format == DRAWING_SVG)
		fprintf(f,
			"set terminal svg size %.0f,%.0f font '" FONT OTHERS
			",%.3f' linewidth 1.333 "
			"noenhanced background rgb 'white'\n",
			width / 0.75, height / 0.75, DRAWING_TEXT / 0.75);
	else if (format == DRAWING_PDF)
		fprintf(f,
			"set terminal pdfcairo size %.4fin,%.4fin font '" FONT ",%.1f' "
			"fontscale 0.75 linewidth 2 noenhanced background rgb 'white'\n",
			(width + 0.5) / 72, (height + 0.5) / 72, DRAWING_TEXT);
	else
		fprintf(f,
			"set terminal pngcairo size %.0f,%.0f font '" FONT ",%.1f' fontscale %.4f "
			"linewidth %.3f pointscale %.3f noenhanced background rgb 'white'\n",
			width / 72 * PNG_DPI, height / 72 * PNG_DPI, DRAWING_TEXT, PNG_DPI / 96.0,
			PNG_DPI / 72.0, PNG_DPI / 72.0);
	fputs("set multiplot\nunset key\n", f);
}

static void clear(struct drawing *fig)
{
	fputs("unset label\nunset object\nunset arrow\nunset xlabel\nunset ylabel\nunset logscale\n"
	      "unset xtics\nunset ytics\nunset mxtics\nunset mytics\nunset grid\n"
	      "set xrange [*:*]\nset yrange [*:*]\nset format '%g'\n",
	      fig->f);
	fig->objects = fig->labels = 0;
}

void drawing_end(struct drawing *fig)
{
	fputs("unset multiplot\n", fig->f);
}

void drawing_panel(struct drawing *fig, const struct box *box)
{
	clear(fig);
	fprintf(fig->f,
		"set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
		"set bmargin at screen %.5f\nset tmargin at screen %.5f\n"
		"set border 3 lw 0.5\n",
		box->x / fig->width, (box->x + box->width) / fig->width, box->y / fig->height,
		(box->y + box->height) / fig->height);
}

void drawing_label(struct drawing *fig, double x, double y, enum drawing_align align, int angle,
		   double size, const char *text)
{
	static const char *const where[] = { "left", "center", "right" };

	fprintf(fig->f, "set label %u ", ++fig->labels);
	gnuplot_text(fig->f, text);
	fprintf(fig->f, " at screen %.5f,%.5f %s rotate by %d font ',%.3f' noenhanced front\n",
		x / fig->width, y / fig->height, where[align], angle, size * fig->type);
}

#define LEAST 4.0 /* size of type */

/* As many bytes of TEXT as are no wider than WIDTH, whole characters. */
static size_t fitting(const char *text, double size, double width)
{
	char one[5] = "";
	double sum = 0;
	size_t at = 0;

	while (text[at]) {
		size_t n = 1;

		while (n < 4 && ((unsigned char)text[at + n] & 0xc0) == 0x80)
			n++;
		memcpy(one, text + at, n);
		one[n] = '\0';
		sum += drawing_text_width(one, size);
		if (sum > width)
			break;
		at += n;
	}
	return at;
}

void drawing_label_within(struct drawing *fig, double x, double y, enum drawing_align align,
			  int angle, double size, double width, const char *text)
{
	double wide = drawing_text_width(text, size), fits = fmax(LEAST, size * width / wide);
	char cut[512];
	size_t n;

	width += 0.1; /* sums of the same widths differ in their last digits */
	if (wide <= width) {
		drawing_label(fig, x, y, align, angle, size, text);
		return;
	}
	n = fitting(text, fits, width);
	if (text[n])
		n = fitting(text, fits, width - fits);
	n = n < sizeof(cut) - 4 ? n : sizeof(cut) - 4;
	snprintf(cut, sizeof(cut), "%.*s%s", (int)n, text, text[n] ? "\u2026" : "");
	drawing_label(fig, x, y, align, angle, fits, cut);
}

void drawing_label_colour(struct drawing *fig, const char *colour)
{
	fprintf(fig->f, "set label %u textcolor rgb '%s'\n", fig->labels, colour);
}

static void rectangle(struct drawing *fig, const struct box *b, const char *fill)
{
	fprintf(fig->f, "set object %u rect from screen %.5f,%.5f to screen %.5f,%.5f %s\n",
		++fig->objects, b->x / fig->width, b->y / fig->height,
		(b->x + b->width) / fig->width, (b->y + b->height) / fig->height, fill);
}

void drawing_swatch(struct drawing *fig, const struct box *box, unsigned int i)
{
	char fill[128];

	i %= DRAWING_TINTS;
	snprintf(fill, sizeof(fill), "front fs solid 1 border lc rgb 'black' fc rgb '%s' lw 0.3",
		 tint[i].colour);
	rectangle(fig, box, fill);
	if (!tint[i].hatching)
		return;
	snprintf(fill, sizeof(fill),
		 "front fs transparent pattern %d border lc rgb 'black' fc rgb 'black' lw 0.3",
		 tint[i].hatching);
	rectangle(fig, box, fill);
}

unsigned int drawing_data(struct drawing *fig)
{
	fprintf(fig->f, "$d%u << EOD\n", ++fig->blocks);
	return fig->blocks;
}

void drawing_data_end(struct drawing *fig)
{
	fputs("EOD\n", fig->f);
}

void drawing_fill(struct drawing *fig, unsigned int block, const char *using, const char *style,
		  unsigned int i)
{
	i %= DRAWING_TINTS;
	fprintf(fig->f, "$d%u using %s with %s fs solid 1 border lc rgb 'black' fc rgb '%s' lw 0.3",
		block, using, style, tint[i].colour);
	if (tint[i].hatching)
		fprintf(fig->f,
			", $d%u using %s with %s fs transparent pattern %d border lc rgb 'black' "
			"fc rgb 'black' lw 0.3",
			block, using, style, tint[i].hatching);
}

void drawing_line(struct drawing *fig, unsigned int i)
{
	fprintf(fig->f, "dt %s lw 1 lc rgb '%s'", tint[i % DRAWING_TINTS].dash, line_colour(i));
}

void drawing_point(struct drawing *fig, unsigned int i)
{
	fprintf(fig->f, "pt %d ps 0.4 lc rgb '%s'", tint[i % DRAWING_TINTS].point, line_colour(i));
}

#define SWATCH 14.0 /* its width */
#define GAP    4.0
#define ROW    10.0

static void legend_line(struct drawing *fig, double x, double y, unsigned int i)
{
	fprintf(fig->f, "set arrow from screen %.5f,%.5f to screen %.5f,%.5f nohead ",
		x / fig->width, y / fig->height, (x + SWATCH + 4) / fig->width, y / fig->height);
	fprintf(fig->f, "dt %s lw 1 lc rgb '%s'\n", tint[i % DRAWING_TINTS].dash, line_colour(i));
	fprintf(fig->f,
		"set label %u '' at screen %.5f,%.5f point pt %d ps 0.4 lc rgb '%s' front\n",
		++fig->labels, (x + SWATCH / 2 + 2) / fig->width, y / fig->height,
		tint[i % DRAWING_TINTS].point, line_colour(i));
}

double drawing_legend(struct drawing *fig, const char *const *name, unsigned int n, double x,
		      double y, double width, bool lines)
{
	double at = 0, top = y;

	for (unsigned int i = 0; i < n; i++) {
		double mark = SWATCH + (lines ? 4 : 0) + GAP / 2;
		double need = fmin(mark + drawing_text_width(name[i], DRAWING_SMALL), width);
		struct box box = { 0, 0, SWATCH, 6 };

		if (at && at + need > width) {
			at = 0;
			top -= ROW;
		}
		box.x = x + at;
		box.y = top - ROW / 2 - box.height / 2;
		if (fig && lines)
			legend_line(fig, box.x, top - ROW / 2, i);
		else if (fig)
			drawing_swatch(fig, &box, i);
		if (fig)
			drawing_label_within(fig, x + at + mark, top - ROW / 2, DRAWING_LEFT, 0,
					     DRAWING_SMALL, need - mark, name[i]);
		at += need + 2 * GAP;
	}
	return y - top + (n ? ROW : 0);
}

/* How many bytes of TEXT go into a line of WIDTH: up to a blank, where there is one. */
static size_t line_length(const char *text, double width)
{
	char line[512];
	size_t n = 0, good = 0;

	while (text[n] && text[n] != '\n' && n < sizeof(line) - 1) {
		line[n] = text[n];
		line[++n] = '\0';
		if (drawing_text_width(line, DRAWING_SMALL) > width)
			break;
		if (text[n] == ' ' || text[n] == '\0' || text[n] == '\n')
			good = n;
	}
	if (good || !n)
		return good;
	/* A word that is too long is cut, between two characters. */
	for (n--; n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80;)
		n--;
	return n ? n : 1;
}

double drawing_notes(struct drawing *fig, const char *text, double x, double y, double width)
{
	double top = y;

	while (*text) {
		size_t n = line_length(text, width);
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)n, text);
		if (fig)
			drawing_label(fig, x, top - ROW / 2, DRAWING_LEFT, 0, DRAWING_SMALL, line);
		top -= ROW - 1;
		text += n;
		text += strspn(text, " \n");
	}
	return y - top;
}
