/* SPDX-License-Identifier: MIT */
/* Stacked bars: where a run's time goes. */
#include "bench/plot_stack.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct columns {
	int phase, part, ns;
};

/* What the account itself took is no part of the run. */
static bool shown(struct plot *p, size_t row, const struct columns *c)
{
	return plot_wants(p, row, true) && strcmp(read_cell(p->t, row, c->part), "accounting");
}

static int names(struct plot *p, struct stack *st, const struct columns *c)
{
	for (size_t i = 0; i < p->t->rows; i++)
		if (shown(p, i, c) && (plot_bench(p, i) < 0 || plot_variant(p, i) < 0 ||
				       plot_name(&st->panel, read_cell(p->t, i, c->phase)) < 0 ||
				       plot_name(&st->part, read_cell(p->t, i, c->part)) < 0))
			return -ENOMEM;
	return 0;
}

/* The time of all samples. */
static void values(struct plot *p, struct stack *st, const struct columns *c)
{
	for (size_t i = 0; i < p->t->rows; i++) {
		double ns = read_number(p->t, i, c->ns);

		if (!(ns > 0) || !shown(p, i, c))
			continue;
		*stack_at(st, p, (unsigned int)plot_name(&st->panel, read_cell(p->t, i, c->phase)),
			  (unsigned int)plot_variant(p, i), (unsigned int)plot_bench(p, i),
			  (unsigned int)plot_name(&st->part, read_cell(p->t, i, c->part))) += ns;
	}
}

int plot_overhead(struct plot *p, struct error *err)
{
	struct columns c = { read_column(p->t, "phase"), read_column(p->t, "part"),
			     read_column(p->t, "ns") };
	struct stack st = { 0 };
	int ret = names(p, &st, &c);

	ret = ret < 0 ? fail(err, ret, "out of memory") : stack_alloc(&st, p, err);
	if (!ret) {
		p->emulated = 0; /* are counted once more */
		values(p, &st, &c);
		ret = stack_sort(&st, p, err);
	}
	if (!ret && !st.parts)
		ret = fail(err, -EINVAL, "nothing to show: no %s",
			   p->emulated ? "times but of emulated hosts" : "time in it");
	if (!ret) {
		fprintf(p->caption, "Where the time goes, in percent, over all samples; what the "
				    "account of it took "
				    "is not in it.");
		plot_caption_rest(p);
		ret = stack_draw(&st, p, "% of time", err);
	}
	stack_fini(&st);
	return ret;
}
