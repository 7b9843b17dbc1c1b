/* SPDX-License-Identifier: MIT */
/*
 * Decoded instructions as templates: what the decoder made of one is kept by its prefixes, opcode
 * and whether ModRM names memory, and serves for all others that differ in registers, addressing,
 * displacement and immediate alone, whose fields are made from the bytes. A few hundred templates
 * are nearly all of what programs and kernels consist of. SDM vol. 2A chapter 2.
 */
#ifndef FVB_SWBT_BT_TEMPLATE_H
#define FVB_SWBT_BT_TEMPLATE_H

#include "backends/swbt/decode.h"

#define TEMPLATES      1024u
#define TEMPLATE_SLOTS 4096u

/* How an immediate's bytes become 64 bits. Those of a positive one do not tell. */
enum extension { EXTEND_ANY, EXTEND_SIGN, EXTEND_ZERO };

struct template
{
	u64 key;
	struct insn insn;
	u32 read, written; /* registers that are so whatever the bytes say */
	u8 imm_op;	   /* the operand that the immediate is */
	u8 extension;
};

/* What is known of an opcode. */
struct opcode_shape {
	bool known, has_modrm;
	bool reg_counts; /* ModRM.reg is more of the opcode */
};

struct templates {
	struct opcode_shape shape[5][4][256]; /* by mode, map (one byte, 0F, 0F38, 0F3A), opcode */
	u16 slot[TEMPLATE_SLOTS];	      /* hash of keys: number of a template plus 1 */
	struct template entry[TEMPLATES];
	u32 nr;
	u64 hits;
};

/* The first instruction of BYTES[0..N) of MODE, exactly as decode() would have it; or false.
 * Touches no vector register. */
bool template_find(struct templates *t, struct insn *i, const u8 *bytes, size_t n,
		   enum cpu_mode mode);

/* I is what decode() made of BYTES[0..N) in its mode. */
void template_learn(struct templates *t, const struct insn *i, const u8 *bytes, size_t n);

#endif
