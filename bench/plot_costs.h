/* SPDX-License-Identifier: MIT */
/* What an operation costs, of each benchmark under each variant, out of a samples file. */
#ifndef FVB_BENCH_PLOT_COSTS_H
#define FVB_BENCH_PLOT_COSTS_H

#include "bench/figure.h"
#include "bench/plot_data.h"

struct cost {
	unsigned int bench, variant; /* in the data */
	struct estimate e;	     /* cycles; n 0: no sample */
	const char *status;	     /* NULL: no sample that was skipped or failed */
};

struct costs {
	struct cost *cost; /* [bench * p->variant.nr + variant], of those in the figure */
	size_t samples;	   /* most of any */
	struct figure figure;
};

/* Of the file of P, whose bench and variant are filled in. Freed with costs_fini in any case. */
int costs_read(struct costs *c, struct plot *p, struct error *err);
void costs_fini(struct costs *c);

#endif
