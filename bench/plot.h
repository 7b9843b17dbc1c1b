/* SPDX-License-Identifier: MIT */
/*
 * `fvbench plot`: a result file as a figure, by gnuplot. One file of bench/plot_*.c for each kind.
 *
 * What a figure leaves out is said: in the caption that the command prints, and in the figure where
 * asked for (`--footer`).
 */
#ifndef FVB_BENCH_PLOT_H
#define FVB_BENCH_PLOT_H

#include "bench/drawing.h"
#include "bench/data.h"
#include "common/error.h"

enum plot_kind {
	PLOT_COST,	/* bars on a log axis, with intervals */
	PLOT_TRAPS,	/* share of each cause, stacked */
	PLOT_DISTANCES, /* between traps, cumulative */
	PLOT_TIMELINE,	/* traps a second, over time */
	PLOT_ABLATION,	/* options by benchmarks, times the default's cost */
	PLOT_OVERHEAD,	/* share of each part of the time, stacked */
	PLOT_KINDS
};

/* Name of KIND on the command line. */
const char *plot_kind_name(enum plot_kind kind);

struct plot_options {
	int kind; /* enum plot_kind, or -1: the one that the file's columns speak for */
	enum drawing_format format;
	double width;	      /* points */
	const char *cause;    /* of distances; NULL: all */
	const char *backends; /* "kvm,swbt:bt"; NULL: all */
	const char *const *glob;
	unsigned int globs; /* benchmarks; 0: all */
	bool footer;	    /* the caption in the figure, too */
};

/* The kind that the columns of T speak for; -EINVAL: none. */
int plot_deduce(const struct csv_file *t, struct error *err);

/*
 * The gnuplot script of the figure of D's file FILE in *SCRIPT and its caption in *CAPTION, one
 * sentence or more, no newline; the caller frees both. -EINVAL: it has nothing to show in this way;
 * ERR says what is missing.
 */
int plot_script(const struct data *d, unsigned int file, const struct plot_options *o,
		char **script, char **caption, struct error *err);

#endif
