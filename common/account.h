/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a run goes: the vCPU thread is in one part of the program at a time, and each
 * change from one to another reads the TSC. So the parts sum to the time from the first change to
 * the last, whatever happens in between; a host that lets somebody else run in the middle makes the
 * part longer that it interrupts.
 *
 * It is there only if vm_config.account asks for it: then vm->account is set, and who is to tell
 * finds a pointer to it that is NULL otherwise. Reading the clock is dear beside what some parts
 * do (some 20 cycles on real processors); what a change takes is measured at the start, subtracted
 * from the parts, and shown as a part of its own. So no times of such a run are compared with
 * others.
 */
#ifndef FVB_ACCOUNT_H
#define FVB_ACCOUNT_H

#include "common/types.h"

#define ACCOUNT_COMMON (BIT(ACCOUNT_DEVICES) | BIT(ACCOUNT_IDLE) | BIT(ACCOUNT_OTHER))

enum account_part {
#define PART(id, name) ACCOUNT_##id,
#include "common/account.def"
#undef PART
	ACCOUNT_NR
};

/* CSV name of PART; of ACCOUNT_NR that of the accounting itself. */
const char *account_name(unsigned int part);

/* How far everything is at one moment. */
struct account_point {
	u64 tsc, wall_ns; /* of CLOCK_MONOTONIC; 0: the run did not come here */
	u64 waited_ns;	  /* for others to leave the processor, so far; as the kernel tells */
	u64 cycles[ACCOUNT_NR];
	u64 changes[ACCOUNT_NR]; /* away from it */
};

/* From where to where. */
enum account_phase {
	ACCOUNT_COLD, /* from the start to the guest's mark 1 */
	ACCOUNT_WARM, /* between its marks */
	ACCOUNT_ALL,  /* the whole run */
	ACCOUNT_PHASES
};
const char *account_phase_name(enum account_phase phase);

struct account {
	u32 parts; /* BIT(part): this way of running has it */
	enum account_part now;
	u64 since;
	u64 cycles[ACCOUNT_NR], changes[ACCOUNT_NR];
	double cost; /* cycles that a change takes */
	int waits;   /* /proc/thread-self/schedstat; -1: this host has none */
	struct account_point start, mark[2], end;
};

/* From now on in PART; what it was before. */
static inline enum account_part account_change(struct account *a, enum account_part part)
{
	enum account_part before = a->now;
	u64 tsc = __builtin_ia32_rdtsc();

	a->cycles[before] += tsc - a->since;
	a->changes[before]++;
	a->since = tsc;
	a->now = part;
	return before;
}

/* The same, if there is an account at all. What is returned is for account_leave alone. */
static inline enum account_part account_enter(struct account *a, enum account_part part)
{
	return unlikely(a != NULL) ? account_change(a, part) : part;
}

/* Back to BEFORE. */
static inline void account_leave(struct account *a, enum account_part before)
{
	if (unlikely(a != NULL))
		account_change(a, before);
}

/* An account of the calling thread, or NULL. Opens a file, which nothing else does later. */
struct account *account_new(void);
void account_free(struct account *a);

/* Measure what a change costs, and begin in ACCOUNT_OTHER. PARTS and WAITS stay. */
void account_start(struct account *a);
/* Note how far everything is. */
void account_point(struct account *a, struct account_point *point);

/* A phase's times in ns. */
struct account_times {
	double wall;   /* of CLOCK_MONOTONIC, not the sum of what follows */
	double waited; /* of that: for others to leave the processor; NAN: not known */
	/* The last is the accounting's; less than 0: there is no such part. */
	double part[ACCOUNT_NR + 1];
};

/* 0, or -ENODATA: the guest passed no such marks. */
int account_times(const struct account *a, enum account_phase phase, struct account_times *times);

/* PART's share of all the time but the accounting's: of what the run would have taken without it.
 */
double account_share(const struct account_times *times, unsigned int part);

#endif
