/* SPDX-License-Identifier: MIT */
#include "bench/grid.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int grid_format(const char *name)
{
	static const char *const names[] = { [GRID_TABLE] = "table",
					     [GRID_MARKDOWN] = "markdown",
					     [GRID_LATEX] = "latex",
					     [GRID_CSV] = "csv" };

	for (int i = 0; i < (int)ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return i;
	return -EINVAL;
}

int grid_init(struct grid *g, const char *title, unsigned int rows, unsigned int columns)
{
	*g = (struct grid){ .title = title, .rows = rows, .columns = columns, .left = 1 };
	g->cell = calloc(((size_t)rows + 1) * columns + 1, sizeof(*g->cell));
	return g->cell ? 0 : -ENOMEM;
}

void grid_free(struct grid *g)
{
	for (size_t i = 0; g->cell && i < ((size_t)g->rows + 1) * g->columns; i++)
		free(g->cell[i]);
	free(g->cell);
	g->cell = NULL;
}

static char **cell(const struct grid *g, unsigned int row, unsigned int column)
{
	return &g->cell[(size_t)row * g->columns + column];
}

void grid_set(struct grid *g, unsigned int row, unsigned int column, const char *format, ...)
{
	char **at = cell(g, row, column);
	va_list args;

	free(*at);
	va_start(args, format);
	if (vasprintf(at, format, args) < 0)
		*at = NULL;
	va_end(args);
	for (char *c = *at; c && *c; c++)
		if ((u8)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/* ---- text that stays text -------------------------------------------------------------------
 */

struct escape {
	char c;
	const char *text;
};

static const struct escape plain[] = { { 0, NULL } };

static const struct escape markdown[] = { { '|', "\\|" },   { '*', "\\*" }, { '_', "\\_" },
					  { '~', "\\~" },   { '<', "\\<" }, { '`', "\\`" },
					  { '\\', "\\\\" }, { '[', "\\[" }, { 0, NULL } };

static const struct escape latex[] = {
	{ '\\', "\\textbackslash{}" },
	{ '~', "\\textasciitilde{}" },
	{ '^', "\\textasciicircum{}" },
	{ '<', "\\textless{}" },
	{ '>', "\\textgreater{}" },
	{ '|', "\\textbar{}" },
	{ '&', "\\&" },
	{ '%', "\\%" },
	{ '$', "\\$" },
	{ '#', "\\#" },
	{ '_', "\\_" },
	{ '{', "\\{" },
	{ '}', "\\}" },
	{ 0, NULL },
};

static const struct escape *const escapes[] = {
	[GRID_TABLE] = plain, [GRID_MARKDOWN] = markdown, [GRID_LATEX] = latex
};

static const char *escaped(enum grid_format format, char c)
{
	const struct escape *e = escapes[format];

	while (e->c && e->c != c)
		e++;
	return e->text;
}

/* How many characters TEXT takes; with F, and print it. Bytes that continue a UTF-8 character take
 * none. */
static int put(FILE *f, enum grid_format format, const char *text)
{
	int n = 0;

	for (; text && *text; text++) {
		const char *e = escaped(format, *text);

		n += e ? (int)strlen(e) : ((u8)*text & 0xc0) != 0x80;
		if (f && e)
			fputs(e, f);
		else if (f)
			putc(*text, f);
	}
	return n;
}

/* ---- printing ------------------------------------------------------------------------------- */

static int width(const struct grid *g, enum grid_format format, unsigned int column)
{
	int most = format == GRID_MARKDOWN ? 3 : 0;

	for (unsigned int row = 0; row <= g->rows; row++) {
		int n = put(NULL, format, *cell(g, row, column));

		most = n > most ? n : most;
	}
	return most;
}

static bool to_left(const struct grid *g, unsigned int column)
{
	return column < g->left;
}

#define GAP 2 /* blanks between a table's columns */

static const struct {
	const char *first, *between, *last;
} lines[] = {
	[GRID_TABLE] = { "", "", "\n" },
	[GRID_MARKDOWN] = { "| ", " | ", " |\n" },
	[GRID_LATEX] = { "", " & ", " \\\\\n" },
};

static void print_row(FILE *f, const struct grid *g, enum grid_format format, unsigned int row)
{
	int pad = 0; /* blanks to come, if anything comes after them */

	fputs(lines[format].first, f);
	/* After the line before, LaTeX would take these for an argument. */
	if (format == GRID_LATEX && *cell(g, row, 0) && strchr("[*", **cell(g, row, 0)))
		fputs("{}", f);
	for (unsigned int i = 0; i < g->columns; i++) {
		const char *text = *cell(g, row, i);
		int room = width(g, format, i) - put(NULL, format, text);
		bool left = to_left(g, i);

		pad += left ? 0 : room;
		if (format != GRID_TABLE || (text && *text)) {
			fprintf(f, "%*s", pad, "");
			put(f, format, text);
			pad = 0;
		}
		pad += left ? room : 0;
		if (i + 1 == g->columns)
			break;
		if (format == GRID_TABLE) {
			pad += GAP;
			continue;
		}
		fprintf(f, "%*s%s", pad, "", lines[format].between);
		pad = 0;
	}
	fprintf(f, "%*s%s", format == GRID_TABLE ? 0 : pad, "", lines[format].last);
}

static void print_rule(FILE *f, const struct grid *g)
{
	for (unsigned int i = 0; i < g->columns; i++) {
		int n = width(g, GRID_MARKDOWN, i);

		putc('|', f);
		for (int c = 0; c < n + 1; c++)
			putc('-', f);
		putc(to_left(g, i) ? '-' : ':', f);
	}
	fputs("|\n", f);
}

static void print_begin(FILE *f, const struct grid *g, enum grid_format format)
{
	if (format == GRID_LATEX) {
		/* As wide as the page, as these tables are: table* goes across two columns. */
		fputs("\\begin{table*}\n\\centering\\footnotesize\n"
		      "\\setlength{\\tabcolsep}{4pt}\n\\caption{",
		      f);
		put(f, format, g->title);
		fputs("}\n\\begin{tabular}{", f);
		for (unsigned int i = 0; i < g->columns; i++)
			putc(to_left(g, i) ? 'l' : 'r', f);
		fputs("}\n\\hline\n", f);
		return;
	}
	fputs(format == GRID_MARKDOWN ? "### " : "", f);
	put(f, format, g->title);
	fputs("\n\n", f);
}

static bool is_blank(const struct grid *g, unsigned int row)
{
	for (unsigned int i = 1; i < g->columns; i++)
		if (*cell(g, row, i) && **cell(g, row, i))
			return false;
	return true;
}

void grid_print(FILE *f, const struct grid *g, enum grid_format format)
{
	print_begin(f, g, format);
	print_row(f, g, format, 0);
	if (format == GRID_MARKDOWN)
		print_rule(f, g);
	else if (format == GRID_LATEX)
		fputs("\\hline\n", f);
	for (unsigned int row = 1; row <= g->rows; row++)
		if (!is_blank(g, row))
			print_row(f, g, format, row);
	if (format == GRID_LATEX)
		fputs("\\hline\n\\end{tabular}\n\\end{table*}\n", f);
	putc('\n', f);
}

void grid_note(FILE *f, enum grid_format format, const char *text)
{
	fprintf(f, "%s%s\n\n", format == GRID_LATEX ? "% " : "", text);
}
