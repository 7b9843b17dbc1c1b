/* SPDX-License-Identifier: MIT */
/* Stacked bars: of which causes the traps of an operation are. */
#include "bench/plot_stack.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "traps_per_op."

/* Where counts are in the two kinds of files that have them. */
struct source {
	int cause, count, iterations;
	bool samples; /* rows traps_per_op.CAUSE */
};

static struct source find_source(const struct csv_file *t)
{
	if (t->kind == READ_SAMPLES)
		return (struct source){ read_column(t, "metric"), read_column(t, "value"), -1,
					true };
	return (struct source){ read_column(t, "cause"), read_column(t, "count"),
				t->key[KEY_ITERATIONS], false };
}

/* ROW's cause, or NULL where it is about something else. */
static const char *cause_of(const struct plot *p, const struct source *s, size_t row)
{
	const char *text = read_cell(p->t, row, s->cause);

	if (!s->samples)
		return text;
	return strncmp(text, PREFIX, strlen(PREFIX)) ? NULL : text + strlen(PREFIX);
}

/* Traps of ROW for an operation, or in all where nobody says how many operations there were. */
static double per_op(const struct plot *p, const struct source *s, size_t row)
{
	double n = read_number(p->t, row, s->count);
	double iterations = read_number(p->t, row, s->iterations);

	return iterations > 0 ? n / iterations : n;
}

/* Only one sample of each bar, as they count alike: the counting sample where there is one, as it
 * sees most, or else the first. */
static bool is_first(const struct plot *p, const struct source *s, const size_t *taken, size_t bar,
		     size_t row)
{
	const char *rep = read_cell(p->t, row, p->t->key[KEY_REP]);
	const char *run = read_cell(p->t, row, p->t->key[KEY_RUN_ID]);
	size_t first = taken[bar] - 1;

	(void)s;
	return !taken[bar] || (!strcmp(rep, read_cell(p->t, first, p->t->key[KEY_REP])) &&
			       !strcmp(run, read_cell(p->t, first, p->t->key[KEY_RUN_ID])));
}

static int names(struct plot *p, struct stack *st, const struct source *s)
{
	for (size_t i = 0; i < p->t->rows; i++) {
		const char *cause = cause_of(p, s, i);

		if (cause && plot_wants(p, i, false) &&
		    (plot_bench(p, i) < 0 || plot_variant(p, i) < 0 ||
		     plot_name(&st->part, cause) < 0))
			return -ENOMEM;
	}
	return plot_name(&st->panel, "");
}

static int values(struct plot *p, struct stack *st, const struct source *s)
{
	size_t *taken = calloc((size_t)p->bench.nr * p->variant.nr + 1, sizeof(*taken));

	for (size_t i = 0; taken && i < p->t->rows; i++) {
		const char *cause = cause_of(p, s, i);
		unsigned int bench, variant;
		double v;

		if (!cause || !plot_wants(p, i, false))
			continue;
		bench = (unsigned int)plot_bench(p, i);
		variant = (unsigned int)plot_variant(p, i);
		if (!is_first(p, s, taken, (size_t)bench * p->variant.nr + variant, i))
			continue;
		taken[(size_t)bench * p->variant.nr + variant] = i + 1;
		v = per_op(p, s, i);
		if (v > 0)
			*stack_at(st, p, 0, variant, bench,
				  (unsigned int)plot_name(&st->part, cause)) += v;
	}
	free(taken);
	return taken ? 0 : -ENOMEM;
}

static bool has_operations(const struct plot *p)
{
	for (size_t i = 0; i < p->t->rows; i++)
		if (*read_cell(p->t, i, p->t->key[KEY_ITERATIONS]))
			return true;
	return false;
}

static void write_caption(struct plot *p, const struct stack *st)
{
	unsigned int empty = 0;

	for (unsigned int i = 0; i < p->bench.nr * p->variant.nr; i++) {
		double sum = 0;

		for (unsigned int k = 0; k < st->parts; k++)
			sum += *stack_at(st, p, 0, i % p->variant.nr, i / p->variant.nr, k);
		empty += sum <= 0;
	}
	fprintf(p->caption, "Causes of traps, in percent; above a bar: traps %s, of one sample.",
		has_operations(p) ? "for an operation" : "in all");
	if (empty)
		fprintf(p->caption, " No bar: no traps (%u).", empty);
	plot_caption_rest(p);
}

int plot_traps(struct plot *p, struct error *err)
{
	struct source s = find_source(p->t);
	struct stack st = { .totals = true };
	int ret = names(p, &st, &s);

	ret = ret < 0 ? fail(err, ret, "out of memory") : stack_alloc(&st, p, err);
	if (!ret && values(p, &st, &s))
		ret = fail(err, -ENOMEM, "out of memory");
	if (!ret)
		ret = stack_sort(&st, p, err);
	if (!ret && !st.parts)
		ret = fail(err, -EINVAL, "nothing to show: no trap in it");
	if (!ret) {
		write_caption(p, &st);
		ret = stack_draw(&st, p, "% of traps", err);
	}
	stack_fini(&st);
	return ret;
}
