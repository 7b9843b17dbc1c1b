/* SPDX-License-Identifier: MIT */
#include "bench/published.h"
#include "bench/report.h"
#include "bench/table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CELL 96

/* ---- cells: what is to be said of one benchmark and variant; "": nothing --------------------- */

typedef void (*say_fn)(const struct report *r, unsigned int bench, unsigned int variant,
		       char text[CELL]);

static void with_range(char text[CELL], double v, struct interval range, const char *mark)
{
	char value[24], low[24], high[24];

	table_number(value, sizeof(value), v);
	if (isnan(range.low))
		snprintf(text, CELL, "%s%s", value, mark);
	else
		snprintf(text, CELL, "%s%s [%s, %s]", value, mark,
			 table_number(low, sizeof(low), range.low),
			 table_number(high, sizeof(high), range.high));
}

static void say_median(const struct report *r, unsigned int bench, unsigned int variant,
		       char text[CELL])
{
	const struct report_cell *c = report_cell(r, bench, variant);

	if (c->e.n)
		with_range(text, c->e.median, c->e.range, "");
	else if (c->status && !(r->figure.times && r->d->variant[variant].emulated))
		snprintf(text, CELL, "%s", strncmp(c->status, "skip", 4) ? "FAILED" : "skipped");
}

static void say_ratio(const struct report *r, unsigned int bench, unsigned int variant,
		      char text[CELL])
{
	const struct report_cell *c = report_cell(r, bench, variant);

	if (isnan(c->ratio.value))
		return;
	with_range(text, c->ratio.value, c->ratio.range, c->ratio.whole ? "~" : "");
	/* Always a character, so that numbers are below each other. */
	strcat(text, c->p <= SIGNIFICANT ? " *" : isnan(c->p) ? " ?" : "  ");
}

static void say_traps(const struct report *r, unsigned int bench, unsigned int variant,
		      char text[CELL])
{
	const struct report_cell *c = report_cell(r, bench, variant);
	FILE *f = isnan(report_traps(c)) ? NULL : fmemopen(text, CELL - 1, "w");

	if (!f)
		return;
	table_traps(f, c->traps);
	fclose(f);
}

static void say_published_median(const struct report *r, unsigned int bench, unsigned int variant,
				 char text[CELL])
{
	const struct published *p = published_for(r->d->bench[bench]);

	if (p && !strcmp(p->unit, "cycles") && report_cell(r, bench, variant)->e.n)
		table_number(text, CELL, report_cell(r, bench, variant)->e.median);
}

/* The variant that ran natively, -1: none did. */
static int native(const struct report *r)
{
	for (unsigned int v = 0; v < r->d->variants; v++)
		if (!strcmp(r->d->variant[v].backend, "native") && !r->d->variant[v].emulated)
			return (int)v;
	return -1;
}

static void say_times_native(const struct report *r, unsigned int bench, unsigned int variant,
			     char text[CELL])
{
	int to = native(r);
	struct ratio ratio;

	if (to < 0 || variant == (unsigned int)to || !published_for(r->d->bench[bench]))
		return;
	ratio = figure_ratio(&r->figure, variant, &r->figure, (unsigned int)to, bench);
	if (!isnan(ratio.value))
		with_range(text, ratio.value, ratio.range, ratio.whole ? "~" : "");
}

/* ---- grids ---------------------------------------------------------------------------------- */

struct sheet {
	const char *title;
	say_fn say;
	bool text; /* aligned to the left */
	/* Columns that are not about a variant of ours, for benchmarks that Adams & Agesen had. */
	unsigned int extras;
	const char *extra[4];
	void (*say_extra)(const struct published *p, unsigned int column, char text[CELL]);
};

/* The variants that SHEET says anything about, into COLUMN; how many. */
static unsigned int find_columns(const struct report *r, const struct sheet *sheet,
				 unsigned int *column)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < r->d->variants; v++) {
		char text[CELL] = "";

		for (unsigned int i = 0; !*text && i < r->benches; i++)
			sheet->say(r, r->bench[i], v, text);
		if (*text)
			column[n++] = v;
	}
	return n;
}

static void fill_head(struct grid *g, const struct report *r, const struct sheet *sheet,
		      const unsigned int *column)
{
	unsigned int first = g->columns - sheet->extras;

	grid_set(g, 0, 0, "benchmark");
	for (unsigned int c = 1; c < first; c++)
		grid_set(g, 0, c, "%s", r->d->variant[column[c - 1]].label);
	for (unsigned int c = first; c < g->columns; c++)
		grid_set(g, 0, c, "%s", sheet->extra[c - first]);
}

/* A row without anything of ours stays blank, and is not printed. */
static void fill_row(struct grid *g, const struct report *r, const struct sheet *sheet,
		     const unsigned int *column, unsigned int row)
{
	unsigned int first = g->columns - sheet->extras, bench = r->bench[row - 1];
	const struct published *p = published_for(r->d->bench[bench]);
	bool any = false;

	grid_set(g, row, 0, "%s", r->d->bench[bench]);
	for (unsigned int c = 1; c < g->columns; c++) {
		char text[CELL] = "";

		if (c < first)
			sheet->say(r, bench, column[c - 1], text);
		else if (any && p)
			sheet->say_extra(p, c - first, text);
		any |= *text != '\0';
		grid_set(g, row, c, "%s", text);
	}
}

/* Nothing is printed of a sheet that says nothing. 1: something was; 0; or -ENOMEM. */
static int print_sheet(FILE *f, enum grid_format format, const struct report *r,
		       const struct sheet *sheet)
{
	unsigned int *column = calloc((size_t)r->d->variants + 1, sizeof(*column));
	unsigned int n = column ? find_columns(r, sheet, column) : 0;
	struct grid g;
	int ret = column ? 0 : -ENOMEM;

	if (n)
		ret = grid_init(&g, sheet->title, r->benches, 1 + n + sheet->extras);
	if (n && !ret) {
		g.left = sheet->text ? g.columns : 1;
		fill_head(&g, r, sheet, column);
		for (unsigned int row = 1; row <= r->benches; row++)
			fill_row(&g, r, sheet, column, row);
		grid_print(f, &g, format);
		grid_free(&g);
		ret = 1;
	}
	free(column);
	return ret;
}

/* ---- the report ----------------------------------------------------------------------------- */

static void extra_cycles(const struct published *p, unsigned int column, char text[CELL])
{
	const double v[] = { NAN, p->native, p->software, p->hardware };

	if (!column)
		snprintf(text, CELL, "%s", p->name);
	else
		table_number(text, CELL, v[column]);
}

static void extra_times_native(const struct published *p, unsigned int column, char text[CELL])
{
	const double v[] = { NAN, p->software, p->hardware };

	if (!column)
		snprintf(text, CELL, "%s", p->name);
	else
		table_number(text, CELL, v[column] / p->native);
}

static int print_medians(FILE *f, const struct report *r, enum grid_format format)
{
	char title[160], note[600], few[TABLE_FEW];
	const struct sheet sheet = { .title = title, .say = say_median };
	int ret;

	snprintf(title, sizeof(title), "%.80s, %.20s: median and 95 %% interval",
		 r->figure.metric ? r->figure.metric : "Cost of an operation", r->figure.unit);
	ret = print_sheet(f, format, r, &sheet);
	snprintf(note, sizeof(note),
		 "Medians of all samples, none dropped; in brackets the 95 %% interval of the "
		 "median "
		 "(percentile bootstrap, no narrower than the sign test's).%s%s%s",
		 r->figure.metric ? ""
				  : " Cycles are TSC ticks, without the empty loop's; of hlt and "
				    "timer-latency the median latency.",
		 *table_few(few, report_fewest(r)) ? " " : "", few);
	if (ret > 0)
		grid_note(f, format, note);
	return ret;
}

static int print_ratios(FILE *f, const struct report *r, enum grid_format format)
{
	char title[160], note[800];
	const struct sheet sheet = { .title = title, .say = say_ratio };
	int ret;

	snprintf(title, sizeof(title), "Times as much as %.120s", r->d->variant[r->baseline].label);
	ret = print_sheet(f, format, r, &sheet);
	snprintf(
		note, sizeof(note),
		"Ratios are of medians, in brackets their 95 %% interval (bootstrap; in pairs "
		"where "
		"each sample was taken next to one of the other's). *: significant at 5 %%, by the "
		"t test of Yuen and Welch on logarithms of trimmed samples, adjusted for %u "
		"comparisons (Benjamini & Hochberg). ?: too few samples for the test. ~: the empty "
		"loop is in both sides, as one alone costs less than a cycle.",
		r->compared);
	if (ret > 0)
		grid_note(f, format, note);
	return ret;
}

static int print_published(FILE *f, const struct report *r, enum grid_format format)
{
	static const struct sheet cycles = {
		"Next to Adams & Agesen 2006: cycles",
		say_published_median,
		false,
		4,
		{ "A&A's name", "A&A native", "A&A software VMM", "A&A hardware VMM" },
		extra_cycles,
	};
	static const struct sheet times = {
		"Next to Adams & Agesen 2006: times as much as natively",
		say_times_native,
		false,
		3,
		{ "A&A's name", "A&A software VMM", "A&A hardware VMM" },
		extra_times_native,
	};
	int ret = 0, next = 0;

	if (!r->figure.metric)
		ret = print_sheet(f, format, r, &cycles);
	if (ret >= 0 && !r->figure.metric)
		next = print_sheet(f, format, r, &times);
	if (ret > 0 || next > 0)
		grid_note(
			f, format,
			"A&A: K. Adams, O. Agesen, A Comparison of Software and Hardware "
			"Techniques for x86 Virtualization, ASPLOS 2006: a Pentium 4 with the "
			"first "
			"VT-x and no nested paging. Their code does the same, it is not the same.");
	return ret < 0 ? ret : next;
}

/* Variants that are not in the tables of times, with why. */
static void note_emulated(FILE *f, const struct report *r, enum grid_format format)
{
	bool any = false;

	for (unsigned int v = 0; v < r->d->variants; v++)
		any |= r->d->variant[v].emulated;
	if (any)
		grid_note(f, format,
			  r->figure.times
				  ? "@emulated: the processor was software. Counts are real; times "
				    "are "
				    "left out, as they are not a processor's."
				  : "@emulated: the processor was software. Counts are real.");
}

int report_text(FILE *f, const struct report *r, enum grid_format format)
{
	static const struct sheet traps = { .title = "Traps per operation",
					    .say = say_traps,
					    .text = true };
	int ret = print_medians(f, r, format);

	if (ret >= 0)
		ret = print_ratios(f, r, format);
	if (ret >= 0)
		ret = print_sheet(f, format, r, &traps);
	if (ret >= 0)
		ret = print_published(f, r, format);
	note_emulated(f, r, format);
	return ret < 0 ? ret : 0;
}
