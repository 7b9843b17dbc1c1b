/* SPDX-License-Identifier: MIT */
/* What all kinds of figures do with a result file: select its rows, name its variants, lay out. */
#ifndef FVB_BENCH_PLOT_DATA_H
#define FVB_BENCH_PLOT_DATA_H

#include "bench/plot.h"

/* Different names, in the order in which they were met. They belong to the table. */
struct plot_names {
	const char **name;
	unsigned int nr;
};

/* The index of NAME, which is added where it is not there; -ENOMEM. */
int plot_name(struct plot_names *names, const char *name);
/* The same, but -ENOENT where it is not there. */
int plot_find(const struct plot_names *names, const char *name);
void plot_names_fini(struct plot_names *names);

struct plot {
	const struct data *d;
	unsigned int file;
	const struct csv_file *t; /* that file */
	const struct plot_options *o;
	struct plot_names bench, variant; /* those that are in the figure */
	FILE *caption;
	char *caption_text;
	size_t caption_len;
	struct drawing fig;
	FILE *script;
	char *script_text;
	size_t script_len;
	double y;	       /* of the free room's upper end, points */
	unsigned int emulated; /* rows left out */
	const char *host_kind; /* of the rows that are used; "" where they differ */
};

/* Is ROW one to be used: its benchmark was asked for, and, with TIMES, its host's times are real?
 * Counts those that are not. */
bool plot_wants(struct plot *p, size_t row, bool times);

/* Index of ROW's benchmark and of its variant, which are added where they are not there; -ENOMEM.
 */
int plot_bench(struct plot *p, size_t row);
int plot_variant(struct plot *p, size_t row);

/* Into the caption: the options that all variants have, the host's kind, what was left out. */
void plot_caption_rest(struct plot *p);

/* Begin the figure: a legend of NAME[0..NR), then room for HEIGHT points of panels. */
int plot_begin(struct plot *p, const char *const *name, unsigned int nr, bool lines, double height,
	       struct error *err);
/* The notes, and the end. */
void plot_end(struct plot *p);

/* The message about more variants than there are tints. */
#define PLOT_TOO_MANY                                                                             \
	"%u variants in one figure; no more than %u are told apart: choose some with --backend, " \
	"or take --kind ablation"

/* The kinds. */
int plot_cost(struct plot *p, struct error *err);
int plot_traps(struct plot *p, struct error *err);
int plot_distances(struct plot *p, struct error *err);
int plot_timeline(struct plot *p, struct error *err);
int plot_ablation(struct plot *p, struct error *err);
int plot_overhead(struct plot *p, struct error *err);

#endif
