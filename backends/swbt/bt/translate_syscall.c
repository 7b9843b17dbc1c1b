/* SPDX-License-Identifier: MIT */
/*
 * SYSCALL and SYSRET of 64-bit mode between CPL 3 and CPL 0, and STAC and CLAC: each goes on in
 * another space, which is at a fixed distance. What the MSRs say is translated into the code; their
 * number is part of the key (KEY_SYSCALL). SDM vol. 2, APM vol. 3.
 *
 * From the commit point on all that can come in between is a kick, which single-steps until control
 * has arrived.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/segment.h"

#define CODE64 (ATTR_P | ATTR_S | ATTR_G | ATTR_L | 11)
#define DATA32 (ATTR_P | ATTR_S | ATTR_G | ATTR_DB | 3)
#define DPL3   (3u << ATTR_DPL_SHIFT)
#define STATUS (RFLAGS_ARITH & ~RFLAGS_DF)

#define SEG_AT(n, f) \
	at(R15, (s32)(offsetof(struct vcpu, s.seg[0].f) + (n) * sizeof(struct segment)))
#define RFLAGS_AT(byte) at(R15, (s32)offsetof(struct vcpu, s.rflags) + (byte))

static void switch_space(struct tr *t, enum space_id from, enum space_id to)
{
	struct emit_mem sum = { .base = R15, .index = RCX, .scale = 1 };

	emit_const(&t->e, RCX, (u64)(((s64)to - (s64)from) * (s64)SPACE_STRIDE));
	emit_lea(&t->e, W64, R15, sum);
}

static void store_attr(struct tr *t, enum seg seg, u32 attr, u16 selector)
{
	emit_store_imm(&t->e, W32, (s32)attr, SEG_AT(seg, attr));
	emit_const(&t->e, RCX, selector);
	emit_store16(&t->e, RCX, SEG_AT(seg, selector));
}

static void store_flat(struct tr *t, enum seg seg, u32 attr, u16 selector)
{
	emit_store_imm(&t->e, W64, 0, SEG_AT(seg, base));
	emit_store_imm(&t->e, W32, -1, SEG_AT(seg, limit));
	store_attr(t, seg, attr, selector);
}

/* ---- SYSCALL --------------------------------------------------------------------------------- */

/* Clear the arithmetic flags that MASK has: DF, or all. */
static void clear_flags(struct tr *t, u64 mask)
{
	static const u8 add0[] = { 0x83, 0xc1, 0x00 }; /* add ecx, 0 */

	if (mask & RFLAGS_DF)
		emit_byte(&t->e, 0xfc); /* cld */
	if (!(mask & STATUS))
		return;
	/* One plus nothing: no carry, no overflow, positive, an odd number of bits. */
	emit_const(&t->e, RCX, 1);
	emit_bytes(&t->e, add0, sizeof(add0));
}

static enum gen gen_syscall(struct tr *t)
{
	u64 mask = t->v->s.msr.sfmask;
	u16 cs = (u16)(t->v->s.msr.star >> 32);

	if (!(t->key & KEY_CPL3) || (mask & STATUS && (mask & STATUS) != STATUS) ||
	    !canonical(t->v->s.msr.lstar))
		return GEN_STEP;
	emit_load(&t->e, W64, RCX, FRAME_AT(split));
	tr_unless_rcxz(t, tr_call_out(t));
	/* AC would choose another space, NT and IOPL are not expected there. */
	emit_load(&t->e, W64, RCX, RFLAGS_AT(0));
	emit_pext_mem(&t->e, RCX, RCX, FRAME_AT(mask_special));
	emit_lea(&t->e, W64, RCX, at(RCX, -1));
	tr_unless_rcxz(t, tr_call_out(t));
	tr_get_flags(t);
	tr_commit(t);
	emit_mov(&t->e, W64, R11, R13);
	emit_const(&t->e, R14, t->next);
	if (mask & RFLAGS_IF)
		emit_store_imm(&t->e, W64, (s32)RFLAGS_FIXED, RFLAGS_AT(0));
	store_flat(t, SEG_CS, CODE64, cs & 0xfffc);
	store_flat(t, SEG_SS, DATA32, (u16)(cs + 8) & 0xfffc);
	emit_store8_imm(&t->e, 0, at(R15, (s32)offsetof(struct vcpu, cpl)));
	tr_trap(t, TRAP_SYSCALL);
	clear_flags(t, mask);
	switch_space(t, SPACE_USER, SPACE_SUPER);
	tr_enter(t, t->v->s.msr.lstar);
	return GEN_END;
}

/* ---- SYSRET ---------------------------------------------------------------------------------- */

static enum gen gen_sysret(struct tr *t)
{
	u16 base = (u16)(t->v->s.msr.star >> 48);
	u16 ss = (u16)((base + 8) | 3);

	if (!(t->key & KEY_FLAGS) || t->i->opsize != 8)
		return GEN_STEP;
	emit_load(&t->e, W64, RCX, FRAME_AT(split));
	tr_unless_rcxz(t, tr_call_out(t));
	tr_canonical(t, R14);
	tr_unless_rcxz(t, tr_call_out(t));
	emit_mov(&t->e, W64, R13, R11);
	tr_check_flags(t);
	if (vendor_is_amd(t->v)) {
		/* Nothing of SS but its selector and DPL is set. */
		emit_load(&t->e, W32, RCX, SEG_AT(SEG_SS, attr));
		emit_lea(&t->e, W64, RCX, at(RCX, -(s32)DATA32));
		tr_unless_rcxz(t, tr_call_out(t));
	}
	tr_commit(t);
	tr_set_if(t);
	tr_set_flags(t);
	store_flat(t, SEG_CS, CODE64 | DPL3, (u16)((base + 16) | 3));
	if (vendor_is_amd(t->v))
		store_attr(t, SEG_SS, DATA32 | DPL3, ss);
	else
		store_flat(t, SEG_SS, DATA32 | DPL3, ss & 0xffff);
	emit_store8_imm(&t->e, 3, at(R15, (s32)offsetof(struct vcpu, cpl)));
	tr_trap(t, TRAP_SYSCALL);
	switch_space(t, SPACE_SUPER, SPACE_USER);
	emit_mov(&t->e, W64, R13, R14);
	tr_land(t);
	return GEN_END;
}

enum gen gen_syscalls(struct tr *t)
{
	if (!t->long64 || !(t->v->s.efer & EFER_SCE) || t->key >> KEY_SYSCALL_SHIFT == SYSCALL_NONE)
		return GEN_STEP;
	return t->i->emulate == EMU_syscall ? gen_syscall(t) : gen_sysret(t);
}

/* ---- STAC, CLAC ------------------------------------------------------------------------------ */

enum gen gen_smap(struct tr *t)
{
	const struct cpuid_leaf *l = cpuid_find(&t->v->vm->cpuid, 7, 0);
	bool set = t->i->emulate == EMU_stac;
	u8 *done;

	if (!(t->key & KEY_CPL0) || !l || !(l->ebx & BIT(20)))
		return GEN_STEP;
	/* Byte 2 has AC and, if anything else, what is not expected. */
	emit_load8(&t->e, RCX, RFLAGS_AT(2));
	if (set) {
		tr_unless_rcxz(t, tr_call_out(t));
		tr_commit(t);
		emit_store8_imm(&t->e, RFLAGS_AC >> 16, RFLAGS_AT(2));
		switch_space(t, SPACE_SUPER, SPACE_SUPER_AC);
		tr_trap(t, TRAP_FLAGS);
		return GEN_NEXT;
	}
	done = emit_jrcxz(&t->e);
	emit_lea(&t->e, W64, RCX, at(RCX, -(s32)(RFLAGS_AC >> 16)));
	tr_unless_rcxz(t, tr_call_out(t));
	tr_commit(t);
	emit_store8_imm(&t->e, 0, RFLAGS_AT(2));
	switch_space(t, SPACE_SUPER_AC, SPACE_SUPER);
	emit_land8(&t->e, done);
	tr_trap(t, TRAP_FLAGS);
	return GEN_NEXT;
}
