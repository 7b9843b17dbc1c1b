/* SPDX-License-Identifier: MIT */
/*
 * A few instructions for the code of sequences, in 16-, 32- and 64-bit encodings. Registers and
 * memory operands are 32 bits wide in all of them unless said otherwise; addresses are absolute and
 * below 64 KiB.
 */
#ifndef FVB_KVMORACLE_ASM_H
#define FVB_KVMORACLE_ASM_H

#include "tests/kvmoracle/world.h"

struct as {
	struct world *w;
	u32 at; /* linear address of the next byte */
	u8 bits;
};

void as_bytes(struct as *a, const u8 *bytes, unsigned int n);
#define AS(a, ...) as_bytes(a, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
void as_imm(struct as *a, u64 value, unsigned int bytes);

/* The prefix that makes an operand 32 bits wide, if need be. */
void as_wide(struct as *a);
/* ModRM and displacement of [ADDRESS] with REG in the middle field. */
void as_address(struct as *a, unsigned int reg, u32 address);

/* MOV reg, VALUE: 32 bits, or 64 if they are needed in 64-bit code. */
void as_set(struct as *a, enum gpr reg, u64 value);
/* MOV dword [ADDRESS], VALUE */
void as_put(struct as *a, u32 address, u32 value);
/* MOV dword [ADDRESS], reg and the reverse */
void as_store(struct as *a, u32 address, enum gpr reg);
void as_load(struct as *a, enum gpr reg, u32 address);
/* PUSH VALUE: a word of the stack is 4 bytes in 16- and 32-bit code, 8 in 64-bit code. */
void as_push(struct as *a, u32 value);
/* MOV sreg, reg */
void as_sreg(struct as *a, enum seg seg, enum gpr reg);

#endif
