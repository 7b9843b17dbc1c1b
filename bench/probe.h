/* SPDX-License-Identifier: MIT */
/* `fvbench probe`: what this host offers, for a person, and how to get what is missing. */
#ifndef FVB_BENCH_PROBE_H
#define FVB_BENCH_PROBE_H

#include "common/backend.h"

#include <stdio.h>

void probe_print(FILE *f, const struct backend *const *table);

#endif
