/* SPDX-License-Identifier: MIT */
/* The command lines of fvbench's commands. */
#ifndef FVB_BENCH_OPTIONS_H
#define FVB_BENCH_OPTIONS_H

#include "bench/design.h"
#include "bench/suite.h"
#include "bench/variant.h"
#include "common/trapfiles.h"

#define OPTIONS_GLOBS 64

/* Exit statuses of our own; 128 + N after signal N. */
enum {
	EXIT_FINE = 0,
	EXIT_BENCH_FAILED = 1,
	EXIT_USAGE = 2, /* also a backend that does not work here */
	EXIT_HOST = 4,	/* disk full, out of processes, ... */
};

struct options {
	const char *glob[OPTIONS_GLOBS];
	unsigned int globs;
	const char *backends; /* NULL: all that work */
	struct variant_defaults variants;
	struct design design;
	u64 reps;	/* 0: not said */
	u64 iterations; /* 0: each benchmark's own times scale */
	double scale;
	u64 mem_size; /* 0: what is usual for each benchmark */
	const char *cpu;
	u64 timeout_ns;	    /* 0: not said */
	const char *guests; /* folder, NULL: the one that was built with us */
	const char *kernel; /* of Linux guests, NULL: the one of make guests */
	const char *csv, *traps, *meta, *report, *overhead;
	const char *events; /* to count, or NULL */
	struct trapfiles_ask single;
	bool quiet, counts, skip_missing;
};

/* Parse the command line of one command into O. Usage errors end the program with EXIT_USAGE,
 * --help with EXIT_FINE. ARGV[0] is what messages start with: "fvbench run". */
void options_list(struct options *o, int argc, char **argv);
void options_run(struct options *o, int argc, char **argv);
void options_traps(struct options *o, int argc, char **argv);
void options_selftest(struct options *o, int argc, char **argv);
void options_verify(struct options *o, int argc, char **argv);
void options_probe(int argc, char **argv);

struct argp_state;
/* One more pattern, ARG, to the *GLOBS in GLOB; a usage error where there is no room for it. */
void options_glob(const struct argp_state *state, const char *glob[OPTIONS_GLOBS],
		  unsigned int *globs, const char *arg);

/* The files that a run with O writes, NULL for those that nobody asked for. */
#define OPTIONS_WRITTEN 8
void options_written(const struct options *o, const char *path[OPTIONS_WRITTEN]);

#endif
