/* SPDX-License-Identifier: MIT */
/* Random instructions: bytes that have the shape of one, and a generator that a seed repeats. */
#ifndef FVB_ORACLE_GEN_H
#define FVB_ORACLE_GEN_H

#include "backends/swbt/decode.h"

struct gen {
	u64 state;
};

/* Start again for case N of SEED: every case is reproducible by itself. */
void gen_seed(struct gen *g, u64 seed, u64 n);

u64 gen_u64(struct gen *g);
/* 0 <= result < N */
u32 gen_below(struct gen *g, u32 n);
/* True once in N times. */
bool gen_one_in(struct gen *g, u32 n);
/* A number that is likelier than chance to be small, negative, a power of two or a limit. */
u64 gen_value(struct gen *g);

/* Fill BYTES with prefixes, an opcode of any map and encoding, ModRM and noise. Most of them are
 * instructions in MODE, not all. */
void gen_bytes(struct gen *g, enum cpu_mode mode, u8 bytes[INSN_MAX]);

#endif
