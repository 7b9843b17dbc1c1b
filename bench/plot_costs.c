/* SPDX-License-Identifier: MIT */
#include "bench/plot_costs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Benchmarks and variants of rows that say a cost, or why there is none. */
static int find_names(struct plot *p)
{
	int metric = read_column(p->t, "metric");

	for (size_t i = 0; i < p->t->rows; i++) {
		const char *name = read_cell(p->t, i, metric);

		if ((strcmp(name, "status") && strcmp(name, "cycles_per_op")) ||
		    !plot_wants(p, i, true))
			continue;
		if (plot_bench(p, i) < 0 || plot_variant(p, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* The cost of the data's benchmark B under its variant V, if they are in the figure. */
static void take(struct costs *c, const struct plot *p, unsigned int b, unsigned int v,
		 const char *const *status)
{
	int bench = plot_find(&p->bench, p->d->bench[b]);
	int variant = plot_find(&p->variant, p->d->variant[v].label);
	struct cost *cost;

	if (bench < 0 || variant < 0)
		return;
	cost = &c->cost[(unsigned int)bench * p->variant.nr + (unsigned int)variant];
	*cost = (struct cost){ b, v, figure_estimate(&c->figure, b, v),
			       status[b * p->d->variants + v] };
	if (cost->e.n > c->samples)
		c->samples = cost->e.n;
}

int costs_read(struct costs *c, struct plot *p, struct error *err)
{
	const char **status = data_status(p->d, (int)p->file);
	int ret = status ? find_names(p) : -ENOMEM;

	*c = (struct costs){ .cost = calloc((size_t)p->bench.nr * p->variant.nr + 1,
					    sizeof(*c->cost)) };
	if (ret || !c->cost)
		ret = fail(err, -ENOMEM, "out of memory");
	if (!ret)
		ret = figure_load(&c->figure, p->d, NULL, (int)p->file, err);
	for (unsigned int i = 0; !ret && i < p->d->benches * p->d->variants; i++)
		take(c, p, i / p->d->variants, i % p->d->variants, status);
	free(status);
	return ret;
}

void costs_fini(struct costs *c)
{
	if (c->figure.value)
		figure_free(&c->figure);
	free(c->cost);
}
