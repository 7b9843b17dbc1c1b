/* SPDX-License-Identifier: MIT */
/*
 * The design of a run, as far as the user decides it: how many samples, how sure the figures shall
 * be, and on which processors. Parsed by design_argp, a child of run's, traps' and selftest's.
 */
#ifndef FVB_BENCH_DESIGN_H
#define FVB_BENCH_DESIGN_H

#include "common/types.h"

#include <argp.h>

struct design {
	const char *pin; /* as pin_parse takes it; NULL: not said */
	double ci;	 /* samples are taken until the 95 % interval is within this share of the
			  * median to each side; 0: as many as --reps says */
	u64 max_reps;	 /* with CI: not more; 0: DESIGN_MAX_REPS */
	u64 max_time_ns; /* with CI: for all variants of one benchmark together; 0: no limit */
	u64 chunks;	 /* pieces of the warm-up that is measured; 0: it is not */
};

#define DESIGN_MAX_REPS	    50
#define DESIGN_CHUNKS	    200 /* at most */
#define DESIGN_CHUNKS_LEAST 8

/* Input: a zeroed struct design. Bad words end the program with EXIT_USAGE. */
extern const struct argp design_argp;

/* Fewest timed samples, REPS being what was asked for: --ci wants as many as have an interval. */
unsigned int design_least(const struct design *design, unsigned int reps);

/* Most timed samples of one benchmark under one variant, REPS being design_least. */
unsigned int design_most(const struct design *design, unsigned int reps);

/* Is a benchmark's figure done after NR samples and SPENT_NS, with a RELATIVE half-width of its
 * interval (NAN: unknown)? At least REPS are taken in any case. */
bool design_done(const struct design *design, unsigned int reps, unsigned int nr, double relative,
		 u64 spent_ns);

#endif
