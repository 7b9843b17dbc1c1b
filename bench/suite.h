/* SPDX-License-Identifier: MIT */
/* The microbenchmarks (suite.def): which there are, how often each operation runs, and where the
 * guest's file is. */
#ifndef FVB_BENCH_SUITE_H
#define FVB_BENCH_SUITE_H

#include "common/error.h"
#include "common/types.h"

struct bench {
	char name[40];	   /* the guest's file name without ".elf": "in", "in-32" */
	unsigned int mode; /* 64: long mode, 32: protected mode with paging */
	u64 iterations;	   /* operations per sample unless the user asks otherwise */
	const char *trap;  /* as in suite.def: a cause, "*", or NULL */
	unsigned int traps_per_op;
	bool compute;	  /* also a program that runs natively: native/NAME beside the guests */
	const char *text; /* one line for a person */
};

/* All of them, one entry for each mode, N in number. Freed with free(); NULL if out of memory. */
struct bench *suite_load(size_t *n);

/*
 * Entries of TABLE[0..N) whose name matches any of the NR shell patterns in GLOB, or all when NR is
 * 0, in TABLE's order. Returns how many, OUT[] pointing at them (room for N is needed); -EINVAL
 * with ERR naming a pattern that matches nothing.
 */
int suite_select(const struct bench *table, size_t n, const char *const *glob, size_t nr,
		 const struct bench **out, struct error *err);

/*
 * The folder that guests are in: DIR if not NULL, otherwise build/nano beside the running program.
 * 0, or -ENOENT with ERR saying how to build them; PATH has PATH_MAX bytes.
 */
int suite_guest_dir(const char *dir, char *path, struct error *err);

#endif
