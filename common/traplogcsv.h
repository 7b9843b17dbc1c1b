/* SPDX-License-Identifier: MIT */
/* What a log of traps has, as files: --distances, --hot, --timeline. Column meanings are in
 * results/README.md. */
#ifndef FVB_TRAPLOGCSV_H
#define FVB_TRAPLOGCSV_H

#include "common/boot/symbols.h"
#include "common/csv.h"
#include "common/traplog.h"

/* The header lines. */
void distances_header(FILE *f);
void hot_header(FILE *f);
void timeline_header(FILE *f);

/*
 * The rows of LOG under KEY, flushed; 0 or the negative errno of the failed write.
 * Distances: for all causes together and for each, in cycles and, where they are known, in
 * instructions: each bucket that is not empty, ascending.
 * Hot: guest addresses by cause, those with the most traps first; SYMBOLS names them.
 * Timeline: by time, then cause, where there were any.
 */
int distances_write(FILE *f, const struct csv_key *key, const struct traplog *log);
int hot_write(FILE *f, const struct csv_key *key, const struct traplog *log,
	      const struct symbols *symbols);
/* Hot for a person: a table of the first 20, and of how many there are. */
int hot_print(FILE *f, const struct csv_key *key, const struct traplog *log,
	      const struct symbols *symbols);
int timeline_write(FILE *f, const struct csv_key *key, const struct traplog *log);

#endif
