/* SPDX-License-Identifier: MIT */
#include "bench/changes.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool overlap(struct interval a, struct interval b)
{
	return a.low <= b.high && b.low <= a.high;
}

/* All but what needs the adjusted p value. */
static void look(struct changes *c, struct change *row)
{
	bool in_a = figure_counts(&c->a, row->bench, row->variant);
	bool in_b = figure_counts(&c->b, row->bench, row->variant);

	row->a = figure_estimate(&c->a, row->bench, row->variant);
	row->b = figure_estimate(&c->b, row->bench, row->variant);
	row->ratio = figure_ratio(&c->b, row->variant, &c->a, row->variant, row->bench);
	row->p = row->ratio.p;
	if (in_a && row->status && strncmp(row->status, "skip", 4))
		row->kind = CHANGE_FAILED;
	else if (!in_a || !in_b)
		row->kind = in_a ? CHANGE_ONLY_A : CHANGE_ONLY_B;
	if (isnan(row->a.range.low) || isnan(row->b.range.low) || !in_a || !in_b)
		return;
	c->intervals++;
	c->overlapping += overlap(row->a.range, row->b.range);
}

static int find_rows(struct changes *c, const char *const *glob, unsigned int globs,
		     struct error *err)
{
	const struct data *d = c->d;
	const char **status = data_status(d, 1);

	c->row = calloc((size_t)d->benches * d->variants + 1, sizeof(*c->row));
	for (size_t i = 0; status && c->row && i < (size_t)d->benches * d->variants; i++) {
		unsigned int bench = (unsigned int)(i / d->variants);
		unsigned int variant = (unsigned int)(i % d->variants);
		bool any = c->a.value[i].nr || c->b.value[i].nr;

		if (!any || !data_wants(d->bench[bench], glob, globs))
			continue;
		if (c->a.times && d->variant[variant].emulated) {
			c->emulated++;
			continue;
		}
		c->row[c->rows] =
			(struct change){ .bench = bench, .variant = variant, .status = status[i] };
		look(c, &c->row[c->rows++]);
	}
	free(status);
	return status && c->row ? 0 : fail(err, -ENOMEM, "out of memory");
}

/* Of few samples in a burst of noise the trimmed test may be sure, where their medians are not. */
static bool sure(const struct change *row)
{
	const struct interval *i = &row->ratio.range;

	return row->p <= SIGNIFICANT && !(i->low <= 1 && i->high >= 1);
}

static enum change_kind judge(const struct change *row, double threshold)
{
	if (row->kind != CHANGE_NONE)
		return row->kind;
	if (isnan(row->p))
		return CHANGE_UNKNOWN;
	if (!sure(row))
		return CHANGE_NONE;
	return row->ratio.value >= 1 + threshold	 ? CHANGE_SLOWER
	       : row->ratio.value <= 1 / (1 + threshold) ? CHANGE_FASTER
							 : CHANGE_NONE;
}

static int judge_all(struct changes *c, struct error *err)
{
	double *p = malloc((c->rows + (size_t)1) * sizeof(*p));

	if (!p)
		return fail(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < c->rows; i++)
		p[i] = c->row[i].p;
	significance_adjust(p, c->rows);
	for (unsigned int i = 0; i < c->rows; i++) {
		c->row[i].p = p[i];
		c->row[i].kind = judge(&c->row[i], c->threshold);
		c->kinds[c->row[i].kind]++;
	}
	free(p);
	return 0;
}

/* Each side has to have samples at all: else it is the wrong file, or the wrong metric. */
static int load(struct figure *m, const struct data *d, const char *metric, int file,
		struct error *err)
{
	int ret = figure_load(m, d, metric, file, err);

	if (ret || figure_has_samples(m))
		return ret;
	return fail(err, -EINVAL, "%.150s: no samples of metric \"%.80s\"", d->file[file].path,
		    metric ? metric : "cycles_per_op");
}

int changes_make(struct changes *c, const struct data *d, const char *metric, double threshold,
		 const char *const *glob, unsigned int globs, struct error *err)
{
	int ret;

	*c = (struct changes){ .d = d, .a.d = d, .b.d = d, .threshold = threshold };
	ret = load(&c->a, d, metric, 0, err);
	if (!ret)
		ret = load(&c->b, d, metric, 1, err);
	if (!ret)
		ret = find_rows(c, glob, globs, err);
	if (!ret && !c->rows && !c->emulated)
		ret = fail(err, -EINVAL, "there is no such benchmark in these files");
	if (!ret)
		ret = judge_all(c, err);
	if (ret)
		changes_free(c);
	return ret;
}

void changes_free(struct changes *c)
{
	figure_free(&c->a);
	figure_free(&c->b);
	free(c->row);
	c->row = NULL;
}
