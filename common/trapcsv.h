/* SPDX-License-Identifier: MIT */
/*
 * The trap file (--traps FILE): one row per cause, in the order of trap.def. Column meanings are
 * in results/README.md.
 */
#ifndef FVB_TRAPCSV_H
#define FVB_TRAPCSV_H

#include "common/csv.h"
#include "common/trap.h"

/* The header line. */
void trapcsv_header(FILE *f);

/*
 * All TRAP_NR rows of STATS under KEY, flushed. A count that the backend does not see is blank, and
 * so are cycles that it does not time, quantiles of no trap at all, and what is per operation,
 * second or instruction where nobody knows how many those were (key->iterations, stats->span).
 * Returns 0 or the negative errno of the failed write.
 */
int trapcsv_write(FILE *f, const struct csv_key *key, const struct trap_stats *stats);

#endif
