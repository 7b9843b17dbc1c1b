/* SPDX-License-Identifier: MIT */
/*
 * In which order one benchmark's samples are taken. Variants take turns and the turn changes
 * direction each time (A B, B A, A B, ...), so that a host that slowly warms up, throttles or gets
 * busier weighs on all of them alike.
 */
#ifndef FVB_BENCH_PLAN_H
#define FVB_BENCH_PLAN_H

struct plan_step {
	unsigned int variant; /* 0 .. variants - 1 */
	unsigned int rep;     /* 0 is the counting sample, 1 .. reps are the timed ones */
};

/* Steps in the whole plan. */
unsigned int plan_length(unsigned int variants, unsigned int reps);

/* Step number I, 0 .. plan_length - 1. */
struct plan_step plan_step(unsigned int variants, unsigned int i);

#endif
