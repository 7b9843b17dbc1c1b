/* SPDX-License-Identifier: MIT */
/* What a backend's counters say of its translator, as metrics: results/README.md. */
#ifndef FVB_BENCH_TRANSLATION_H
#define FVB_BENCH_TRANSLATION_H

#include "bench/sample.h"
#include "common/csv.h"

#include <stdio.h>

/* S is a sample with an account: its counters are of the whole run. Rows of the sample file under
 * KEY; none where nothing is translated. 0 or the negative errno of a failed write. */
int translation_csv_whole(FILE *f, const struct csv_key *key, const struct sample *s);

/* S is a counting sample, whose blocks counted how often they ran between the marks. */
int translation_csv_executed(FILE *f, const struct csv_key *key, const struct sample *s);

#endif
