/* SPDX-License-Identifier: MIT */
/*
 * The CSV files that fvbench and fvm write, read back: RFC 4180 section 2 to the letter, but that
 * lines may end in LF alone. The header's names say what kind of file it is and where each column
 * is; columns that nobody here knows are kept and not looked at. Columns that hold numbers hold
 * nothing but decimal numbers, or are blank (not known). Several files with one header may have
 * been put together in one. What is wrong is told with the file's name and the line's number.
 */
#ifndef FVB_BENCH_READ_H
#define FVB_BENCH_READ_H

#include "common/error.h"
#include "common/types.h"

enum read_kind {
	READ_SAMPLES,	 /* run --csv */
	READ_TRAPS,	 /* run --traps */
	READ_DISTANCES,	 /* --distances */
	READ_HOT,	 /* --hot */
	READ_TIMELINE,	 /* --timeline */
	READ_OVERHEAD,	 /* --overhead */
	READ_TRANSLATOR, /* fvm --bt-stats */
	READ_KINDS
};

/* Which option writes such a file: "--csv". */
const char *read_kind_name(enum read_kind kind);

/* The columns that all kinds start with (struct csv_key). */
enum read_key {
	KEY_RUN_ID,
	KEY_BACKEND,
	KEY_ENGINE,
	KEY_OPTIONS,
	KEY_HOST_KIND,
	KEY_GUEST,
	KEY_BENCH,
	KEY_REP,
	KEY_ITERATIONS,
	KEY_COLUMNS
};

struct csv_file {
	char *path;
	enum read_kind kind;
	unsigned int columns;
	size_t rows;
	const char **name; /* of the columns */
	const char **cell; /* rows * columns, a row after the other; "": blank */
	u32 *line;	   /* of each row's first character in the file, from 1 */
	int key[KEY_COLUMNS];
	char note[160]; /* one line about what was left out; "": nothing */
	char *text;	/* what cells point to */
};

/*
 * Read PATH into F, which is freed with read_free. 0; -EINVAL where it is no such file; another
 * negative errno where it cannot be read; ERR has "PATH: ..." or "PATH:LINE: ...". A last line
 * without an end, as a crash leaves it, is left out, and told in F->note.
 */
int read_file(struct csv_file *f, const char *path, struct error *err);

/* The same of LEN bytes at TEXT; PATH is what messages call it. */
int read_text(struct csv_file *f, const char *path, const char *text, size_t len,
	      struct error *err);

void read_free(struct csv_file *f);

/* The column called NAME, or -1. */
int read_column(const struct csv_file *f, const char *name);

/* What is there, "" for COLUMN -1. */
const char *read_cell(const struct csv_file *f, size_t row, int column);

/* The number there, NAN for a blank field and for COLUMN -1. Only of columns that hold numbers; of
 * others, too, if the text is one. */
double read_number(const struct csv_file *f, size_t row, int column);

#endif
