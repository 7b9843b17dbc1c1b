/* SPDX-License-Identifier: MIT */
/* Sample files made up by a test, in memory. */
#ifndef FVB_TESTS_CSVMAKE_H
#define FVB_TESTS_CSVMAKE_H

#include "bench/data.h"

#define CSVMAKE_FILES 4

struct csvmake {
	struct {
		FILE *f;
		char *text;
		size_t len;
	} file[CSVMAKE_FILES];
	unsigned int files;
	u64 random;
};

/* Begin file number M->files, a samples file; HEADER NULL, or one with another header. */
void csvmake_file(struct csvmake *m, const char *header);

/* The first nine fields of a row of the newest file, and the comma after them. REP 0: blank.
 * VARIANT: "backend,engine,options,kind". */
void csvmake_key(struct csvmake *m, const char *run_id, const char *variant, const char *bench,
		 unsigned int rep);

/* N timed samples of cycles_per_op around CENTRE, with NOISE (0.02: 2 %), of run RUN_ID. */
void csvmake_samples(struct csvmake *m, const char *run_id, const char *variant, const char *bench,
		     unsigned int n, double centre, double noise);

/* All of it as D; M is as new then. */
void csvmake_done(struct csvmake *m, struct data *d);

#endif
