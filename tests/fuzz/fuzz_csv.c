/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a result file: the reader must take them or refuse them with one line that names the
 * file; and what it took must be the same when it is written, quoted, and read again.
 */
#include "bench/read.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool truth)
{
	if (!truth)
		abort();
}

static void write_field(FILE *f, const char *text, bool last)
{
	putc('"', f);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', f);
		putc(*text, f);
	}
	fputs(last ? "\"\n" : "\",", f);
}

static void write_all(FILE *f, const struct csv_file *file)
{
	for (unsigned int i = 0; i < file->columns; i++)
		write_field(f, file->name[i], i + 1 == file->columns);
	for (size_t i = 0; i < file->rows * file->columns; i++)
		write_field(f, file->cell[i], i % file->columns + 1 == file->columns);
}

static void check_same(const struct csv_file *a, const struct csv_file *b)
{
	need(a->kind == b->kind && a->columns == b->columns && a->rows == b->rows);
	for (size_t i = 0; i < a->rows * a->columns; i++)
		need(!strcmp(a->cell[i], b->cell[i]));
	for (size_t i = 0; i < a->rows; i++)
		need(!isinf(read_number(a, i, a->key[KEY_REP])));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct csv_file file, again;
	struct error err = { "" };
	char *text = NULL;
	size_t len;
	FILE *f;

	if (read_text(&file, "in.csv", (const char *)data, size, &err)) {
		need(!strncmp(err.text, "in.csv:", 7) && !strchr(err.text, '\n'));
		return 0;
	}
	f = open_memstream(&text, &len);
	need(f);
	write_all(f, &file);
	fclose(f);
	need(!read_text(&again, "in.csv", text, len, &err) && !*again.note);
	check_same(&file, &again);
	free(text);
	read_free(&again);
	read_free(&file);
	return 0;
}
