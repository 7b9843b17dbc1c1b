/* SPDX-License-Identifier: MIT */
/*
 * The few instructions that translated code needs beside the guest's own. None of them changes a
 * flag. SDM vol. 2. The caller guarantees room (BT_BLOCK_BYTES).
 */
#ifndef FVB_SWBT_BT_EMIT_H
#define FVB_SWBT_BT_EMIT_H

#include "backends/swbt/decode.h"

struct emit {
	u8 *p;	   /* where the next byte goes, in the writable view */
	s64 delta; /* executable view minus writable view */
};

/* [base + index * scale + disp]; base or index may be REG_NONE. */
struct emit_mem {
	u8 base, index, scale;
	s32 disp;
};

enum emit_width { W32, W64 };

static inline struct emit_mem at(u8 base, s32 disp)
{
	return (struct emit_mem){ .base = base, .index = REG_NONE, .scale = 1, .disp = disp };
}

void emit_bytes(struct emit *e, const void *bytes, size_t len);
void emit_byte(struct emit *e, u8 byte);
void emit_u32(struct emit *e, u32 value);

void emit_mov(struct emit *e, enum emit_width w, u8 dst, u8 src);
void emit_movsxd(struct emit *e, u8 dst, u8 src);
void emit_movzx16(struct emit *e, u8 dst, u8 src);
/* The shortest move of VALUE to all 64 bits of DST. */
void emit_const(struct emit *e, u8 dst, u64 value);
void emit_load(struct emit *e, enum emit_width w, u8 dst, struct emit_mem m);
/* From M plus GS.base. */
void emit_load_gs(struct emit *e, u8 dst, struct emit_mem m);
void emit_store(struct emit *e, enum emit_width w, u8 src, struct emit_mem m);
/* VALUE, sign-extended when W64. */
void emit_store_imm(struct emit *e, enum emit_width w, s32 value, struct emit_mem m);
void emit_add_mem(struct emit *e, enum emit_width w, u8 src, struct emit_mem m); /* sets flags */
void emit_lea(struct emit *e, enum emit_width w, u8 dst, struct emit_mem m);
/* Bytes and words: zero-extended to DST; into DST's low 16 bits alone. */
void emit_load8(struct emit *e, u8 dst, struct emit_mem m);
void emit_load16(struct emit *e, u8 dst, struct emit_mem m);
void emit_merge16(struct emit *e, u8 dst, struct emit_mem m);
void emit_store8(struct emit *e, u8 src, struct emit_mem m);
void emit_store8_imm(struct emit *e, u8 value, struct emit_mem m);
void emit_store16(struct emit *e, u8 src, struct emit_mem m);
/* 64-bit, all three of them registers, or the mask in memory. BMI2. */
void emit_pext(struct emit *e, u8 dst, u8 src, u8 mask);
void emit_pext_mem(struct emit *e, u8 dst, u8 src, struct emit_mem mask);
void emit_pdep_mem(struct emit *e, u8 dst, u8 src, struct emit_mem mask);
void emit_push(struct emit *e, u8 reg);
void emit_pop(struct emit *e, u8 reg);
/* DST = the address of TO, in the executable view. */
void emit_lea_code(struct emit *e, u8 dst, const u8 *to);
/* DST = SRC rotated right by COUNT. BMI2. */
void emit_rorx(struct emit *e, enum emit_width w, u8 dst, u8 src, u8 count);

/* DST = SRC shifted by the low six bits of COUNT. BMI2. */
void emit_shlx(struct emit *e, u8 dst, u8 src, u8 count);
void emit_shrx(struct emit *e, u8 dst, u8 src, u8 count);
/* The sign stays. */
void emit_sarx(struct emit *e, u8 dst, u8 src, u8 count);
void emit_not(struct emit *e, u8 reg);

/* Branches. The functions return where the displacement is (writable view), for emit_land8/32;
 * CC is the condition of the opcode's low four bits. */
u8 *emit_jrcxz(struct emit *e);
u8 *emit_jmp8(struct emit *e);
u8 *emit_jmp32(struct emit *e);
u8 *emit_jcc32(struct emit *e, u8 cc);
void emit_jmp_mem(struct emit *e, struct emit_mem m);
/* jmp32 to a place in the executable view. */
void emit_jmp_to(struct emit *e, const u8 *exec);

/* The branch whose displacement is at FIX goes to the present place / to TO (writable view). */
void emit_land8(struct emit *e, u8 *fix);
void emit_land32(struct emit *e, u8 *fix);
void emit_fix32(u8 *fix, const u8 *to);

#endif
