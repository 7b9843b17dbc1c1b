/* SPDX-License-Identifier: MIT */
#include "bench/read.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    (4 * GiB)
#define COLUMNS_MAX 64

/* ---- which files there are ------------------------------------------------------------------ */

/* Names of columns, a blank between them; # before one: it holds numbers. */
#define KEY "run_id backend engine options host_kind guest bench #rep #iterations"

struct kind {
	const char *option;
	const char *needs; /* besides KEY */
	const char *may;   /* numbers that not every version writes */
};

/* The order is that of struct read_kind; what is tried first is in find_kind. */
static const struct kind kinds[READ_KINDS] = {
	[READ_SAMPLES] = { "--csv", "metric unit value", "" },
	[READ_TRAPS] = { "--traps", "cause #count #cycles #p50 #p99",
			 "#p90 #per_op #per_second #per_million_instructions #share" },
	[READ_DISTANCES] = { "--distances", "cause unit #at_most #count #cumulative", "" },
	[READ_HOT] = { "--hot", "cause address symbol #count #cycles", "" },
	[READ_TIMELINE] = { "--timeline", "cause #start_ns #count #cycles", "" },
	[READ_OVERHEAD] = { "--overhead", "phase part #ns #share", "#wall_ns #waited_ns" },
	[READ_TRANSLATOR] = { "--bt-stats", "metric unit #rank address symbol #value", "" },
};

const char *read_kind_name(enum read_kind kind)
{
	return kinds[kind].option;
}

/* ---- one line ------------------------------------------------------------------------------- */

struct reader {
	struct csv_file *f;
	char *at, *end; /* *end is 0 */
	u32 line;
	u32 begun; /* the line where the record at hand begins */
	bool cut;  /* the text ends within that record */
	size_t room;
	struct error *err;
};

static int wrong(const struct reader *r, const char *what)
{
	return fail(r->err, -EINVAL, "%.150s:%u: %s", r->f->path, r->line, what);
}

static bool at_line_end(const struct reader *r)
{
	return *r->at == '\n' || (*r->at == '\r' && r->at[1] == '\n');
}

/* After the opening quote: *OUT is the text, with its doubled quotes made one, up to the closing
 * one. */
static int quoted(struct reader *r, const char **out)
{
	char *to = ++r->at;

	*out = to;
	for (; r->at < r->end; r->at++) {
		if (*r->at == '"' && *++r->at != '"') {
			if (r->at < r->end && *r->at != ',' && !at_line_end(r))
				return wrong(r, "text after a closing quote");
			/* May write over the quote, not over what comes after it. */
			*to = '\0';
			return 0;
		}
		if (!*r->at)
			return wrong(r, "a zero byte: no text file");
		r->line += *r->at == '\n';
		*to++ = *r->at;
	}
	r->cut = true;
	return 0;
}

static int plain(struct reader *r, const char **out)
{
	*out = r->at;
	for (; r->at < r->end && *r->at != ',' && !at_line_end(r); r->at++)
		if (*r->at == '"')
			return wrong(r, "a quote within a field that does not begin with one");
		else if (!*r->at)
			return wrong(r, "a zero byte: no text file");
		else if (*r->at == '\r' && r->at + 1 < r->end)
			return wrong(r, "a carriage return without a line feed");
	return 0;
}

/* The fields of one record, at most ROOM of them; *NR is how many there are. */
static int record(struct reader *r, const char **field, unsigned int room, unsigned int *nr)
{
	r->begun = r->line;
	for (*nr = 0;;) {
		char *stop;
		bool ends;
		int ret;

		if (*nr == room)
			return wrong(r, "more fields than the header has");
		ret = *r->at == '"' ? quoted(r, &field[(*nr)++]) : plain(r, &field[(*nr)++]);
		if (ret)
			return ret;
		stop = r->at;
		r->cut |= stop >= r->end;
		if (r->cut)
			return 0;
		ends = at_line_end(r);
		r->at += *stop == '\r' ? 2 : 1;
		*stop = '\0';
		if (ends) {
			r->line++;
			return 0;
		}
	}
}

/* ---- the header ----------------------------------------------------------------------------- */

/* The next of the names at *LIST into NAME; *NUMBER: it has a # before it. False at the end. */
static bool next_name(const char **list, char name[64], bool *number)
{
	size_t n;

	*list += strspn(*list, " ");
	*number = **list == '#';
	*list += *number;
	n = strcspn(*list, " ");
	snprintf(name, 64, "%.*s", (int)n, *list);
	*list += n;
	return n;
}

/* The first of LIST's names that F has no column for, in NAME; false: it has all. */
static bool lacks(const struct csv_file *f, const char *list, char name[64])
{
	bool number;

	while (next_name(&list, name, &number))
		if (read_column(f, name) < 0)
			return true;
	return false;
}

static int find_kind(struct reader *r)
{
	/* Those first that have all columns of another, and more. */
	static const enum read_kind order[] = { READ_TRANSLATOR, READ_SAMPLES,	READ_TRAPS,
						READ_DISTANCES,	 READ_TIMELINE, READ_HOT,
						READ_OVERHEAD };
	static const char *const key[] = { "run_id", "backend", "engine", "options",   "host_kind",
					   "guest",  "bench",	"rep",	  "iterations" };
	char name[64];

	for (int i = 0; i < KEY_COLUMNS; i++)
		r->f->key[i] = read_column(r->f, key[i]);
	if (lacks(r->f, KEY, name))
		return fail(r->err, -EINVAL, "%.150s:1: no column \"%s\": no file of fvbench's",
			    r->f->path, name);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (!lacks(r->f, kinds[order[i]].needs, name)) {
			r->f->kind = order[i];
			return 0;
		}
	return wrong(r, "no columns of a file that fvbench run writes (--csv, --traps, ...)");
}

static int header(struct reader *r)
{
	struct csv_file *f = r->f;
	int ret;

	if (r->at == r->end)
		return fail(r->err, -EINVAL, "%.150s: empty", f->path);
	f->name = calloc(COLUMNS_MAX, sizeof(*f->name));
	if (!f->name)
		return -ENOMEM;
	ret = record(r, f->name, COLUMNS_MAX, &f->columns);
	if (ret)
		return ret;
	if (r->cut)
		return fail(r->err, -EINVAL, "%.150s:1: the header's line has no end", f->path);
	for (unsigned int i = 0; i < f->columns; i++)
		if (read_column(f, f->name[i]) < (int)i)
			return fail(r->err, -EINVAL, "%.150s:1: column \"%.60s\" twice", f->path,
				    f->name[i]);
	r->line = 1;
	ret = find_kind(r);
	r->line = 2;
	return ret;
}

/* ---- the rows ------------------------------------------------------------------------------- */

static int make_room(struct reader *r)
{
	struct csv_file *f = r->f;
	size_t room = r->room ? 2 * r->room : 256;
	const char **cell;
	u32 *line;

	if (f->rows < r->room)
		return 0;
	cell = realloc(f->cell, room * f->columns * sizeof(*cell));
	if (!cell)
		return -ENOMEM;
	f->cell = cell;
	line = realloc(f->line, room * sizeof(*line));
	if (!line)
		return -ENOMEM;
	f->line = line;
	r->room = room;
	return 0;
}

/* Two files put together: the second one's header. */
static bool is_header(const struct csv_file *f, const char *const *field)
{
	for (unsigned int i = 0; i < f->columns; i++)
		if (strcmp(field[i], f->name[i]))
			return false;
	return true;
}

static void note_cut(struct reader *r)
{
	snprintf(r->f->note, sizeof(r->f->note),
		 "%.90s:%u: the last line has no end and is left out", r->f->path, r->begun);
}

static int rows(struct reader *r)
{
	struct csv_file *f = r->f;

	while (r->at < r->end) {
		int ret = make_room(r);
		const char **field = ret ? NULL : f->cell + f->rows * f->columns;
		unsigned int nr;

		if (!ret)
			ret = record(r, field, f->columns, &nr);
		if (ret)
			return ret;
		if (r->cut) {
			note_cut(r);
			return 0;
		}
		if (nr < f->columns)
			return fail(r->err, -EINVAL, "%.150s:%u: %u fields, the header has %u",
				    f->path, r->begun, nr, f->columns);
		f->line[f->rows] = r->begun;
		f->rows += !is_header(f, field);
	}
	return 0;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* Decimal, as pandas' and R's readers take it, too: no NaN, no infinity, no hexadecimal. */
static bool is_number(const char *text)
{
	char *end;

	if (!*text || text[strspn(text, "+-.0123456789eE")])
		return false;
	return isfinite(strtod(text, &end)) && !*end;
}

static int check_column(const struct csv_file *f, int column, struct error *err)
{
	for (size_t i = 0; column >= 0 && i < f->rows; i++) {
		const char *text = read_cell(f, i, column);

		if (*text && !is_number(text))
			return fail(err, -EINVAL, "%.150s:%u: %s is no number: \"%.40s\"", f->path,
				    f->line[i], f->name[column], text);
	}
	return 0;
}

static int check_numbers(const struct csv_file *f, const char *list, struct error *err)
{
	char name[64];
	bool number;
	int ret = 0;

	while (!ret && next_name(&list, name, &number))
		if (number)
			ret = check_column(f, read_column(f, name), err);
	return ret;
}

/* In samples that older versions wrote, the value of metric `status` is text: they have no column
 * for it. */
static int check_values(const struct csv_file *f, struct error *err)
{
	int unit = read_column(f, "unit"), value = read_column(f, "value");

	for (size_t i = 0; f->kind == READ_SAMPLES && i < f->rows; i++)
		if (strcmp(read_cell(f, i, unit), "text") && *read_cell(f, i, value) &&
		    !is_number(read_cell(f, i, value)))
			return fail(err, -EINVAL, "%.150s:%u: value is no number: \"%.40s\"",
				    f->path, f->line[i], read_cell(f, i, value));
	return 0;
}

static int check(const struct csv_file *f, struct error *err)
{
	int ret = check_numbers(f, KEY, err);

	if (!ret)
		ret = check_numbers(f, kinds[f->kind].needs, err);
	if (!ret)
		ret = check_numbers(f, kinds[f->kind].may, err);
	return ret ? ret : check_values(f, err);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* What is cited of a file may hold anything. */
static void one_line(struct error *err)
{
	for (char *c = err->text; *c; c++)
		if ((u8)*c < ' ' || *c == 0x7f)
			*c = '?';
}

/* F->text, LEN bytes and a zero. */
static int parse(struct csv_file *f, size_t len, struct error *err)
{
	struct reader r = { .f = f, .at = f->text, .end = f->text + len, .line = 1, .err = err };
	int ret = header(&r);

	if (!ret)
		ret = rows(&r);
	if (!ret)
		ret = check(f, err);
	if (ret == -ENOMEM)
		fail(err, ret, "%.150s: out of memory", f->path);
	if (ret) {
		one_line(err);
		read_free(f);
	}
	return ret;
}

int read_text(struct csv_file *f, const char *path, const char *text, size_t len, struct error *err)
{
	*f = (struct csv_file){ .path = strdup(path), .text = malloc(len + 1) };
	if (!f->path || !f->text) {
		read_free(f);
		return fail(err, -ENOMEM, "%.150s: out of memory", path);
	}
	memcpy(f->text, text, len);
	f->text[len] = '\0';
	return parse(f, len, err);
}

/* All that IN has, which may be a pipe, at *TEXT, with a zero after it. */
static int slurp(FILE *in, char **text, size_t *len)
{
	size_t room = 64 * KiB;
	char *more;

	for (*len = 0;; room *= 2) {
		if (room > TEXT_MAX)
			return -EFBIG;
		more = realloc(*text, room);
		if (!more)
			return -ENOMEM;
		*text = more;
		*len += fread(*text + *len, 1, room - 1 - *len, in);
		if (ferror(in))
			return errno ? -errno : -EIO;
		if (feof(in))
			break;
	}
	(*text)[*len] = '\0';
	return 0;
}

int read_file(struct csv_file *f, const char *path, struct error *err)
{
	FILE *in = fopen(path, "re");
	size_t len;
	int ret;

	*f = (struct csv_file){ 0 };
	if (!in)
		return fail(err, -errno, "%.150s: %s", path, strerror(errno));
	errno = 0;
	f->path = strdup(path);
	ret = f->path ? slurp(in, &f->text, &len) : -ENOMEM;
	fclose(in);
	if (!ret)
		return parse(f, len, err);
	read_free(f);
	return fail(err, ret, "%.150s: %s", path, strerror(-ret));
}

void read_free(struct csv_file *f)
{
	free(f->path);
	free(f->text);
	free(f->name);
	free(f->cell);
	free(f->line);
	*f = (struct csv_file){ 0 };
}

int read_column(const struct csv_file *f, const char *name)
{
	for (unsigned int i = 0; i < f->columns; i++)
		if (!strcmp(f->name[i], name))
			return (int)i;
	return -1;
}

const char *read_cell(const struct csv_file *f, size_t row, int column)
{
	return column < 0 ? "" : f->cell[row * f->columns + (size_t)column];
}

double read_number(const struct csv_file *f, size_t row, int column)
{
	const char *text = read_cell(f, row, column);

	return is_number(text) ? strtod(text, NULL) : NAN;
}
