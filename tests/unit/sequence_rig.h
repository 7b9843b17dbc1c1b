/* SPDX-License-Identifier: MIT */
/* What tests that compare random sequences of instructions have in common. */
#ifndef FVB_TESTS_SEQUENCE_RIG_H
#define FVB_TESTS_SEQUENCE_RIG_H

#include "backends/swbt/decode.h"
#include "tests/oracle/gen.h"
#include "tests/unit/swbt_rig.h"

/* SIZE bytes of RAM at AT, a multiple of 8: fill them, and a hash of them. */
void sequence_fill(struct vm *vm, struct gen *g, u64 at, u32 size);
u64 sequence_hash(struct vm *vm, u64 at, u32 size);

/* Does I do the same each time, in one go? Some are random, or say where the host is. */
bool sequence_may_have(const struct insn *i);

#endif
