/* SPDX-License-Identifier: MIT */
/*
 * Sensitive instructions that are a look at the vCPU or a change of it: time, system registers and
 * tables. Whether they are allowed is known from the key. SDM vol. 2.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/feature.h"

#define DR7_QUIET 0x400 /* nothing enabled, no GD; what is fixed */

#define STATE_AT(f) at(R15, (s32)offsetof(struct vcpu, s.f))
#define SEG_AT(n, f) \
	at(R15, (s32)(offsetof(struct vcpu, s.seg[0].f) + (n) * sizeof(struct segment)))

void tr_trap(struct tr *t, enum trap_cause cause)
{
	struct emit_mem m = at(R15, (s32)(offsetof(struct vcpu, inline_traps) + 8 * cause));

	emit_load(&t->e, W64, RCX, m);
	emit_lea(&t->e, W64, RCX, at(RCX, 1));
	emit_store(&t->e, W64, RCX, m);
}

/* Adding 2^47 brings the addresses that are to 0 .. 2^48 - 1. */
void tr_canonical(struct tr *t, u8 reg)
{
	struct emit_mem sum = { .base = RCX, .index = reg, .scale = 1 };

	emit_const(&t->e, RCX, BIT64(47));
	emit_lea(&t->e, W64, RCX, sum);
	emit_pext_mem(&t->e, RCX, RCX, FRAME_AT(mask_top));
}

static bool cpl0(const struct tr *t)
{
	return t->key & KEY_CPL0;
}

static enum emit_width word(const struct tr *t)
{
	return t->long64 ? W64 : W32;
}

/* GPR = M, all of it: 4 bytes are zero-extended. It is the commit point if GPR has a host register,
 * and the second move is it otherwise. */
static void load_gpr(struct tr *t, u8 gpr, enum emit_width w, struct emit_mem m)
{
	if (displaced(gpr)) {
		emit_load(&t->e, w, R13, m);
		tr_commit(t);
		emit_store(&t->e, W64, R13, GPR_AT(gpr));
		return;
	}
	tr_commit(t);
	emit_load(&t->e, w, host_of(gpr), m);
}

/* ---- time ------------------------------------------------------------------------------------ */

static enum gen gen_rdtsc(struct tr *t)
{
	static const u8 rdtsc[] = { 0x0f, 0x31 }, rdtscp[] = { 0x0f, 0x01, 0xf9 };
	struct emit_mem sum = { .base = RAX, .index = RDX, .scale = 1 };
	bool p = t->i->emulate == EMU_rdtscp;

	if ((t->key & KEY_TSD && !cpl0(t)) || (p && !feature_shown(t->v, FEATURE_RDTSCP)))
		return GEN_STEP;
	tr_commit(t);
	if (p)
		emit_bytes(&t->e, rdtscp, sizeof(rdtscp));
	else
		emit_bytes(&t->e, rdtsc, sizeof(rdtsc));
	emit_rorx(&t->e, W64, RDX, RDX, 32);
	emit_lea(&t->e, W64, RAX, sum);
	emit_load(&t->e, W64, RCX, at(R15, (s32)offsetof(struct vcpu, tsc_offset)));
	sum.index = RCX;
	emit_lea(&t->e, W64, RDX, sum);
	emit_mov(&t->e, W32, RAX, RDX);
	emit_rorx(&t->e, W64, RDX, RDX, 32);
	emit_mov(&t->e, W32, RDX, RDX);
	if (p)
		emit_load(&t->e, W32, R14, STATE_AT(msr.tsc_aux));
	tr_trap(t, TRAP_OTHER);
	return GEN_NEXT;
}

static enum gen gen_rdpid(struct tr *t)
{
	if (!feature_shown(t->v, FEATURE_RDPID))
		return GEN_STEP;
	load_gpr(t, t->i->op[0].reg, W32, STATE_AT(msr.tsc_aux));
	tr_trap(t, TRAP_OTHER);
	return GEN_NEXT;
}

/* ---- bases of FS and GS ---------------------------------------------------------------------- */

static enum gen gen_swapgs(struct tr *t)
{
	if (!t->long64 || !cpl0(t))
		return GEN_STEP;
	emit_load(&t->e, W64, RCX, SEG_AT(SEG_GS, base));
	emit_load(&t->e, W64, R13, STATE_AT(msr.kernel_gs_base));
	tr_commit(t);
	emit_store(&t->e, W64, R13, SEG_AT(SEG_GS, base));
	emit_store(&t->e, W64, RCX, STATE_AT(msr.kernel_gs_base));
	tr_trap(t, TRAP_OTHER);
	return GEN_NEXT;
}

static enum gen gen_fsgsbase(struct tr *t)
{
	unsigned int op = t->i->raw[t->i->modrm_at] >> 3 & 7;
	struct emit_mem base = SEG_AT(op & 1 ? SEG_GS : SEG_FS, base);
	enum emit_width w = t->i->opsize == 8 ? W64 : W32;
	u8 gpr = t->i->op[0].reg, host;

	if (!t->long64 || !(t->key & KEY_FSGSBASE) || t->i->opsize < 4)
		return GEN_STEP;
	if (op < 2) {
		load_gpr(t, gpr, w, base);
		tr_trap(t, TRAP_OTHER);
		return GEN_NEXT;
	}
	host = tr_gpr(t, gpr, R13);
	if (w == W64) {
		tr_canonical(t, host);
		tr_unless_rcxz(t, tr_call_out(t));
	} else {
		emit_mov(&t->e, W32, R13, host);
		host = R13;
	}
	tr_commit(t);
	emit_store(&t->e, W64, host, base);
	tr_trap(t, TRAP_OTHER);
	return GEN_NEXT;
}

/* ---- control and debug registers ------------------------------------------------------------- */

static enum gen gen_mov_cr(struct tr *t)
{
	static const u16 place[] = {
		[0] = offsetof(struct cpu_state, cr0),
		[2] = offsetof(struct cpu_state, cr2),
		[3] = offsetof(struct cpu_state, cr3),
		[4] = offsetof(struct cpu_state, cr4),
	};
	bool to = t->i->op[0].type == OPERAND_CR;
	u8 gpr = t->i->op[to].reg, cr = t->i->op[!to].reg;
	struct emit_mem m;

	if (!cpl0(t) || cr >= ARRAY_SIZE(place) || !(cr == 0 || place[cr]) || (to && cr != 2))
		return GEN_STEP;
	m = at(R15, (s32)offsetof(struct vcpu, s) + place[cr]);
	if (to) {
		gpr = tr_gpr(t, gpr, R13);
		emit_mov(&t->e, word(t), R13, gpr);
		tr_commit(t);
		emit_store(&t->e, W64, R13, m);
	} else {
		load_gpr(t, gpr, word(t), m);
	}
	tr_trap(t, TRAP_CR);
	return GEN_NEXT;
}

/* To DR7 when nothing is enabled, before and after. */
static enum gen gen_mov_dr(struct tr *t)
{
	u8 host;

	if (!cpl0(t) || t->i->op[0].type != OPERAND_DR || t->i->op[0].reg != 7)
		return GEN_STEP;
	emit_load16(&t->e, RCX, STATE_AT(dr7));
	emit_lea(&t->e, W64, RCX, at(RCX, -DR7_QUIET));
	tr_unless_rcxz(t, tr_call_out(t));
	host = tr_gpr(t, t->i->op[1].reg, R13);
	emit_movzx16(&t->e, RCX, host);
	emit_lea(&t->e, W64, RCX, at(RCX, -DR7_QUIET));
	tr_unless_rcxz(t, tr_call_out(t));
	if (t->long64) {
		emit_rorx(&t->e, W64, RCX, host, 32);
		emit_mov(&t->e, W32, RCX, RCX);
		tr_unless_rcxz(t, tr_call_out(t));
	}
	tr_commit(t);
	emit_store(&t->e, W32, host, STATE_AT(dr7));
	tr_trap(t, TRAP_CR);
	return GEN_NEXT;
}

/* ---- SMSW, SLDT, STR, MOV from segment registers -----------------------------------------------
 */

static enum gen store_word(struct tr *t, struct emit_mem from)
{
	struct ea ea;

	if (!tr_ea(t, &ea) || !tr_lookup(t, &ea, 2, true, tr_needs_check(t, 2)))
		return GEN_STEP;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	emit_load16(&t->e, R13, from);
	tr_commit(t);
	emit_store16(&t->e, R13, at(RCX, 0));
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

static enum gen gen_word(struct tr *t, struct emit_mem from, bool is_cr0)
{
	const struct operand *dst = &t->i->op[0];
	bool moved = displaced(dst->reg);
	u8 host = moved ? R13 : host_of(dst->reg);

	/* Anybody may look at selectors of ordinary segments. */
	if (t->key & KEY_UMIP && !cpl0(t) && t->i->emulate != EMU_mov_from_seg)
		return GEN_STEP;
	if (dst->type == OPERAND_MEM)
		return store_word(t, from);
	if (moved)
		emit_load(&t->e, W64, R13, GPR_AT(dst->reg));
	tr_commit(t);
	if (dst->size == 2)
		emit_merge16(&t->e, host, from);
	else if (is_cr0)
		emit_load(&t->e, dst->size == 8 ? W64 : W32, host, from);
	else
		emit_load16(&t->e, host, from);
	if (moved) {
		tr_commit(t);
		emit_store(&t->e, W64, R13, GPR_AT(dst->reg));
	}
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

enum gen gen_system(struct tr *t)
{
	switch (t->i->emulate) {
	case EMU_rdtsc:
	case EMU_rdtscp:
		return gen_rdtsc(t);
	case EMU_rdpid:
		return gen_rdpid(t);
	case EMU_swapgs:
		return gen_swapgs(t);
	case EMU_fsgsbase:
		return gen_fsgsbase(t);
	case EMU_mov_cr:
		return gen_mov_cr(t);
	case EMU_mov_dr:
		return gen_mov_dr(t);
	case EMU_smsw:
		return gen_word(t, STATE_AT(cr0), true);
	case EMU_sldt:
		return gen_word(t, SEG_AT(SEG_LDT, selector), false);
	case EMU_str:
		return gen_word(t, SEG_AT(SEG_TR, selector), false);
	case EMU_mov_from_seg:
		return gen_word(t, SEG_AT(t->i->op[1].reg, selector), false);
	default:
		return GEN_STEP;
	}
}

/* ---- SGDT, SIDT, LGDT, LIDT ------------------------------------------------------------------ */

/*
 * The operand's base is at an odd multiple of two as a rule, so it is moved by words, which are as
 * aligned as the operand is: the first of them reports what is not.
 */
static enum gen gen_store_table(struct tr *t, s32 limit, s32 base)
{
	unsigned int words = t->long64 ? 4 : 2;
	struct ea ea;

	if ((t->key & KEY_UMIP && !cpl0(t)) || !tr_ea(t, &ea) ||
	    !tr_lookup(t, &ea, 2 + 2 * words, true, true))
		return GEN_STEP;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	emit_load16(&t->e, R13, at(R15, limit));
	tr_commit(t);
	emit_store16(&t->e, R13, at(RCX, 0));
	emit_load(&t->e, W64, R13, at(R15, base));
	for (unsigned int n = 0; n < words; n++) {
		if (n)
			emit_rorx(&t->e, W64, R13, R13, 16);
		emit_store16(&t->e, R13, at(RCX, (s32)(2 + 2 * n)));
	}
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

/* R13 = the base of the operand at RCX; by words, or when it is known to be ALIGNED in two pieces,
 * of which the first has the limit, too. */
static void load_base(struct tr *t, unsigned int words, bool aligned)
{
	if (aligned) {
		emit_load(&t->e, W64, R13, at(RCX, 0));
		emit_merge16(&t->e, R13, at(RCX, 8));
		emit_rorx(&t->e, W64, R13, R13, 16);
		return;
	}
	emit_load16(&t->e, R13, at(RCX, (s32)(2 * words)));
	for (unsigned int n = words - 1; n; n--) {
		emit_rorx(&t->e, W64, R13, R13, 48);
		emit_merge16(&t->e, R13, at(RCX, (s32)(2 * n)));
	}
}

static enum gen gen_load_table(struct tr *t, s32 limit, s32 base)
{
	unsigned int words = t->long64 ? 4 : 2;
	struct ea ea;

	if (!cpl0(t) || t->i->opsize == 2 || !tr_ea(t, &ea) ||
	    !tr_lookup(t, &ea, 2 + 2 * words, false, true))
		return GEN_STEP;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	load_base(t, words, t->long64 && ea.how == EA_CONST && !(ea.value & 7));
	emit_load16(&t->e, RCX, at(RCX, 0));
	emit_store(&t->e, W64, RCX, FRAME_AT(target));
	if (t->long64) {
		tr_canonical(t, R13);
		tr_unless_rcxz(t, tr_call_out(t));
	}
	emit_load(&t->e, W64, RCX, FRAME_AT(target));
	tr_commit(t);
	emit_store(&t->e, W64, R13, at(R15, base));
	emit_store16(&t->e, RCX, at(R15, limit));
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

enum gen gen_table(struct tr *t)
{
	bool gdt = t->i->emulate == EMU_sgdt || t->i->emulate == EMU_lgdt;
	s32 limit = (s32)(gdt ? offsetof(struct vcpu, s.gdt.limit)
			      : offsetof(struct vcpu, s.idt.limit));
	s32 base =
		(s32)(gdt ? offsetof(struct vcpu, s.gdt.base) : offsetof(struct vcpu, s.idt.base));

	if (t->i->emulate == EMU_sgdt || t->i->emulate == EMU_sidt)
		return gen_store_table(t, limit, base);
	return gen_load_table(t, limit, base);
}
