/* SPDX-License-Identifier: MIT */
/* The runner of real samples: a VM made by common/ around the guest that a request names. */
#ifndef FVB_BENCH_MACHINE_H
#define FVB_BENCH_MACHINE_H

#include "bench/sample.h"

/* Body of a struct sample_runner; ARG is the guests' folder (const char *). */
void machine_body(void *arg, const struct sample_request *request, struct sample_raw *raw);

#endif
