/* SPDX-License-Identifier: MIT */
/* What one sample says, as named numbers: the same for the CSV file and for the table. */
#ifndef FVB_BENCH_METRICS_H
#define FVB_BENCH_METRICS_H

#include "bench/sample.h"
#include "common/csv.h"

/* Counts that an operation took, measured as often as V says; NAN where STATS does not see CAUSE.
 */
double metrics_traps_per_op(const struct sample *s, enum trap_cause cause);

/* The header line of the sample file. */
void metrics_csv_header(FILE *f);

/* One row of the sample file, for the number called NAME. */
void metrics_csv_row(FILE *f, const struct csv_key *key, const char *name, const char *unit,
		     long double value);

/*
 * All rows of S under KEY, flushed: its metrics, and its status in any case. KEY->iterations is
 * taken from the guest's own word where there is one. 0 or the negative errno of a failed write.
 */
int metrics_csv_write(FILE *f, const struct csv_key *key, const struct sample *s);

/* How samples of KEY drifted from the first to the last; nothing where that is not known. 0 or the
 * negative errno of a failed write. */
int metrics_csv_drift(FILE *f, const struct csv_key *key, const struct drift *d);

#endif
