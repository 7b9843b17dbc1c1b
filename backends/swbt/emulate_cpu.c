/* SPDX-License-Identifier: MIT */
/* CPUID, time, cache and TLB control, interrupt flag, FS and GS bases. SDM vol. 2. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/feature.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

#define CR4_TSD BIT64(2)
#define CR4_PCE BIT64(8)
#define CR4_VME BIT64(0)
#define CR4_PVI BIT64(1)

static unsigned int iopl(const struct vcpu *v)
{
	return v->s.rflags >> 12 & 3;
}

enum emulate_result emu_cpuid(struct vcpu *v, const struct insn *i)
{
	u32 out[4];

	(void)i;
	cpuid_query(&v->vm->cpuid, (u32)v->s.gpr[RAX], (u32)v->s.gpr[RCX], v->s.cr4, v->s.xcr0,
		    v->vm->pc.lapic.base & APIC_BASE_ENABLE, out);
	gpr_set(v, RAX, 4, false, out[0]);
	gpr_set(v, RBX, 4, false, out[1]);
	gpr_set(v, RCX, 4, false, out[2]);
	gpr_set(v, RDX, 4, false, out[3]);
	return EMU_NEXT;
}

static void put_pair(struct vcpu *v, u64 value)
{
	gpr_set(v, RAX, 4, false, value);
	gpr_set(v, RDX, 4, false, value >> 32);
}

enum emulate_result emu_rdtsc(struct vcpu *v, const struct insn *i)
{
	(void)i;
	if (v->s.cr4 & CR4_TSD && v->cpl)
		return emu_gp(v);
	put_pair(v, __builtin_ia32_rdtsc() + v->tsc_offset);
	return EMU_NEXT;
}

enum emulate_result emu_rdtscp(struct vcpu *v, const struct insn *i)
{
	enum emulate_result r;

	if (!feature_shown(v, FEATURE_RDTSCP))
		return emu_ud(v);
	r = emu_rdtsc(v, i);
	if (r == EMU_NEXT)
		gpr_set(v, RCX, 4, false, v->s.msr.tsc_aux);
	return r;
}

/* No counter is shown, so every index is invalid, whoever asks. */
enum emulate_result emu_rdpmc(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return emu_gp(v);
}

enum emulate_result emu_rdpid(struct vcpu *v, const struct insn *i)
{
	if (!feature_shown(v, FEATURE_RDPID))
		return emu_ud(v);
	gpr_set(v, i->op[0].reg, 8, false, (u32)v->s.msr.tsc_aux);
	return EMU_NEXT;
}

/* Guest caches are the host's and coherent: nothing to write back. */
enum emulate_result emu_wbinvd(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return v->cpl ? emu_gp(v) : EMU_NEXT;
}

enum emulate_result emu_invlpg(struct vcpu *v, const struct insn *i)
{
	u64 linear = insn_ea(i, v, v->s.rip);

	if (v->cpl)
		return emu_gp(v);
	if (v->mode != MODE_LONG64)
		linear = (u32)(linear + v->s.seg[i->mem_seg].base);
	else if (i->mem_seg == SEG_FS || i->mem_seg == SEG_GS)
		linear += v->s.seg[i->mem_seg].base;
	mmu_flush_page(v, linear);
	return EMU_NEXT;
}

enum emulate_result emu_invpcid(struct vcpu *v, const struct insn *i)
{
	u64 type = gpr_get(v, i->op[0].reg, v->mode == MODE_LONG64 ? 8 : 4, false);
	u64 descriptor[2];

	if (!feature_shown(v, FEATURE_INVPCID))
		return emu_ud(v);
	if (v->cpl)
		return emu_gp(v);
	if (mem_read(v, i->mem_seg, insn_ea(i, v, v->s.rip), descriptor, 16))
		return EMU_FAULT;
	if (type > 3 || (type < 2 && descriptor[0] >> 12) ||
	    (type < 2 && descriptor[0] & 0xfff && !(v->s.cr4 & CR4_PCIDE)))
		return emu_gp(v);
	switch (type) {
	case 0: /* one page of one PCID */
		if ((u64)((s64)(descriptor[1] << 16) >> 16) != descriptor[1])
			return emu_gp(v);
		mmu_flush_page(v, descriptor[1]);
		break;
	case 1:
		mmu_flush_pcid(v, (u32)descriptor[0]);
		break;
	default:
		mmu_flush(v, type == 2);
		break;
	}
	return EMU_NEXT;
}

enum emulate_result emu_hlt(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return v->cpl ? emu_gp(v) : EMU_HALT;
}

enum emulate_result emu_swapgs(struct vcpu *v, const struct insn *i)
{
	u64 base = v->s.seg[SEG_GS].base;

	(void)i;
	if (v->mode != MODE_LONG64)
		return emu_ud(v);
	if (v->cpl)
		return emu_gp(v);
	v->s.seg[SEG_GS].base = v->s.msr.kernel_gs_base;
	v->s.msr.kernel_gs_base = base;
	return EMU_NEXT;
}

enum emulate_result emu_fsgsbase(struct vcpu *v, const struct insn *i)
{
	/* /0 RDFSBASE, /1 RDGSBASE, /2 WRFSBASE, /3 WRGSBASE */
	unsigned int op = i->raw[i->modrm_at] >> 3 & 7;
	struct segment *s = &v->s.seg[op & 1 ? SEG_GS : SEG_FS];
	u64 value;

	if (v->mode != MODE_LONG64 || !(v->s.cr4 & CR4_FSGSBASE))
		return emu_ud(v);
	if (op < 2) {
		gpr_set(v, i->op[0].reg, i->opsize, false, s->base);
		return EMU_NEXT;
	}
	value = gpr_get(v, i->op[0].reg, i->opsize, false);
	if ((u64)((s64)(value << 16) >> 16) != value)
		return emu_gp(v);
	s->base = value;
	return EMU_NEXT;
}

/* There is nobody to call: the instruction is another vendor's or a feature not shown. */
enum emulate_result emu_hypercall(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return emu_ud(v);
}

/*
 * CLI, STI, PUSHF and POPF in virtual-8086 mode with IOPL below 3, and CLI and STI at CPL 3 with
 * CR4.PVI, work on VIF. SDM vol. 3B 20.3.
 */
static bool virtual_if(const struct vcpu *v)
{
	if (iopl(v) == 3)
		return false;
	if (v->mode == MODE_VM86)
		return v->s.cr4 & CR4_VME;
	return v->cpl == 3 && v->s.cr4 & CR4_PVI && protected_mode(v);
}

static bool may_change_if(const struct vcpu *v)
{
	if (!protected_mode(v))
		return true;
	return v->mode == MODE_VM86 ? iopl(v) == 3 : v->cpl <= iopl(v);
}

enum emulate_result emu_cli(struct vcpu *v, const struct insn *i)
{
	(void)i;
	if (may_change_if(v))
		v->s.rflags &= ~RFLAGS_IF;
	else if (virtual_if(v))
		v->s.rflags &= ~RFLAGS_VIF;
	else
		return emu_gp(v);
	return EMU_NEXT;
}

enum emulate_result emu_sti(struct vcpu *v, const struct insn *i)
{
	(void)i;
	if (may_change_if(v)) {
		/* Interrupts open after the next instruction. */
		if (!(v->s.rflags & RFLAGS_IF))
			v->no_interrupts_once = v->s.ev.sti_shadow = true;
		v->s.rflags |= RFLAGS_IF;
	} else if (virtual_if(v) && !(v->s.rflags & RFLAGS_VIP)) {
		v->s.rflags |= RFLAGS_VIF;
	} else {
		return emu_gp(v);
	}
	return EMU_NEXT;
}

static enum emulate_result set_ac(struct vcpu *v, bool on)
{
	struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 7, 0);

	if (!l || !(l->ebx & BIT(20)) || v->cpl)
		return emu_ud(v);
	set_rflags(v, on ? RFLAGS_AC : 0, RFLAGS_AC);
	return EMU_NEXT;
}

enum emulate_result emu_clac(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return set_ac(v, false);
}

enum emulate_result emu_stac(struct vcpu *v, const struct insn *i)
{
	(void)i;
	return set_ac(v, true);
}

enum emulate_result emu_pushf(struct vcpu *v, const struct insn *i)
{
	u64 rsp = v->s.gpr[RSP], flags = v->s.rflags & ~(RFLAGS_RF | RFLAGS_VM);

	if (v->mode == MODE_VM86 && iopl(v) < 3) {
		if (!(v->s.cr4 & CR4_VME) || i->opsize != 2)
			return emu_gp(v);
		flags = (flags & ~RFLAGS_IF) | RFLAGS_IOPL | (flags & RFLAGS_VIF ? RFLAGS_IF : 0);
	}
	if (push_at(v, &rsp, flags, i->opsize))
		return EMU_FAULT;
	v->s.gpr[RSP] = rsp;
	return EMU_NEXT;
}

enum emulate_result emu_popf(struct vcpu *v, const struct insn *i)
{
	const u64 plain = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID;
	u64 rsp = v->s.gpr[RSP], value, mask = plain | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_RF;
	bool vme = v->mode == MODE_VM86 && iopl(v) < 3;

	if (vme && (!(v->s.cr4 & CR4_VME) || i->opsize != 2))
		return emu_gp(v);
	if (pop_at(v, &rsp, &value, i->opsize))
		return EMU_FAULT;
	if (vme) {
		if (value & RFLAGS_TF || (value & RFLAGS_IF && v->s.rflags & RFLAGS_VIP))
			return emu_gp(v);
		value = (value & ~RFLAGS_VIF) | (value & RFLAGS_IF ? RFLAGS_VIF : 0);
		mask = (plain & 0xffff) | RFLAGS_VIF;
	} else {
		if (protected_mode(v) && v->cpl)
			mask &= ~RFLAGS_IOPL;
		if (!may_change_if(v))
			mask &= ~RFLAGS_IF;
		if (i->opsize == 2)
			mask &= 0xffff;
	}
	value &= ~RFLAGS_RF;
	set_rflags(v, value, mask);
	set_rsp(v, rsp);
	return EMU_NEXT;
}
