/* SPDX-License-Identifier: MIT */
/*
 * CPUID, RDMSR, WRMSR: what they do depends on registers, and is translated for what is in those at
 * translation. Another value is for the C routine.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/segment.h"

#define MSR_EFER      0xc0000080u
#define MSR_FS_BASE   0xc0000100u
#define MSR_GS_BASE   0xc0000101u
#define MSR_KERNEL_GS 0xc0000102u
#define MSR_TSC_AUX   0xc0000103u
#define MSR_PAT	      0x277u

/* Go on if the guest register that is in HOST is VALUE. */
static void expect(struct tr *t, u8 host, u32 value)
{
	emit_lea(&t->e, W32, RCX, at(host, (s32)(0u - value)));
	tr_unless_rcxz(t, tr_call_out(t));
}

/* Leaves whose answer rests on control registers are left out. */
static bool constant_leaf(const struct vcpu *v, u32 leaf, u32 index, u32 out[4])
{
	u32 other[4];

	cpuid_query(&v->vm->cpuid, leaf, index, 0, 1, false, out);
	cpuid_query(&v->vm->cpuid, leaf, index, ~0ull, v->fpu_mask, true, other);
	for (unsigned int n = 0; n < 4; n++)
		if (out[n] != other[n])
			return false;
	return true;
}

static enum gen gen_cpuid(struct tr *t)
{
	u32 leaf = (u32)t->v->s.gpr[RAX], index = (u32)t->v->s.gpr[RCX], out[4];

	if (!constant_leaf(t->v, leaf, index, out))
		return GEN_STEP;
	expect(t, RAX, leaf);
	expect(t, R14, index);
	tr_commit(t);
	emit_const(&t->e, RAX, out[0]);
	emit_const(&t->e, RBX, out[1]);
	emit_const(&t->e, R14, out[2]);
	emit_const(&t->e, RDX, out[3]);
	tr_trap(t, TRAP_CPUID);
	return GEN_NEXT;
}

/* Where an MSR is that is no more than a field, or 0. */
static s32 place(u32 msr)
{
	switch (msr) {
	case MSR_EFER:
		return (s32)offsetof(struct vcpu, s.efer);
	case MSR_FS_BASE:
		return (s32)offsetof(struct vcpu, s.seg[SEG_FS].base);
	case MSR_GS_BASE:
		return (s32)offsetof(struct vcpu, s.seg[SEG_GS].base);
	case MSR_KERNEL_GS:
		return (s32)offsetof(struct vcpu, s.msr.kernel_gs_base);
	case MSR_TSC_AUX:
		return (s32)offsetof(struct vcpu, s.msr.tsc_aux);
	case MSR_PAT:
		return (s32)offsetof(struct vcpu, s.msr.pat);
	default:
		return 0;
	}
}

static enum gen gen_rdmsr(struct tr *t)
{
	u32 msr = (u32)t->v->s.gpr[RCX];
	s32 from = place(msr);

	if (!from)
		return GEN_STEP;
	expect(t, R14, msr);
	tr_commit(t);
	emit_load(&t->e, W32, RAX, at(R15, from));
	emit_load(&t->e, W32, RDX, at(R15, from + 4));
	tr_trap(t, TRAP_MSR);
	return GEN_NEXT;
}

/* R13 = EDX:EAX. */
static void compose(struct tr *t)
{
	struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };

	emit_mov(&t->e, W32, R13, RDX);
	emit_rorx(&t->e, W64, R13, R13, 32);
	emit_mov(&t->e, W32, RCX, RAX);
	emit_lea(&t->e, W64, R13, sum);
}

static void apply(struct tr *t, u8 src, u64 mask)
{
	emit_const(&t->e, RCX, mask);
	emit_pext(&t->e, RCX, src, RCX);
}

/* Each byte is to be 0, 1, 4, 5, 6 or 7: nothing above bit 2, and no bit 1 without bit 2. */
static void check_pat(struct tr *t)
{
	apply(t, R13, 0xf8f8f8f8f8f8f8f8);
	tr_unless_rcxz(t, tr_call_out(t));
	apply(t, R13, 0x0202020202020202);
	emit_store(&t->e, W64, RCX, FRAME_AT(target));
	apply(t, R13, 0x0404040404040404);
	emit_load(&t->e, W64, R13, FRAME_AT(target));
	emit_not(&t->e, RCX);
	emit_pext(&t->e, RCX, R13, RCX);
	tr_unless_rcxz(t, tr_call_out(t));
}

static enum gen gen_wrmsr(struct tr *t)
{
	u32 msr = (u32)t->v->s.gpr[RCX];
	s32 to = place(msr);

	if (!to || msr == MSR_EFER)
		return GEN_STEP;
	expect(t, R14, msr);
	if (msr != MSR_TSC_AUX)
		compose(t);
	if (msr == MSR_PAT) {
		check_pat(t);
	} else if (msr != MSR_TSC_AUX) {
		tr_canonical(t, R13);
		tr_unless_rcxz(t, tr_call_out(t));
	}
	tr_commit(t);
	emit_store(&t->e, W32, RAX, at(R15, to));
	if (msr == MSR_TSC_AUX && vendor_is_amd(t->v))
		emit_store_imm(&t->e, W32, 0, at(R15, to + 4));
	else
		emit_store(&t->e, W32, RDX, at(R15, to + 4));
	tr_trap(t, TRAP_MSR);
	return GEN_NEXT;
}

enum gen gen_predicted(struct tr *t)
{
	if (t->n) /* behind an STI: too late to know */
		return GEN_STEP;
	if (t->i->emulate == EMU_cpuid)
		return gen_cpuid(t);
	if (t->i->emulate != EMU_rdmsr && t->i->emulate != EMU_wrmsr)
		return gen_descriptor(t);
	if (!(t->key & KEY_CPL0))
		return GEN_STEP;
	return t->i->emulate == EMU_rdmsr ? gen_rdmsr(t) : gen_wrmsr(t);
}
