/* SPDX-License-Identifier: MIT */
/* Take every sample of a run in the planned order and write each down as soon as it is there. */
#ifndef FVB_BENCH_RUN_H
#define FVB_BENCH_RUN_H

#include "bench/countsum.h"
#include "bench/design.h"
#include "bench/result.h"
#include "bench/sample.h"
#include "common/csv.h"
#include "common/trapfiles.h"

#include <stdio.h>

struct options;

/* A file of results; FILE is NULL where the user did not ask for it. */
struct record {
	FILE *file;
	const char *path;
};

struct run {
	const char *run_id, *host_kind;
	const struct options *asked; /* for run.json; or NULL */
	const char *missing;	     /* why backends were left out, a line each; or NULL */
	const struct bench *const *bench;
	unsigned int benches;
	const struct variant *variant;
	unsigned int variants;
	unsigned int reps; /* timed samples of each, or more (DESIGN) */
	struct design design;
	struct pin pin;
	bool uncounted; /* no counting samples */
	FILE *warn;	/* for what is wrong with the host, or NULL */
	u64 iterations; /* of every benchmark; 0: its own number times SCALE */
	double scale;
	u64 mem_size;	    /* bytes; 0: what is usual for each */
	const char *guests; /* folder of the guests' files */
	const char *kernel; /* of Linux guests: a path that holds from the guests' folder, too */
	const char *cpu;
	const struct backend *const *alike; /* as in struct vm_config */
	u64 timeout_ns;
	bool progress;			 /* one line on stderr that is written over and over */
	const struct counters *counters; /* events to count, or NULL */
	struct countsum *countsum;	 /* what they came to is added to it; or NULL */
	struct record samples, traps, overhead;
	struct overhead *parts;	  /* overhead.h: for the table, or NULL */
	struct trapfiles *single; /* of the counting samples */
};

/* What a row begins with, and the words that it points to. */
struct run_key {
	struct csv_key key;
	char options[CSV_OPTIONS], guest[48];
};

/* Fill K for S, which was taken as REQUEST says, repetition REP (0: none). K stays where it is. */
void run_key(const struct run *run, const struct sample_request *request, const struct sample *s,
	     unsigned int rep, struct run_key *k);

/* Open what RECORD->path names, if anything, and write its header with HEADER. 0 or negative
 * errno; ERR names the file. */
int record_open(struct record *record, void (*header)(FILE *f), struct error *err);

/* 0, or the negative errno of a write that failed; ERR names the file. */
int record_close(struct record *record, struct error *err);

/* Iterations that RUN asks of BENCH, at least 1. */
u64 run_iterations(const struct run *run, const struct bench *bench);

/*
 * How many of N operations are asked of VARIANT. A figure is per operation, and work that takes a
 * tenth of a second natively takes seconds in an emulator and a minute one instruction at a time:
 * there, compute guests do a tenth and a hundredth. Engines that run code in a process get a tenth
 * of what traps there and not in hardware, and trap+patch a fiftieth of what computes, as it
 * emulates some loops. N if the user said how many. On an emulated host all
 * that Linux guests do is a tenth.
 */
u64 run_share(const struct run *run, const struct variant *variant, const struct bench *bench,
	      u64 n);

/* Most timed samples of each: what results need room for. */
unsigned int run_most(const struct run *run);

/* Bytes of RAM of BENCH's guest. */
u64 run_memory(const struct run *run, const struct bench *bench);

/* RUN's options column for VARIANT with MEM_SIZE bytes of RAM (0: left out), into TEXT. */
void run_options(const struct run *run, const struct variant *variant, u64 mem_size, char *text,
		 size_t size);

/* RUN's results without any sample, as run_samples wants them; NULL without memory. */
struct result *run_results(const struct run *run);
void run_results_free(const struct run *run, struct result *result);

/* The guest column for BENCH: its file's name, into TEXT. */
#define RUN_GUEST 48
void run_guest(const struct bench *bench, char *text, size_t size);

/*
 * Take all samples into RESULT[benches * variants] (made by run_results, in table_print's order).
 * 0 when the plan was done, whatever the guests said; -EINTR after SIGINT or SIGTERM (*SIGNO is
 * which); another negative errno with ERR filled when the host failed us, a full disk among that.
 * All samples until then are in RESULT and on disk.
 */
int run_samples(const struct run *run, const struct sample_runner *runner, struct result *result,
		int *signo, struct error *err);

#endif
