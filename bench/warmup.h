/* SPDX-License-Identifier: MIT */
/*
 * Warm-up and steady state (Barrett et al. 2017, "Virtual machine warmup blows hot and cold").
 *
 * A guest that is given chunks=K begins with K equal pieces of its loop, from the first execution
 * on, and prints a line of what each took before its result:
 *
 *   fvbench-chunks: ops=N T T ...      (N operations each, T in TSC ticks)
 *
 * Where the times change their level is found, and whether they keep one in the end. And across
 * the samples of a run: do they drift?
 */
#ifndef FVB_BENCH_WARMUP_H
#define FVB_BENCH_WARMUP_H

#include "bench/design.h"
#include "common/types.h"

struct chunks {
	u64 ops; /* in each */
	unsigned int n;
	double per_op[DESIGN_CHUNKS]; /* cycles, the loop's own included */
};

/* Find that line in TEXT[0..LEN), any bytes. 0, -ENODATA when there is none, -EINVAL when it is
 * malformed. */
int chunks_find(struct chunks *s, const char *text, size_t len);

enum steady_kind {
	STEADY_UNKNOWN,	 /* fewer than WARMUP_LEAST values */
	STEADY_FLAT,	 /* from the first on */
	STEADY_WARMUP,	 /* later, and it is the fastest level */
	STEADY_SLOWDOWN, /* later, and one before it was faster */
	STEADY_NONE,	 /* the level still changed in the last quarter */
};
#define WARMUP_LEAST DESIGN_CHUNKS_LEAST

struct warmup {
	enum steady_kind kind;
	unsigned int before; /* values before the steady state; all of them with NONE */
	double level;	     /* median of the steady ones; NAN with NONE */
	double excess;	     /* by how much those before exceed it, added up; NAN with NONE */
};

/*
 * V[0..N), all above 0: levels by the exact least-squares partition of their logarithms (what PELT,
 * Killick et al. 2012, finds), each new level for a penalty of 6 log N in units of the noise that
 * neighbours show. Single values far above their neighbours (an interrupt) are no level, but for
 * the first. Levels within 1 %, or the noise, are the same.
 */
struct warmup warmup_of(const double *v, unsigned int n);
const char *steady_name(enum steady_kind kind);

/* One level more or less among samples that were taken one after the other. */
struct drift {
	double change; /* median of the later half / the earlier half - 1; NAN with fewer than 4 */
	double p;      /* that they rise or fall like this by chance: Mann 1945, two-sided, exact */
};
struct drift drift_of(const double *v, unsigned int n);

/* It is one if it is no chance and matters. */
#define DRIFT_P	     0.01
#define DRIFT_CHANGE 0.01
bool drifts(const struct drift *d);

#endif
