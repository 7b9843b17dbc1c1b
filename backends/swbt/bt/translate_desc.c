/* SPDX-License-Identifier: MIT */
/*
 * LAR, LSL, VERR, VERW and LTR at CPL 0 of 64-bit mode, for the selector in a register and the
 * descriptor in the GDT that are there at translation: others are for the C routine. SDM vol. 2.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/segment.h"

#define AH_ZF 0x4000 /* where LAHF puts ZF */

#define STATE_AT(f)	at(R15, (s32)offsetof(struct vcpu, s.f))
#define RFLAGS_AT(byte) at(R15, (s32)offsetof(struct vcpu, s.rflags) + (byte))
#define TR_AT(f)	at(R15, (s32)(offsetof(struct vcpu, s.seg[SEG_TR].f)))

static const struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };

void tr_expect(struct tr *t, u64 value)
{
	emit_const(&t->e, R13, 0 - value);
	emit_lea(&t->e, W64, RCX, sum);
	tr_unless_rcxz(t, tr_call_out(t));
}

bool tr_descriptor(struct tr *t, u16 selector, u32 size, u64 *d, struct ea *ea)
{
	const struct table_reg *gdt = &t->v->s.gdt;

	*ea = (struct ea){ .how = EA_CONST, .value = gdt->base + (selector & 0xfff8) };
	return t->long64 && t->key & KEY_FLAGS && !(selector & 4) && !selector_null(selector) &&
	       (selector & 0xfff8) + size - 1 <= gdt->limit && !(gdt->base & 7) &&
	       !lin_read(t->v, ea->value, d, size, ACC_READ | ACC_SYSTEM);
}

void tr_expect_gdt(struct tr *t)
{
	emit_load16(&t->e, RCX, STATE_AT(gdt.limit));
	tr_expect(t, t->v->s.gdt.limit);
	emit_load(&t->e, W64, RCX, STATE_AT(gdt.base));
	tr_expect(t, t->v->s.gdt.base);
	/* With AC, what the guest's own accesses may reach is more. */
	emit_load8(&t->e, RCX, RFLAGS_AT(2));
	tr_unless_rcxz(t, tr_call_out(t));
}

/* Look at all that the answer rests on, save for the descriptor. */
static void expect_place(struct tr *t, u8 gpr, u16 selector)
{
	emit_movzx16(&t->e, RCX, tr_gpr(t, gpr, R13));
	tr_expect(t, selector);
	tr_expect_gdt(t);
}

/* ---- LAR, LSL, VERR, VERW -------------------------------------------------------------------- */

/* What the routine makes of it: the destination's value, and ZF. Nothing is changed. */
static bool answer(struct tr *t, u64 *value, bool *zf)
{
	struct vcpu *v = t->v;
	u64 rflags = v->s.rflags, rip = v->s.rip, *dst = &v->s.gpr[t->i->op[0].reg], old = *dst;
	enum emulate_result r;

	v->s.rip = t->rip;
	r = emulate_routines[t->i->emulate].fn(v, t->i);
	*value = *dst;
	*zf = v->s.rflags & RFLAGS_ZF;
	*dst = old;
	v->s.rflags = rflags;
	v->s.rip = rip;
	return r == EMU_NEXT;
}

/* RAX comes and goes. */
static void set_zf(struct tr *t, bool zf)
{
	emit_mov(&t->e, W64, R13, RAX);
	emit_byte(&t->e, 0x9f); /* lahf */
	emit_pext_mem(&t->e, RCX, RAX, FRAME_AT(mask_not_zf));
	emit_pdep_mem(&t->e, RCX, RCX, FRAME_AT(mask_not_zf));
	emit_lea(&t->e, W64, RAX, at(RCX, zf ? AH_ZF : 0));
	emit_byte(&t->e, 0x9e); /* sahf */
	emit_mov(&t->e, W64, RAX, R13);
}

static enum gen gen_query(struct tr *t)
{
	const struct insn *i = t->i;
	bool writes = i->emulate == EMU_lar || i->emulate == EMU_lsl, zf;
	const struct operand *dst = &i->op[0], *src = &i->op[writes];
	u64 value, d = 0;
	u16 selector;
	struct ea ea;

	if (src->type != OPERAND_GPR || (writes && dst->size < 4))
		return GEN_STEP;
	selector = (u16)t->v->s.gpr[src->reg];
	if (!tr_descriptor(t, selector, 8, &d, &ea) || !answer(t, &value, &zf))
		return GEN_STEP;
	expect_place(t, src->reg, selector);
	if (!tr_lookup(t, &ea, 8, false, false))
		return GEN_STEP;
	emit_load(&t->e, W64, RCX, tr_operand(t, &ea));
	tr_expect(t, d);
	tr_commit(t);
	set_zf(t, zf);
	if (writes && zf) {
		u8 host = displaced(dst->reg) ? R13 : host_of(dst->reg);

		emit_const(&t->e, host, value);
		if (displaced(dst->reg))
			emit_store(&t->e, W64, host, GPR_AT(dst->reg));
	}
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

/* ---- LTR ------------------------------------------------------------------------------------- */

static enum gen gen_ltr(struct tr *t)
{
	const struct operand *src = &t->i->op[0];
	struct segment s;
	u16 selector;
	struct ea ea;
	u64 d[2];

	if (src->type != OPERAND_GPR)
		return GEN_STEP;
	selector = (u16)t->v->s.gpr[src->reg];
	if (!tr_descriptor(t, selector, 16, d, &ea) || DESC_TYPE(d[0]) != SYS_TSS32 ||
	    !(d[0] & DESC_P) || d[1] >> 32)
		return GEN_STEP;
	s = segment_from(selector, d[0]);
	s.base |= d[1] << 32;
	if (!canonical(s.base))
		return GEN_STEP;
	expect_place(t, src->reg, selector);
	if (!tr_lookup(t, &ea, 16, true, false))
		return GEN_STEP;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	emit_store(&t->e, W64, RCX, FRAME_AT(target));
	emit_load(&t->e, W64, RCX, at(RCX, 0));
	tr_expect(t, d[0]);
	emit_load(&t->e, W64, RCX, FRAME_AT(target));
	emit_load(&t->e, W64, RCX, at(RCX, 8));
	tr_expect(t, d[1]);
	emit_load(&t->e, W64, RCX, FRAME_AT(target));
	emit_const(&t->e, R13, d[0] | BIT64(41)); /* busy */
	tr_commit(t);
	emit_store(&t->e, W64, R13, at(RCX, 0));
	emit_const(&t->e, RCX, s.base);
	emit_store(&t->e, W64, RCX, TR_AT(base));
	emit_store_imm(&t->e, W32, (s32)s.limit, TR_AT(limit));
	emit_store_imm(&t->e, W32, (s32)(s.attr | 2), TR_AT(attr));
	emit_const(&t->e, RCX, selector);
	emit_store16(&t->e, RCX, TR_AT(selector));
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

enum gen gen_descriptor(struct tr *t)
{
	return t->i->emulate == EMU_ltr ? gen_ltr(t) : gen_query(t);
}
