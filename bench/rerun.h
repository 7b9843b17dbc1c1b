/* SPDX-License-Identifier: MIT */
/* fvbench rerun: repeat the run that a run.json tells of, and say what is not as it was. */
#ifndef FVB_BENCH_RERUN_H
#define FVB_BENCH_RERUN_H

#include "common/error.h"
#include "common/types.h"

#include <jansson.h>
#include <stdio.h>

struct options;

#define RERUN_WORDS 512

struct rerun {
	json_t *root;
	char *word[RERUN_WORDS + 1]; /* of the new command: "fvbench", "run", ..., NULL */
	int words;
	char backends[2048]; /* what WORD[] may point to besides ROOT */
	char reps[24];
	FILE *out; /* for what differs, one line each */
	unsigned int differences;
};

/* Read the run.json PATH. 0; -ENOENT for a file that cannot be read, -EINVAL for one that is no
 * JSON or tells of no run: ERR says which line, or what is missing. */
int rerun_load(struct rerun *r, const char *path, struct error *err);
void rerun_free(struct rerun *r);

/*
 * The command that repeats it: the recorded one without the options that name files to write, with
 * what was by default then and may not be now, and with MORE[0..NR) behind its options. -EINVAL
 * with ERR filled for a command that is none of fvbench run, traps and selftest.
 */
int rerun_command(struct rerun *r, char *const *more, int nr, struct error *err);

/* What reads the options of that command (options.h); NULL: it cannot be repeated. */
void (*rerun_parser(const char *command))(struct options *o, int argc, char **argv);

/* Print to R->out what is not as it was, build, libraries, environment and host, and count it. */
void rerun_compare_context(struct rerun *r);

/* The same of the guests' files, which a command with options O would run. -ENOENT with ERR
 * filled: there is no folder of guests. */
int rerun_compare_guests(struct rerun *r, const struct options *o, struct error *err);

#endif
