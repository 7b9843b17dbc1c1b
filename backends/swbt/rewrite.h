/* SPDX-License-Identifier: MIT */
/*
 * Rewriting: the bytes of a guest instruction, of any mode, become the same instruction in 64-bit
 * code with other registers and another memory operand. Opcode and immediate stay, so whatever the
 * decoder knows can be rewritten. SDM vol. 2A ch. 2.
 */
#ifndef FVB_SWBT_REWRITE_H
#define FVB_SWBT_REWRITE_H

#include "backends/swbt/decode.h"

struct rewrite {
	u8 gpr[NR_GPR]; /* host register for each guest register that appears explicitly */
	/* New memory operand: [base + index * scale + disp]; base or index may be REG_NONE. It is a
	 * 64-bit address without segment. */
	u8 base, index, scale;
	s32 disp;
};

#define REWRITE_MAX 24

/*
 * Write the host form of I under R to OUT. Returns its length, or -ENOTSUP where the operands have
 * no 64-bit encoding (AH..BH beside a register that needs REX; implicit registers that R renames; a
 * vector of addresses): the caller moves registers around it or calls C.
 *
 * Only instructions of INSN_PLAIN: those that use the stack, the instruction pointer or a segment
 * mean something else in 64-bit code. LEA gets the new operand like any other.
 */
int rewrite(const struct insn *i, const struct rewrite *r, u8 out[REWRITE_MAX]);

/* BIT(gpr) of the registers that I uses implicitly (cannot be renamed), read or written. */
u32 insn_implicit_gprs(const struct insn *i);

/* BIT(gpr) of the registers that I names as operands, those of its memory operand apart. */
u32 insn_explicit_gprs(const struct insn *i);

#endif
