/* SPDX-License-Identifier: MIT */
/* What libFuzzer and the replay driver call. */
#ifndef FVB_FUZZ_H
#define FVB_FUZZ_H

#include "common/types.h"

/* Feed SIZE bytes to the code under test; abort() if it misbehaves. Always 0. */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
