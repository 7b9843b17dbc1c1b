/* SPDX-License-Identifier: MIT */
/*
 * `fvbench html`: result files as one page that needs nothing else: no network, no other file.
 *
 * Whatever a file says is text: html_text is the only way from there into the page. What should get
 * through that nevertheless would not be run or fetched: the page's content security policy
 * permits one script, by a random number, and no address at all.
 */
#ifndef FVB_BENCH_HTML_H
#define FVB_BENCH_HTML_H

#include "bench/report.h"

#include <stdio.h>

/* TEXT as HTML, in an element or in an attribute between double quotes. Control characters and what
 * is not UTF-8 become U+FFFD. */
void html_text(FILE *f, const char *text);

/* The page up to its first section, and from its last one on. */
void html_begin(FILE *f, const char *title);
void html_end(FILE *f);

/* <section> with a heading, which ID names (letters only). */
void html_section(FILE *f, const char *id, const char *title);
void html_section_end(FILE *f);

/* A table that is sorted and filtered, in a section of its own: COLUMN[0..N), which are numbers
 * where NUMBER has that bit. Then rows of cells. */
void html_table(FILE *f, const char *caption, const char *const *column, unsigned int n,
		u64 number);
void html_table_end(FILE *f);
void html_row(FILE *f);
void html_cell(FILE *f, const char *text);
/* V in a few digits, sorted by the whole of it; NAN: blank. */
void html_number(FILE *f, double v);
/* TEXT, right-aligned and sorted by V. */
void html_number_text(FILE *f, double v, const char *text);

/* What gnuplot drew, as an element of the page; all its names get N before them, as those of
 * several pictures must not be mixed up. */
void html_svg(FILE *f, const char *svg, unsigned int n);

/* bench/page.S */
extern const char page_css[], page_js[];

/* ---- sections -------------------------------------------------------------------------------- */

/* What a run.json says, from PATH. -EINVAL: it is none; ERR says where. */
int html_facts(FILE *f, const char *path, struct error *err);

/* Costs and their ratios to R's baseline; Adams & Agesen's row beside, where there is one. */
void html_costs(FILE *f, const struct report *r);

/* Which files there are, and which variants. */
void html_sources(FILE *f, const struct data *d);

/* The rows of file FILE of D that are shown as rows: of traps, those that there were; the hottest
 * addresses; parts of time. Of other kinds none. With GLOBS only of benchmarks that match one of
 * GLOB. */
void html_rows(FILE *f, const struct data *d, unsigned int file, const char *const *glob,
	       unsigned int globs);

/* The figures that can be made of D's files. -ENOMEM; that there is no gnuplot, or that one cannot
 * be made, is told in the page. */
int html_figures(FILE *f, const struct data *d, const char *const *glob, unsigned int globs,
		 struct error *err);

#endif
