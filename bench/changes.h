/* SPDX-License-Identifier: MIT */
/* Two result files, one older and one newer: what became slower or faster, and what is not in both?
 */
#ifndef FVB_BENCH_CHANGES_H
#define FVB_BENCH_CHANGES_H

#include "bench/figure.h"
#include "bench/grid.h"

enum change_kind {
	CHANGE_NONE,	/* none that is both significant and as large as the threshold */
	CHANGE_SLOWER,	/* or more of what is counted */
	CHANGE_FASTER,	/* or less */
	CHANGE_UNKNOWN, /* too few samples to tell */
	CHANGE_FAILED,	/* A has samples, and in B one failed */
	CHANGE_ONLY_A,	/* nothing in B */
	CHANGE_ONLY_B,
	CHANGE_KINDS
};

struct change {
	unsigned int bench, variant;
	enum change_kind kind;
	struct estimate a, b;
	struct ratio ratio; /* B/A */
	double p;	    /* ratio.p, adjusted for all rows */
	const char *status; /* of a sample in B that was not good, or NULL */
};

struct changes {
	const struct data *d; /* of the files A and B */
	struct figure a, b;
	double threshold; /* 0.02: 2 % */
	struct change *row;
	unsigned int rows, kinds[CHANGE_KINDS];
	unsigned int intervals, overlapping; /* rows with an interval on both sides; that overlap */
	unsigned int emulated;		     /* rows left out: times of an emulated processor */
};

/*
 * Compare file 1 of D with file 0. METRIC NULL: the cost of an operation. Benchmarks that match one
 * of GLOB[0..GLOBS), or all. A change is one whose adjusted p value is at most SIGNIFICANT,
 * whose ratio's interval is on one side of 1, and whose ratio is at least 1 + THRESHOLD, or at most
 * its inverse. 0, -EINVAL with ERR filled where a
 * file has no samples of METRIC, or -ENOMEM. Freed with changes_free.
 */
int changes_make(struct changes *c, const struct data *d, const char *metric, double threshold,
		 const char *const *glob, unsigned int globs, struct error *err);
void changes_free(struct changes *c);

/* Every row, and what they come to. 0 or -ENOMEM. */
int changes_text(FILE *f, const struct changes *c, enum grid_format format);
void changes_csv(FILE *f, const struct changes *c);

/* "The runs agree ... on N of M rows (P %)." */
void changes_agreement(FILE *f, const struct changes *c, enum grid_format format);

#endif
