/* SPDX-License-Identifier: MIT */
/*
 * Decoded instructions, by their bytes: most of what is translated are the same few instructions.
 * How long one is, which must be known to look for its bytes, is guessed from its first ones.
 * Displacements from the instruction's own place (near branches, RIP-relative operands) hardly
 * come twice: those bytes are a hole in the key, and filled in.
 */
#ifndef FVB_SWBT_BT_INSNCACHE_H
#define FVB_SWBT_BT_INSNCACHE_H

#include "backends/swbt/decode.h"

#define INSNCACHE_SHAPES 4096u
#define INSNCACHE_INSNS	 2048u

struct insncache {
	struct insn_shape {
		u8 length, hole; /* where 4 bytes do not count, or 0 */
	} shape[INSNCACHE_SHAPES];
	struct insn insn[INSNCACHE_INSNS];
	u64 hits;
};

/* As decode(). */
int insncache_decode(struct insncache *c, struct insn *i, const u8 *bytes, size_t n,
		     enum cpu_mode mode);

#endif
