/* SPDX-License-Identifier: MIT */
/* What an operation costs, of each benchmark under each variant, out of a samples file. */
#ifndef FVB_BENCH_PLOT_COSTS_H
#define FVB_BENCH_PLOT_COSTS_H

#include "bench/plot_data.h"
#include "bench/stats.h"

struct cost {
	const double *sample; /* cycles per operation of each good timed sample */
	unsigned int nr;
	const char *status;  /* NULL: no sample that was skipped or failed */
	double median, loop; /* NAN: no sample; the empty loop's cycles, 0: not known */
	struct interval range;
};

/* cost[bench * p->variant.nr + variant]; fills in p->bench and p->variant. */
struct costs {
	struct cost *cost;
	unsigned int samples; /* most of any */
	struct series *cycles, *latency, *loop;
};

int costs_read(struct costs *c, struct plot *p, struct error *err);
void costs_fini(struct costs *c, const struct plot *p);

#endif
