/* SPDX-License-Identifier: MIT */
/*
 * What an A/A run comes to: two labels for one and the same thing, so that every difference that
 * is found is a false one. A 95 % interval shall miss the truth in 5 % of all cases.
 */
#ifndef FVB_BENCH_AA_H
#define FVB_BENCH_AA_H

#include "bench/goals.h"

/* One benchmark. Shares: 0.02 is 2 %. */
struct aa {
	struct ratio ratio; /* A / B */
	bool known;	    /* the interval is: enough good samples of both */
	bool differs;	    /* it excludes 1 */
	bool significant;   /* so says the test of ratio.h */
	double floor;	    /* what single samples scatter by: 1.4826 MAD / median (and the loop), of both */
	double least;	    /* the smallest difference that would be seen 4 times out of 5 */
};
struct aa aa_of(const struct result *a, const struct result *b);

/* All of them. */
struct aa_sum {
	u64 known, differ, significant;
	double rate;		  /* of false differences; NAN: none known */
	struct interval range;	  /* of that, 95 % */
	double chance;		  /* to see so many, or more, if the rate is AA_RATE */
	double median, worst;	  /* of LEAST */
	unsigned int worst_index; /* whose that is */
};
struct aa_sum aa_sum(const struct aa *aa, unsigned int n);

#define AA_RATE	  0.05
#define AA_CHANCE 0.01 /* a run that is less likely than this is not put down to luck */

bool aa_sound(const struct aa_sum *sum);

#endif
