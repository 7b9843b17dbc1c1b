/* SPDX-License-Identifier: MIT */
/* What `fvbench sensitive` found, for a person and for a program. */
#include "bench/nano/lib/probe.h"
#include "bench/sensitive.h"
#include "bench/show.h"
#include "common/csv.h"

#include <inttypes.h>
#include <string.h>

#define CELL 160

const char *outcome_name(enum outcome outcome)
{
	static const char *const name[] = { "right", "trapped and right", "not offered",
					    "wrong silently", "WRONG" };

	return name[outcome];
}

void sensitive_values(const struct snippet *s, const u64 out[3], char *text, size_t size)
{
	const char *word = s->results;
	size_t n = 0;

	text[0] = '\0';
	for (unsigned int i = 0; *word && i < 3 && n < size; i++) {
		int len = (int)strcspn(word, " ");

		n += (size_t)snprintf(text + n, size - n, "%s%.*s=%" PRIx64, i ? " " : "", len,
				      word, out[i]);
		word += len + (word[len] == ' ');
	}
}

static void exception(u32 vector, u32 error, char *text, size_t size)
{
	static const char *const name[] = { "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD",
					    "#NM", "#DF", "9",	 "#TS", "#NP", "#SS", "#GP",
					    "#PF", "15",  "#MF", "#AC", "#MC", "#XM" };

	if (vector == PROBE_ENTRY)
		snprintf(text, size, "system call");
	else if (vector >= ARRAY_SIZE(name))
		snprintf(text, size, "interrupt %xh", vector);
	else if (error || vector == 13)
		snprintf(text, size, "%s(%x)", name[vector], error);
	else
		snprintf(text, size, "%s", name[vector]);
}

static void or_done(char *text, size_t size)
{
	if (!text[0])
		snprintf(text, size, "done");
}

static void here_text(const struct sensitive_row *row, char *text, size_t size)
{
	const struct native *n = &row->here;
	char what[32];

	exception(n->vector, n->error, what, sizeof(what));
	switch (n->how) {
	case NATIVE_ABSENT:
		snprintf(text, size, "no %u-bit code here", snippet_bits[row->mode]);
		return;
	case NATIVE_TRAPPED:
		snprintf(text, size, "traps: %s", what);
		return;
	case NATIVE_LATER:
		snprintf(text, size, "runs, then %s", what);
		return;
	case NATIVE_LOST:
		snprintf(text, size, "runs, and does not come back");
		return;
	case NATIVE_RAN:
		sensitive_values(row->s, n->out, text, size);
		or_done(text, size);
		if (n->emulated)
			strncat(text, " (UMIP)", size - strlen(text) - 1);
	}
}

/* A time stamp's number says nothing. */
static void time_text(const struct snippet *s, const struct seen *seen, char *text, size_t size)
{
	size_t n = strcspn(s->results, " ");
	const struct snippet rest = { .results = s->results + n + (s->results[n] == ' ') };

	n = (size_t)snprintf(text, size, "%s time ", seen->out[0] ? "own" : "not its own");
	sensitive_values(&rest, (const u64[]){ seen->out[1], seen->out[2], 0 }, text + n, size - n);
}

static void seen_text(const struct snippet *s, const struct seen *seen, char *text, size_t size)
{
	if (seen->failed)
		snprintf(text, size, "%.140s", seen->reason);
	else if (seen->absent)
		snprintf(text, size, "not offered");
	else if (seen->vector != PROBE_NONE)
		exception(seen->vector, seen->error, text, size);
	else if (s->flags & SNIPPET_TIME)
		time_text(s, seen, text, size);
	else
		sensitive_values(s, seen->out, text, size);
	/* Whoever changed privilege shows it. */
	if (!text[0] && seen->cs & 3)
		snprintf(text, size, "done, cs=%" PRIx64, seen->cs);
	or_done(text, size);
}

static const struct seen *reference(const struct sensitive *t, const struct sensitive_row *row)
{
	return t->hardware >= 0 && !row->seen[t->hardware].failed ? &row->seen[t->hardware]
								  : &row->ref;
}

static void cell(const struct sensitive *t, const struct sensitive_row *row, unsigned int column,
		 char *text)
{
	if (column == 0)
		snprintf(text, CELL, "%u", snippet_bits[row->mode]);
	else if (column == 1)
		snprintf(text, CELL, "%s%s", row->s->title, row->s->classic ? " *" : "");
	else if (column == 2)
		here_text(row, text, CELL);
	else if (column == 3)
		seen_text(row->s, reference(t, row), text, CELL);
	else
		snprintf(text, CELL, "%s", outcome_name(row->outcome[column - 4]));
}

static void head(const struct sensitive *t, unsigned int column, char *text)
{
	static const char *const name[] = { "bits", "instruction", "here, at CPL 3" };

	if (column < 3)
		snprintf(text, CELL, "%s", name[column]);
	else if (column == 3)
		snprintf(text, CELL, "at CPL %u (%.56s)", t->cpl,
			 t->hardware >= 0 ? t->variant[t->hardware].label : "by the architecture");
	else
		show_name(&t->variant[column - 4], text, CELL);
}

static void print_line(FILE *f, const char *text, int width, bool last, bool markdown)
{
	if (markdown)
		fprintf(f, "| %s %s", text, last ? "|\n" : "");
	else
		fprintf(f, "%-*s%s", last ? 0 : width, text, last ? "\n" : "  ");
}

static void print_sums(FILE *f, const struct sensitive *t)
{
	for (unsigned int v = 0; v < t->variants; v++) {
		unsigned int n[OUTCOMES] = { 0 };
		char where[CELL];

		for (unsigned int i = 0; i < t->rows; i++)
			n[t->row[i].outcome[v]]++;
		show_name(&t->variant[v], where, sizeof(where));
		fprintf(f, "%s:", where);
		for (unsigned int o = 0; o < OUTCOMES; o++)
			fprintf(f, "%s %u %s", o ? "," : "", n[o], outcome_name(o));
		fprintf(f, "\n");
	}
}

void sensitive_print(FILE *f, const struct sensitive *t, bool markdown)
{
	unsigned int columns = 4 + t->variants;
	int width[4 + VARIANTS_MAX] = { 0 };
	char text[CELL];

	for (unsigned int c = 0; c < columns; c++) {
		head(t, c, text);
		width[c] = (int)strlen(text);
		for (unsigned int i = 0; i < t->rows; i++) {
			cell(t, &t->row[i], c, text);
			if ((int)strlen(text) > width[c])
				width[c] = (int)strlen(text);
		}
	}
	for (unsigned int c = 0; c < columns; c++) {
		head(t, c, text);
		print_line(f, text, width[c], c + 1 == columns, markdown);
	}
	for (unsigned int c = 0; markdown && c < columns; c++)
		print_line(f, "---", 0, c + 1 == columns, true);
	for (unsigned int i = 0; i < t->rows; i++)
		for (unsigned int c = 0; c < columns; c++) {
			cell(t, &t->row[i], c, text);
			print_line(f, text, width[c], c + 1 == columns, markdown);
		}
	fprintf(f, "\n");
	print_sums(f, t);
}

static const char *says(const struct sensitive_row *row)
{
	static const char *const name[] = { "#GP",	   "#UD",    "IOPL", "I/O map",
					    "control bit", "silent", "" };

	return name[snippet_says(row->s, row->mode)];
}

static void csv_row(FILE *f, const struct sensitive_row *row, const char *where,
		    const char *outcome, const struct seen *seen, const char *text)
{
	fprintf(f, "%u,%s,%s,%s,", snippet_bits[row->mode], row->s->id, where, outcome);
	if (seen && !seen->failed && !seen->absent)
		fprintf(f, "0x%" PRIx64 ",0x%" PRIx64 ",%" PRIu64 ",", seen->cs, seen->flags,
			seen->traps);
	else
		fprintf(f, ",,,");
	fprintf(f, "%u,%s,", row->s->classic, says(row));
	csv_text(f, row->s->title);
	fputc(',', f);
	csv_text(f, text);
	fputc(',', f);
	csv_text(f, row->s->note);
	fputc('\n', f);
}

static void csv_seen(FILE *f, const struct sensitive_row *row, const char *where,
		     const char *outcome, const struct seen *seen)
{
	char text[CELL];

	seen_text(row->s, seen, text, sizeof(text));
	csv_row(f, row, where, outcome, seen, text);
}

void sensitive_csv_header(FILE *f)
{
	fprintf(f, "bits,id,where,outcome,cs_after,flags_after,traps,classic,traps_at_cpl3,"
		   "instruction,result,at_cpl3\n");
}

void sensitive_csv(FILE *f, const struct sensitive *t)
{
	static const char *const how[] = { "absent", "trapped", "ran", "ran", "lost" };
	char text[CELL];

	for (unsigned int i = 0; i < t->rows; i++) {
		const struct sensitive_row *row = &t->row[i];

		here_text(row, text, sizeof(text));
		csv_row(f, row, "native", row->here.emulated ? "emulated" : how[row->here.how],
			NULL, text);
		csv_seen(f, row, "reference", "", &row->ref);
		for (unsigned int v = 0; v < t->variants; v++) {
			show_name(&t->variant[v], text, sizeof(text));
			csv_seen(f, row, text, outcome_name(row->outcome[v]), &row->seen[v]);
		}
	}
}
