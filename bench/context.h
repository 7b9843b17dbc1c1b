/* SPDX-License-Identifier: MIT */
/* What figures depend on besides the command: build, libraries, environment, host. run.json has it,
 * and `fvbench rerun` compares it with what is there now. */
#ifndef FVB_BENCH_CONTEXT_H
#define FVB_BENCH_CONTEXT_H

#include "bench/json.h"

/* Members of the open object: build, libraries, environment, host, virtualization; with QEMU, the
 * version of QEMU, too (null: not on PATH). Names in results/README.md. */
void context_write(struct json *j, bool qemu);

/* This program's GNU build ID as hexadecimal digits into TEXT; "" if it has none. */
void context_build_id(char *text, size_t size);

/* Is FACT no difference by itself: of the host, that it changes from minute to minute or as it is
 * measured; of the environment, that what is found by it is recorded? */
bool context_varies(const char *fact);

#endif
