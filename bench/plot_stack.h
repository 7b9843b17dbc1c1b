/* SPDX-License-Identifier: MIT */
/* Stacked bars of shares: of a benchmark under a variant, each part's. */
#ifndef FVB_BENCH_PLOT_STACK_H
#define FVB_BENCH_PLOT_STACK_H

#include "bench/plot_data.h"

/* Bars in panels; a panel is a variant (and a phase), its bars are benchmarks. */
struct stack {
	struct plot_names part;	 /* from the bottom up */
	struct plot_names panel; /* beside variants; one, "", where there is nothing else */
	double *value; /* [((panel * variants + variant) * benches + bench) * parts + part], from 0
			*/
	unsigned int parts; /* that have a tint; the last of them is the sum of all others */
	unsigned int rest;  /* how many are in that one */
	bool totals;	    /* write a bar's sum above it */
};

/* Room for all values, once all names are known. */
int stack_alloc(struct stack *s, const struct plot *p, struct error *err);
void stack_fini(struct stack *s);
double *stack_at(const struct stack *s, const struct plot *p, unsigned int panel,
		 unsigned int variant, unsigned int bench, unsigned int part);

/* The largest parts first; if there are more than there are tints, the smallest become one, called
 * "N others". To be called before the caption is written. */
int stack_sort(struct stack *s, const struct plot *p, struct error *err);

/* The whole figure, its y axis called AXIS. */
int stack_draw(struct stack *s, struct plot *p, const char *axis, struct error *err);

#endif
