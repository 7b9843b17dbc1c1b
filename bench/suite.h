/* SPDX-License-Identifier: MIT */
/* The benchmarks (suite.def): which there are, how often each operation runs, and where the
 * guest's files are. */
#ifndef FVB_BENCH_SUITE_H
#define FVB_BENCH_SUITE_H

#include "common/error.h"
#include "common/types.h"

struct bench {
	char name[40];	   /* the guest's file name without its end: "in", "in-32", "linux/fork" */
	unsigned int mode; /* 64: long mode, 32: protected mode with paging */
	u64 iterations;	   /* operations per sample unless the user asks otherwise */
	const char *trap;  /* as in suite.def: a cause, "*", or NULL */
	unsigned int traps_per_op;
	bool compute;  /* work that traps nowhere */
	bool native;   /* its work also runs in an ordinary process */
	bool in_linux; /* runs in a Linux guest: its name begins with "linux/" */
	bool boot;     /* of those, the one whose time the host takes: to the first line of init */
	bool tenth;    /* emulators do a tenth of the iterations */
	const char *text; /* one line for a person */
	/* The instruction that fails silently in it under classical trap-and-emulate, and what it
	 * is used for; NULL: none, so that it must be right. */
	const char *hole, *hole_why;
	bool hole_maybe; /* or does not, as hosts differ */
};

/* What the guest itself calls BENCH: without "linux/" or "shows/". */
const char *bench_guest_name(const struct bench *bench);

/*
 * The file that runs BENCH, into PATH (PATH_MAX bytes): a guest, an initramfs, or with NATIVE a
 * program. DIR is the guests' folder. 0, or -ENAMETOOLONG with ERR filled.
 */
int bench_file(const struct bench *bench, const char *dir, bool native, char *path,
	       struct error *err);

/* All of them, one entry for each mode, N in number. Freed with free(); NULL if out of memory. */
struct bench *suite_load(size_t *n);

/*
 * Entries of TABLE[0..N) whose name matches any of the NR shell patterns in GLOB, in TABLE's order;
 * when NR is 0, all but those for Linux. '*' matches no '/', as in file names. Returns how many,
 * OUT[] pointing at them (room for N is needed); -EINVAL with ERR naming a pattern that matches
 * nothing.
 */
int suite_select(const struct bench *table, size_t n, const char *const *glob, size_t nr,
		 const struct bench **out, struct error *err);

/*
 * The folder that guests are in: DIR if not NULL, otherwise the one that was built or installed
 * with the running program. 0, or -ENOENT with ERR saying how to build them; PATH has PATH_MAX
 * bytes.
 */
int suite_guest_dir(const char *dir, char *path, struct error *err);

/* The kernel that LINUX benchmarks run in, into PATH (PATH_MAX bytes): FILE if not NULL, otherwise
 * the one that `make guests` puts beside the guests' folder DIR. 0, or -ENAMETOOLONG with ERR
 * filled. */
int suite_kernel(const char *file, const char *dir, char *path, struct error *err);

#endif
