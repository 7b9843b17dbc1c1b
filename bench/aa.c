/* SPDX-License-Identifier: MIT */
#include "bench/aa.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL 1.4826 /* a normal distribution's standard deviation, in MADs */
/* Half the interval is 1.96 standard errors; a difference of 0.84 more is outside in 4 of 5. */
#define SEEN ((1.95996 + 0.84162) / 1.95996)

static double scatter(const struct result *r)
{
	if (cost_is_latency(r->bench->name))
		return NORMAL * stats_mad(r->latency, r->nr) / cost_of(r);
	return NORMAL * result_mad(r) / (fabs(result_cycles(r)) + result_loop(r));
}

struct aa aa_of(const struct result *a, const struct result *b)
{
	struct aa aa = { .ratio = compare_costs(a, b) };
	const struct interval *range = &aa.ratio.range;

	aa.known = a->status == SAMPLE_OK && b->status == SAMPLE_OK && isfinite(range->low) &&
		   isfinite(range->high);
	aa.differs = aa.known && (range->low > 1 || range->high < 1);
	aa.significant = aa.known && aa.ratio.p < SIGNIFICANT;
	aa.floor = (scatter(a) + scatter(b)) / 2;
	aa.least = SEEN * (range->high - range->low) / 2;
	return aa;
}

static void add_least(struct aa_sum *sum, const struct aa *aa, unsigned int n)
{
	double *least = calloc(n + 1, sizeof(*least));
	size_t nr = 0;

	sum->worst = 0;
	for (unsigned int i = 0; least && i < n; i++) {
		if (!aa[i].known)
			continue;
		least[nr++] = aa[i].least;
		if (aa[i].least >= sum->worst) {
			sum->worst = aa[i].least;
			sum->worst_index = i;
		}
	}
	sum->median = least ? stats_median(least, nr) : NAN;
	free(least);
}

struct aa_sum aa_sum(const struct aa *aa, unsigned int n)
{
	struct aa_sum sum = { 0 };

	for (unsigned int i = 0; i < n; i++) {
		sum.known += aa[i].known;
		sum.differ += aa[i].differs;
		sum.significant += aa[i].significant;
	}
	sum.rate = sum.known ? (double)sum.differ / (double)sum.known : NAN;
	sum.range = stats_share_interval(sum.known, sum.differ);
	sum.chance = stats_binomial(sum.known, sum.differ, AA_RATE);
	add_least(&sum, aa, n);
	return sum;
}

bool aa_sound(const struct aa_sum *sum)
{
	return sum->chance >= AA_CHANCE;
}
