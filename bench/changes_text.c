/* SPDX-License-Identifier: MIT */
#include "bench/changes.h"
#include "bench/table.h"

#include <math.h>

#define CELL 96

static const char *const names[CHANGE_KINDS] = {
	[CHANGE_NONE] = "",
	[CHANGE_SLOWER] = "SLOWER",
	[CHANGE_FASTER] = "faster",
	[CHANGE_UNKNOWN] = "too few samples",
	[CHANGE_FAILED] = "FAILED",
	[CHANGE_ONLY_A] = "only in the first",
	[CHANGE_ONLY_B] = "only in the second",
};

static const char *estimate(char text[CELL], double v, struct interval range)
{
	char value[24], low[24], high[24];

	table_number(value, sizeof(value), v);
	if (isnan(range.low))
		snprintf(text, CELL, "%s", value);
	else
		snprintf(text, CELL, "%s [%s, %s]", value,
			 table_number(low, sizeof(low), range.low),
			 table_number(high, sizeof(high), range.high));
	return text;
}

/* A ratio of what is nearly the same needs more digits. */
static const char *ratio(char text[CELL], const struct ratio *r)
{
	if (isnan(r->value))
		snprintf(text, CELL, "-");
	else if (isnan(r->range.low))
		snprintf(text, CELL, "%.3f%s", r->value, r->whole ? "~" : "");
	else
		snprintf(text, CELL, "%.3f%s [%.3f, %.3f]", r->value, r->whole ? "~" : "",
			 r->range.low, r->range.high);
	return text;
}

static void fill(struct grid *g, const struct changes *c)
{
	static const char *const head[] = { "benchmark",    "variant", "first", "second",
					    "second/first", "p",       "" };

	for (unsigned int i = 0; i < ARRAY_SIZE(head); i++)
		grid_set(g, 0, i, "%s", head[i]);
	for (unsigned int i = 0; i < c->rows; i++) {
		const struct change *row = &c->row[i];
		char text[CELL];

		grid_set(g, i + 1, 0, "%s", c->d->bench[row->bench]);
		grid_set(g, i + 1, 1, "%s", c->d->variant[row->variant].label);
		grid_set(g, i + 1, 2, "%s", estimate(text, row->a.median, row->a.range));
		grid_set(g, i + 1, 3, "%s", estimate(text, row->b.median, row->b.range));
		grid_set(g, i + 1, 4, "%s", ratio(text, &row->ratio));
		if (!isnan(row->p))
			grid_set(g, i + 1, 5, "%.2g", row->p);
		grid_set(g, i + 1, 6, "%s", names[row->kind]);
	}
}

void changes_agreement(FILE *f, const struct changes *c, enum grid_format format)
{
	char text[160];

	if (!c->intervals)
		snprintf(text, sizeof(text), "No row has an interval on both sides.");
	else
		snprintf(text, sizeof(text),
			 "The two runs agree within their intervals on %u of %u rows (%.1f %%).",
			 c->overlapping, c->intervals, 100.0 * c->overlapping / c->intervals);
	grid_note(f, format, text);
}

static size_t fewest(const struct changes *c)
{
	size_t least = 0;

	for (unsigned int i = 0; i < c->rows; i++) {
		const size_t n[] = { c->row[i].a.n, c->row[i].b.n };

		for (int k = 0; k < 2; k++)
			least = n[k] > 1 && (!least || n[k] < least) ? n[k] : least;
	}
	return least;
}

static void print_sum(FILE *f, const struct changes *c, enum grid_format format)
{
	const unsigned int *n = c->kinds;
	char text[600], few[TABLE_FEW];

	snprintf(text, sizeof(text),
		 "%u compared: %u slower, %u faster, %u without a change; %u with too few samples. "
		 "%u failed in the second, %u only in the first, %u only in the second.",
		 n[CHANGE_SLOWER] + n[CHANGE_FASTER] + n[CHANGE_NONE], n[CHANGE_SLOWER],
		 n[CHANGE_FASTER], n[CHANGE_NONE], n[CHANGE_UNKNOWN], n[CHANGE_FAILED],
		 n[CHANGE_ONLY_A], n[CHANGE_ONLY_B]);
	grid_note(f, format, text);
	snprintf(text, sizeof(text),
		 "A change: p at most %g (t test of Yuen and Welch on logarithms of trimmed "
		 "samples, "
		 "adjusted for all rows: Benjamini & Hochberg), 1 not within the ratio's interval, "
		 "and %g %% or more. Brackets: 95 %% "
		 "intervals of medians, and of their ratio. ~: with the empty loop, as the "
		 "operation alone costs less than a cycle.",
		 SIGNIFICANT, 100 * c->threshold);
	grid_note(f, format, text);
	if (*table_few(few, fewest(c)))
		grid_note(f, format, few);
	if (c->emulated)
		grid_note(f, format,
			  "Left out: times of emulated processors (@emulated), which are none.");
}

int changes_text(FILE *f, const struct changes *c, enum grid_format format)
{
	char title[200];
	struct grid g;
	int ret;

	snprintf(title, sizeof(title), "%.80s, then %.80s: %.20s", c->d->file[0].path,
		 c->d->file[1].path, c->a.unit);
	ret = grid_init(&g, title, c->rows, 7);
	if (ret)
		return ret;
	g.left = 2;
	fill(&g, c);
	grid_print(f, &g, format);
	grid_free(&g);
	print_sum(f, c, format);
	return 0;
}

static void number(FILE *f, double v)
{
	putc(',', f);
	if (!isnan(v))
		fprintf(f, "%.8g", v);
}

void changes_csv(FILE *f, const struct changes *c)
{
	static const char *const kinds[CHANGE_KINDS] = { "same",   "slower", "faster", "unknown",
							 "failed", "only-a", "only-b" };

	fputs("bench,variant,unit,samples_a,median_a,low_a,high_a,samples_b,median_b,low_b,high_b,"
	      "ratio,ratio_low,ratio_high,loop_included,p,p_adjusted,change\n",
	      f);
	for (unsigned int i = 0; i < c->rows; i++) {
		const struct change *r = &c->row[i];
		bool known = !isnan(r->ratio.value);

		csv_text(f, c->d->bench[r->bench]);
		putc(',', f);
		csv_text(f, c->d->variant[r->variant].label);
		putc(',', f);
		csv_text(f, c->a.unit);
		fprintf(f, ",%zu", r->a.n);
		number(f, r->a.median);
		number(f, r->a.range.low);
		number(f, r->a.range.high);
		fprintf(f, ",%zu", r->b.n);
		number(f, r->b.median);
		number(f, r->b.range.low);
		number(f, r->b.range.high);
		number(f, r->ratio.value);
		number(f, r->ratio.range.low);
		number(f, r->ratio.range.high);
		number(f, known ? r->ratio.whole : NAN);
		number(f, r->ratio.p);
		number(f, r->p);
		fprintf(f, ",%s\n", kinds[r->kind]);
	}
}
