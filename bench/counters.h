/* SPDX-License-Identifier: MIT */
/*
 * `fvbench run --events LIST`: events of the host's processor and kernel, counted on the vCPU's
 * thread, and in what it forks, between the guest's marks.
 *
 * Those that cost next to nothing are counted in the timed samples, so that there is one value for
 * each time. Tracepoints, which cost something each time that they are passed, are counted in the
 * counting sample alone.
 */
#ifndef FVB_BENCH_COUNTERS_H
#define FVB_BENCH_COUNTERS_H

#include "bench/pmu.h"
#include "common/error.h"

#include <stdio.h>

#define COUNTERS_MAX 32
#define COUNTER_NAME 96

/* Descriptors COUNTERS_FD .. are what a native program switches on and off at its marks, so many as
 * its argument COUNTERS_WORD says (bench/nano/lib/host.c). */
#define COUNTERS_FD   200
#define COUNTERS_WORD "events="

struct counter {
	char name[COUNTER_NAME]; /* as the user wrote it */
	struct pmu_event event;
	bool costly;	  /* for the counting sample */
	char reason[320]; /* why this host cannot count it; "": it can */
};

struct counters {
	unsigned int nr;
	struct counter list[COUNTERS_MAX];
};

/* What a sample counted, in memory that it shares with us: no bool. */
struct counted {
	u32 known;  /* 1: COUNT is valid */
	u32 wanted; /* 1: it was open. And not KNOWN: it never got a counter */
	struct pmu_count count;
};

/*
 * LIST, comma-separated names (eventname.h), into COUNTERS; each is opened once to see whether it
 * can be. 0, also if none can; -EINVAL with ERR filled: LIST makes no sense.
 */
int counters_parse(struct counters *counters, const char *list, struct error *err);

/* One line to F for each that cannot be counted here, after PREFIX. */
void counters_complain(const struct counters *counters, FILE *f, const char *prefix);

/* ---- in the sample's process -----------------------------------------------------------------
 */

/* COUNTED everywhere here is an array [COUNTERS_MAX]. */
struct counting {
	const struct counters *counters; /* NULL: nothing is counted, and all below does nothing */
	struct counted *counted;
	int fd[COUNTERS_MAX]; /* or negative */
	struct pmu_reading before[COUNTERS_MAX];
};

/*
 * Open those of COUNTERS (or NULL) that are for a counting sample (COUNT) or a timed one. To be
 * called by the thread that runs the vCPU, before it forks anything. STOPPED: a native program
 * starts and stops them. What cannot be opened now is not counted.
 */
void counting_open(struct counting *c, const struct counters *counters, bool count, bool stopped,
		   struct counted *counted);
/* The guest's marks. */
void counting_begin(struct counting *c);
void counting_end(struct counting *c);
/* In a process that is about to execute a native program: pass them on. */
void counting_pass(const struct counting *c);
/* How many there are to pass on. */
unsigned int counting_open_nr(const struct counting *c);
void counting_close(struct counting *c);

/* ---- rows ------------------------------------------------------------------------------------
 */

/* Call PUT for each number of COUNTED: counter.EVENT, counter_per_op.EVENT, and
 * counter.EVENT.running where that is below 1. */
void counters_rows(const struct counters *counters, const struct counted *counted, u64 iterations,
		   void (*put)(void *arg, const char *name, const char *unit, long double value),
		   void *arg);

#endif
