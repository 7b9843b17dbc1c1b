/* SPDX-License-Identifier: MIT */
/* The runner of real samples: a VM made by common/ around the guest that a request names. */
#ifndef FVB_BENCH_MACHINE_H
#define FVB_BENCH_MACHINE_H

#include "bench/sample.h"

/* A guest's command line is shorter than this. */
#define LINUX_APPEND 1024

/* Why a Linux guest is skipped whose kernel cannot be read. */
#define NO_KERNEL "run make guests, which fetches the kernel"

/* The command line of REQUEST's guest; what is too long is cut off. */
void machine_append(const struct sample_request *request, char text[LINUX_APPEND]);

/* Body of a struct sample_runner; ARG is the guests' folder (const char *). */
void machine_body(void *arg, const struct sample_request *request, struct sample_raw *raw);

#endif
