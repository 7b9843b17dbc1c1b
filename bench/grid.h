/* SPDX-License-Identifier: MIT */
/* A table of text, for a terminal, a Markdown file or a paper. */
#ifndef FVB_BENCH_GRID_H
#define FVB_BENCH_GRID_H

#include "common/types.h"

#include <stdio.h>

enum grid_format {
	GRID_TABLE,
	GRID_MARKDOWN,
	GRID_LATEX,
	GRID_CSV /* no grid: the caller's own rows */
};

/* The format called NAME on a command line, or -EINVAL. */
int grid_format(const char *name);

struct grid {
	const char *title; /* not owned */
	unsigned int rows, columns;
	unsigned int left; /* so many columns are aligned to the left: at first 1 */
	char **cell;	   /* of row 0, the head, then of the others; NULL: blank */
};

/* ROWS without the head, all cells blank. 0 or -ENOMEM; freed with grid_free. */
int grid_init(struct grid *g, const char *title, unsigned int rows, unsigned int columns);
void grid_free(struct grid *g);

/* ROW 0 is the head. Characters that would move a terminal's cursor become '?'. A cell that there
 * is no memory for stays blank. */
void grid_set(struct grid *g, unsigned int row, unsigned int column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Print G. Rows without anything after their first column are not printed. Markdown's columns are
 * aligned, too. LaTeX is a table with a tabular in it that needs no packages and goes across both
 * columns of a page; whatever a cell holds is text, not a command.
 */
void grid_print(FILE *f, const struct grid *g, enum grid_format format);

/* A paragraph below: a comment in LaTeX, whose captions are the author's. */
void grid_note(FILE *f, enum grid_format format, const char *text);

#endif
