/* SPDX-License-Identifier: MIT */
/*
 * Does a guest do the same on every variant? It must print the same, times aside, end in the same
 * way and leave the same architectural state behind. What a guest found out about time is in its
 * general registers at the end, so these are not compared, nor are the arithmetic flags (they
 * come from printing the times) and events on their way in; everything else is: rip, system
 * flags, segments with their hidden parts, descriptor tables, control and debug registers, MSRs,
 * FPU and vector registers.
 */
#ifndef FVB_BENCH_VERIFY_H
#define FVB_BENCH_VERIFY_H

#include "bench/run.h"

/*
 * Copy LEN bytes of TEXT to OUT (SIZE bytes, cut off there, zero-terminated) with the values of
 * all KEY=NUMBER that are times or depend on them (cycles, loop, lat_*, var_*) replaced by "*", CR
 * and other control characters but LF dropped.
 */
void verify_normalize(const char *text, size_t len, char *out, size_t size);

/* The first compared field in which A and B differ, or NULL. */
const char *verify_state_differs(const struct cpu_state *a, const struct cpu_state *b);

/*
 * Compare sample B with the reference A, both of BENCH and as long as RUN makes them. Of a Linux
 * guest only what the program says of its work: the kernel's messages and the state at the end
 * depend on time. 0, or -EINVAL with ERR saying what differs.
 */
int verify_compare(const struct bench *bench, const struct sample *a, const struct sample *b,
		   struct error *err);

/*
 * Against what BENCH says of trap counts in hardware virtualization (suite.def). 0 if S agrees or
 * nobody can see it, otherwise -EINVAL.
 */
int verify_counts(const struct bench *bench, const struct sample *s, struct error *err);

/*
 * Does the table of suite.def say that BENCH goes wrong on VARIANT: an engine that traps and does
 * nothing else, a guest with an instruction that fails silently? Not so where S shows that the
 * engine did not run the guest's code directly, but stepped it.
 */
bool verify_hole(const struct bench *bench, const struct variant *variant, const struct sample *s);

struct verify_sum {
	unsigned int passed, failed, skipped;
};

/* Operations that are asked of BENCH; the same for all variants, as it is in what they print. */
u64 verify_iterations(const struct run *run, const struct bench *bench);

/*
 * Run every benchmark of RUN once on every variant and print a line for each to F. COUNTS: check
 * trap counts too, where interrupt controllers are in user space. 0, -EINTR, or another negative
 * errno when the host failed us.
 */
int verify_all(const struct run *run, const struct sample_runner *runner, bool counts, FILE *f,
	       struct verify_sum *sum, struct error *err);

#endif
