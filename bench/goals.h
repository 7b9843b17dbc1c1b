/* SPDX-License-Identifier: MIT */
/*
 * A backend against its peers (bench/peer.h): how much slower than native, how much faster than
 * emulation, and whether that is what is wanted of it.
 */
#ifndef FVB_BENCH_GOALS_H
#define FVB_BENCH_GOALS_H

#include "bench/ratio.h"
#include "bench/result.h"

/*
 * An operation that costs less than this (cycles; what a loop hides) has no ratio: the empty loop's
 * cycles are added to both sides, and ratio.whole is set.
 */
#define COST_LEAST 1.0

/* One whose guest's own median latency is its cost, as its cycles contain the time until a timer
 * ends. */
bool cost_is_latency(const char *bench);

/* What is compared of R, per operation: cycles, or the latency of one that waits. */
double cost_of(const struct result *r);

/* A / B, sample by sample as they were taken; unknown without good samples of both. */
struct ratio compare_costs(const struct result *a, const struct result *b);

struct comparison {
	const struct bench *bench;
	const struct result *ours;     /* NULL: not tried */
	const struct result *native;   /* NULL: no good sample */
	const struct result *emulated; /* of the fastest CPU model; NULL: no good sample */
	bool with_native, with_tcg;    /* which of the two the run has, with a good sample or not */
	const struct result *failed;   /* the first that did; NULL: none */
	struct ratio slowdown;	       /* ours / native; paired by repetition */
	struct ratio lead;	       /* emulated / ours */
};

/* RESULT[0..N): the results of one benchmark. Ours is the first that is no peer. */
struct comparison compare(const struct result *result, unsigned int n);

enum work { WORK_ANY, WORK_COMPUTE, WORK_KERNEL /* all else but boot */ };

/* A figure over several benchmarks, and what is wanted of it. */
struct goal {
	const char *title, *glob; /* benchmarks that match, '*' matches no '/', */
	enum work work;		  /* and are of this kind */
	bool slowdown;		  /* else the lead */
	double wanted;		  /* a slowdown: at most; a lead: at least; 0: nothing */
	bool each;		  /* of each of them, too */
};

extern const struct goal goals[];
#define GOALS 13

/* Geometric mean of G's ratio over what it covers of C[0..N) and is known; NAN for none. */
double goal_mean(const struct goal *g, const struct comparison *c, unsigned int n);

bool goal_met(const struct goal *g, double value);

/* The lead that is wanted of BENCH alone: the greatest of those goals that say so, at least 1. */
double wanted_lead(const struct bench *bench);

#endif
