/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a run goes (common/account.h), for --overhead: one more sample of each
 * benchmark and variant, behind the counting one. It gives no times of operations: to keep the
 * account takes some.
 */
#ifndef FVB_BENCH_OVERHEAD_H
#define FVB_BENCH_OVERHEAD_H

#include "bench/run.h"

struct overhead; /* what the table at the end shows */

/* For BENCHES * VARIANTS of them; NULL: out of memory. Freed with free(). */
struct overhead *overhead_new(unsigned int benches, unsigned int variants);

/*
 * If RUN->overhead is open: take a sample as REQUEST says, whose benchmark is RUN's number BENCH
 * and whose variant is number VARIANT, and write down where its time went. Nothing of what is no
 * machine of ours. A sample that is not good goes into RESULT, as any such. 0; or as sample_take,
 * or a failed write with ERR filled.
 */
int overhead_sample(const struct run *run, const struct sample_runner *runner,
		    const struct sample_request *request, unsigned int bench, unsigned int variant,
		    const sigset_t *mask, struct result *result, struct error *err);

/* A table of the parts, in percent, for each benchmark and variant of RUN, if there is anything. */
void overhead_print(FILE *f, const struct run *run);

#endif
