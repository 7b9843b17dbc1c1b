/* SPDX-License-Identifier: MIT */
#include "bench/html.h"
#include "bench/published.h"
#include "bench/table.h"

#include <math.h>
#include <string.h>

/* ---- costs ----------------------------------------------------------------------------------- */

#define COST_COLUMNS 13

static bool any_published(const struct report *r)
{
	for (unsigned int i = 0; i < r->benches; i++)
		if (published_for(r->d->bench[r->bench[i]]))
			return true;
	return false;
}

static void interval_cell(FILE *f, const struct interval *range)
{
	char low[32], high[32], text[80] = "";

	if (!isnan(range->low))
		snprintf(text, sizeof(text), "%s .. %s", table_number(low, 32, range->low),
			 table_number(high, 32, range->high));
	html_number_text(f, range->low, text);
}

static const char *verdict(const struct report *r, const struct report_cell *c, unsigned int v)
{
	if (v == r->baseline)
		return "baseline";
	if (isnan(c->p))
		return "";
	return c->p <= SIGNIFICANT ? "yes" : "no";
}

static void ratio_cell(FILE *f, const struct ratio *ratio)
{
	char number[32], text[40] = "";

	if (!isnan(ratio->value))
		snprintf(text, sizeof(text), "%s%s", table_number(number, 32, ratio->value),
			 ratio->whole ? "~" : "");
	html_number_text(f, ratio->value, text);
}

/* THEIRS of P's columns, with its unit where that is not ours. */
static void published_cell(FILE *f, const struct published *p, double theirs)
{
	char number[32], text[48] = "";

	if (p)
		snprintf(text, sizeof(text), "%s%s%s", table_number(number, 32, theirs),
			 strcmp(p->unit, "cycles") ? " " : "",
			 strcmp(p->unit, "cycles") ? p->unit : "");
	html_number_text(f, p ? theirs : NAN, text);
}

static void cost_row(FILE *f, const struct report *r, unsigned int bench, unsigned int v,
		     bool published)
{
	const struct report_cell *c = report_cell(r, bench, v);
	const struct published *p = published_for(r->d->bench[bench]);
	char samples[24];

	html_row(f);
	html_cell(f, r->d->bench[bench]);
	html_cell(f, r->d->variant[v].label);
	html_number(f, c->e.n ? c->e.median : NAN);
	interval_cell(f, &c->e.range);
	snprintf(samples, sizeof(samples), "%zu", c->e.n);
	html_number_text(f, c->e.n ? (double)c->e.n : NAN, c->e.n ? samples : "");
	ratio_cell(f, &c->ratio);
	interval_cell(f, &c->ratio.range);
	html_cell(f, verdict(r, c, v));
	html_number(f, report_traps(c));
	if (published) {
		published_cell(f, p, p ? p->native : NAN);
		published_cell(f, p, p ? p->software : NAN);
		published_cell(f, p, p ? p->hardware : NAN);
	}
	html_cell(f, c->status ? c->status : "");
}

/* What has no times, though it ran. */
static void tell_emulated(FILE *f, const struct data *d)
{
	unsigned int n = 0;

	for (unsigned int v = 0; v < d->variants; v++)
		if (d->variant[v].emulated) {
			fputs(n++ ? ", " : "<p class=\"note\">Left out are the times of ", f);
			html_text(f, d->variant[v].label);
		}
	if (n)
		fputs(": the processor is emulated; counts are real, times are not.</p>\n", f);
}

void html_costs(FILE *f, const struct report *r)
{
	bool published = any_published(r);
	char few[TABLE_FEW];
	const char *column[COST_COLUMNS] = { "benchmark", "variant", NULL, "95 % interval",
					     "samples" };
	char unit[80], times[CSV_OPTIONS + 128];
	unsigned int n = 5;
	u64 numbers = BIT64(2) | BIT64(3) | BIT64(4) | BIT64(5) | BIT64(6) | BIT64(8);

	snprintf(unit, sizeof(unit), "%.60s per operation",
		 *r->figure.unit ? r->figure.unit : "cycles");
	snprintf(times, sizeof(times), "times %s", r->d->variant[r->baseline].label);
	column[2] = unit;
	column[n++] = times;
	column[n++] = "its 95 % interval";
	column[n++] = "significant";
	column[n++] = "traps per operation";
	if (published) {
		numbers |= BIT64(n) | BIT64(n + 1) | BIT64(n + 2);
		column[n++] = "2006: native";
		column[n++] = "2006: software";
		column[n++] = "2006: hardware";
	}
	column[n++] = "skipped or failed";
	html_section(f, "costs", "Costs");
	html_table(f,
		   "Medians with 95 % bootstrap intervals, the empty loop's cost subtracted (~: "
		   "not, as "
		   "the operation alone costs less than a cycle). Significant: at most one in "
		   "twenty of "
		   "those marked yes is expected to be chance. 2006: Adams & Agesen, table 1, of "
		   "their "
		   "machine.",
		   column, n, numbers);
	for (unsigned int i = 0; i < r->benches; i++)
		for (unsigned int v = 0; v < r->d->variants; v++) {
			const struct report_cell *c = report_cell(r, r->bench[i], v);

			if (c->e.n || c->status || !isnan(report_traps(c)))
				cost_row(f, r, r->bench[i], v, published);
		}
	html_table_end(f);
	if (*table_few(few, report_fewest(r)))
		fprintf(f, "<p class=\"note\">%s</p>\n", few);
	tell_emulated(f, r->d);
	html_section_end(f);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void files_table(FILE *f, const struct data *d)
{
	static const char *const column[] = { "file", "written by", "rows", "runs", "note" };

	html_table(f, "Files that this page is made of.", column, ARRAY_SIZE(column), BIT64(2));
	for (unsigned int i = 0; i < d->files; i++) {
		const struct csv_file *t = &d->file[i];
		char runs[128] = "", rows[24];
		const char *first = t->rows ? read_cell(t, 0, t->key[KEY_RUN_ID]) : "";
		bool more = false;

		for (size_t row = 1; row < t->rows; row++)
			more |= strcmp(read_cell(t, row, t->key[KEY_RUN_ID]), first) != 0;
		snprintf(runs, sizeof(runs), "%.100s%s", first, more ? ", more" : "");
		snprintf(rows, sizeof(rows), "%zu", t->rows);
		html_row(f);
		html_cell(f, t->path);
		html_cell(f, read_kind_name(t->kind));
		html_number_text(f, (double)t->rows, rows);
		html_cell(f, runs);
		html_cell(f, t->note);
	}
	html_table_end(f);
}

void html_sources(FILE *f, const struct data *d)
{
	static const char *const column[] = { "variant", "backend", "engine", "options", "host" };

	html_section(f, "files", "Files");
	files_table(f, d);
	html_section_end(f);
	html_section(f, "variants", "Variants");
	html_table(f, "What ran the guests.", column, ARRAY_SIZE(column), 0);
	for (unsigned int i = 0; i < d->variants; i++) {
		html_row(f);
		html_cell(f, d->variant[i].label);
		html_cell(f, d->variant[i].backend);
		html_cell(f, d->variant[i].engine);
		html_cell(f, d->variant[i].options);
		html_cell(f, d->variant[i].host_kind);
	}
	html_table_end(f);
	html_section_end(f);
}

/* ---- rows as they are ------------------------------------------------------------------------ */

#define ROWS_MOST 5000

/* Which kinds are shown as rows, and by which column a row is left out that has 0 or nothing
 * there. */
static const struct {
	const char *id, *title, *caption, *count;
} shown[READ_KINDS] = {
	[READ_TRAPS] = { "traps", "Traps",
			 "Causes that there were none of, or that cannot be seen, "
			 "are left out. Cycles, p50, p90 and p99 are of one trap in "
			 "the monitor.",
			 "count" },
	[READ_HOT] = { "hot", "Hottest addresses", "Where the guest was when it trapped.",
		       "count" },
	[READ_OVERHEAD] = { "overhead", "Where the time goes", "Share of the wall time.", "ns" },
	[READ_TRANSLATOR] = { "translator", "The translator", "What it did, in the whole run.",
			      "value" },
};

/* Columns of T after the key, and of that only the repetition: the rest is the variant's. */
static unsigned int columns_of(const struct csv_file *t, int *column, unsigned int room)
{
	unsigned int n = 0;

	column[n++] = t->key[KEY_REP];
	for (unsigned int i = 0; i < t->columns && n < room; i++) {
		bool key = false;

		for (int k = 0; k < KEY_COLUMNS; k++)
			key |= t->key[k] == (int)i;
		if (!key)
			column[n++] = (int)i;
	}
	return n;
}

static bool is_text(const char *name)
{
	static const char *const text[] = { "cause",  "symbol", "phase",  "part",
					    "metric", "unit",	"address" };

	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		if (!strcmp(name, text[i]))
			return true;
	return false;
}

static void value_cell(FILE *f, const struct csv_file *t, size_t row, int column, bool text)
{
	const char *cell = read_cell(t, row, column);

	if (text)
		html_cell(f, cell);
	else
		html_number_text(f, read_number(t, row, column), cell);
}

void html_rows(FILE *f, const struct data *d, unsigned int file, const char *const *glob,
	       unsigned int globs)
{
	const struct csv_file *t = &d->file[file];
	const char *name[64] = { "benchmark", "variant" };
	int column[62], count;
	unsigned int n = columns_of(t, column, 60), written = 0, left = 0;
	u64 numbers = 0;
	char id[32], title[96];

	if (!shown[t->kind].id)
		return;
	for (unsigned int i = 0; i < n; i++) {
		name[i + 2] = column[i] < 0 ? "rep" : t->name[column[i]];
		if (!is_text(name[i + 2]))
			numbers |= BIT64(i + 2);
	}
	count = read_column(t, shown[t->kind].count);
	snprintf(id, sizeof(id), "%s-%u", shown[t->kind].id, file);
	snprintf(title, sizeof(title), "%s: %.60s", shown[t->kind].title, basename(t->path));
	html_section(f, id, title);
	html_table(f, shown[t->kind].caption, name, n + 2, numbers);
	for (size_t row = 0; row < t->rows; row++) {
		if (!(read_number(t, row, count) > 0) ||
		    !data_wants(d->bench[d->row_bench[file][row]], glob, globs))
			continue;
		left += written == ROWS_MOST;
		if (written == ROWS_MOST)
			continue;
		written++;
		html_row(f);
		html_cell(f, d->bench[d->row_bench[file][row]]);
		html_cell(f, d->variant[d->row_variant[file][row]].label);
		for (unsigned int i = 0; i < n; i++)
			value_cell(f, t, row, column[i], !(numbers & BIT64(i + 2)));
	}
	html_table_end(f);
	if (left)
		fprintf(f, "<p class=\"note\">%u more rows are in the file.</p>\n", left);
	html_section_end(f);
}
