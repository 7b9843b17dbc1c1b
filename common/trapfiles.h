/* SPDX-License-Identifier: MIT */
/* Files about single traps that fvm and fvbench write alike: --distances, --hot, --timeline; their
 * options, and the log (traplog.h) that they come from. */
#ifndef FVB_TRAPFILES_H
#define FVB_TRAPFILES_H

#include "common/traplogcsv.h"

#include <argp.h>

/* What the command line says; paths NULL: not asked for. */
struct trapfiles_ask {
	const char *distances, *hot, *timeline; /* HOT may be "-": print it */
	const char *symbols; /* names for the addresses of --hot; NULL: the guest's own file's */
	u64 interval;	     /* of --timeline, ns; 0: the default */
};

/* A parser for those options, in group 3; its input is a struct trapfiles_ask. */
const struct argp *trapfiles_argp(void);

struct trapfiles {
	struct trapfiles_ask ask;
	FILE *distances, *hot, *timeline;
	struct traplog *log; /* NULL: nobody asked for anything */
	struct symbols symbols;
};

/* Open the files and write their headers, read the symbols, and make a log if it is needed for
 * those or for TRACE, which may be NULL. 0, or negative errno with ERR filled; then, too, T is to
 * be closed. */
int trapfiles_open(struct trapfiles *t, const struct trapfiles_ask *ask, FILE *trace,
		   struct error *err);

/* The guest's file is PATH: unless the user named another, addresses get their names from there.
 * One that cannot be read, or NULL, has none. */
void trapfiles_guest(struct trapfiles *t, const char *path);

/* What the log has, under KEY. 0, or negative errno, ERR naming the file. */
int trapfiles_write(struct trapfiles *t, const struct csv_key *key, struct error *err);

/* Close what is open. 0, or the negative errno of a write that failed, ERR naming the file. */
int trapfiles_close(struct trapfiles *t, struct error *err);

#endif
