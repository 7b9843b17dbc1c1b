/* SPDX-License-Identifier: MIT */
/*
 * What Adams & Agesen published (A Comparison of Software and Hardware Techniques for x86
 * Virtualization, ASPLOS 2006, table 1 and section 6): a Pentium 4 with the first VT-x, natively,
 * in a VMM that translates, and in one that uses the hardware without nested paging.
 */
#ifndef FVB_BENCH_PUBLISHED_H
#define FVB_BENCH_PUBLISHED_H

struct published {
	const char *bench; /* ours that does the same; '*' matches anything */
	const char *name;  /* theirs */
	const char *unit;  /* cycles: of one operation; s: of 40,000 */
	double native, software, hardware;
};

/* Their row for our BENCH, or NULL. */
const struct published *published_for(const char *bench);

#endif
