/* SPDX-License-Identifier: MIT */
/*
 * CSV as results are kept in: fields quoted as RFC 4180 section 2 asks where they need it, lines
 * ended by LF, a blank field for what nobody could see or know. The columns that every row of
 * every result file starts with are struct csv_key.
 */
#ifndef FVB_CSV_H
#define FVB_CSV_H

#include "common/backendopt.h"
#include "common/types.h"

#include <stdio.h>

/* Which run, machine and sample a row is about. A NULL or empty string is a blank field. */
struct csv_key {
	const char *run_id;    /* the same in every file that one run writes */
	const char *backend;   /* name of a struct backend */
	const char *engine;    /* way of running within the backend */
	const char *options;   /* what was not left at its default: "irqchip=kernel mem=64M" */
	const char *host_kind; /* native, nested or emulated */
	const char *guest;     /* the guest's file name */
	const char *bench;     /* benchmark in it */
	int rep;	       /* repetition, from 1; 0: blank */
	u64 iterations;	       /* operations in the measured section; 0: blank */
};

#define CSV_KEY_COLUMNS "run_id,backend,engine,options,host_kind,guest,bench,rep,iterations"

#define CSV_OPTIONS 640 /* room for every option that there can be */

/* The text of struct csv_key.options: what every machine has, and those of B's own options that
 * VALUES changes. */
void csv_options(char *text, size_t size, const char *irqchip, const char *cpu, u64 mem_size,
		 const struct backend *b, const struct backend_values *values);

/* One field; the comma or the line's end is the caller's. */
void csv_text(FILE *f, const char *text);

/* The nine fields of KEY and the comma after them. */
void csv_key(FILE *f, const struct csv_key *key);

/* Hand what was written so far to the kernel. 0, or the negative errno of a write that failed
 * now or before. */
int csv_flush(FILE *f);
/* The same, and close F, which may be NULL. */
int csv_close(FILE *f);

#endif
