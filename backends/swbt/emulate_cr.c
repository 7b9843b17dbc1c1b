/* SPDX-License-Identifier: MIT */
/* Control, extended control and debug registers. SDM vol. 3A 2.5, vol. 3B 17.2, vol. 2 MOV. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

#define CR0_KNOWN                                                                                  \
	(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | \
	 CR0_PG)
#define CR4_VME BIT64(0)
#define CR4_PVI BIT64(1)
#define CR4_TSD BIT64(2)
#define CR4_DE	BIT64(3)
#define CR4_MCE BIT64(6)
#define CR4_PCE BIT64(8)

#define CR3_NO_FLUSH BIT64(63)
#define CR3_PCID     0xfffull
#define CR3_RESERVED 0xfff0000000000000ull

/* CR4 bits and the CPUID feature that each needs: leaf, register (1 ebx, 2 ecx, 3 edx), bit. */
static const struct {
	u64 cr4;
	u32 function;
	u8 reg, bit;
} cr4_features[] = {
	{ CR4_VME, 1, 3, 1 },	   { CR4_PVI, 1, 3, 1 },	 { CR4_TSD, 1, 3, 4 },
	{ CR4_DE, 1, 3, 2 },	   { CR4_PSE, 1, 3, 3 },	 { CR4_PAE, 1, 3, 6 },
	{ CR4_MCE, 1, 3, 7 },	   { CR4_PGE, 1, 3, 13 },	 { CR4_PCE, 1, 3, 5 },
	{ CR4_OSFXSR, 1, 3, 24 },  { CR4_OSXMMEXCPT, 1, 3, 25 }, { CR4_UMIP, 7, 2, 2 },
	{ CR4_FSGSBASE, 7, 1, 0 }, { CR4_PCIDE, 1, 2, 17 },	 { CR4_OSXSAVE, 1, 2, 26 },
	{ CR4_SMEP, 7, 1, 7 },	   { CR4_SMAP, 7, 1, 20 },
};

/* Which of BITS the processor does not have. */
static u64 cr4_reserved(struct vcpu *v, u64 bits)
{
	for (size_t n = 0; bits && n < ARRAY_SIZE(cr4_features); n++) {
		struct cpuid_leaf *l;

		if (!(bits & cr4_features[n].cr4))
			continue;
		l = cpuid_find(&v->vm->cpuid, cr4_features[n].function, 0);
		if (l && (const u32[]){ l->eax, l->ebx, l->ecx, l->edx }[cr4_features[n].reg] &
				 BIT(cr4_features[n].bit))
			bits &= ~cr4_features[n].cr4;
	}
	return bits;
}

/* Entering or leaving long mode by CR0.PG. 0 or EXC. */
static int switch_paging(struct vcpu *v, u64 value)
{
	bool on = value & CR0_PG;

	if (on && v->s.efer & EFER_LME) {
		if (!(v->s.cr4 & CR4_PAE) || v->s.seg[SEG_CS].attr & ATTR_L)
			return raise_err(v, GP, 0);
		v->s.efer |= EFER_LMA;
	} else if (on && v->s.cr4 & CR4_PAE) {
		return mmu_load_pdptes(v, v->s.cr3);
	} else if (!on) {
		if (v->mode == MODE_LONG64 || v->s.cr4 & CR4_PCIDE)
			return raise_err(v, GP, 0);
		v->s.efer &= ~EFER_LMA;
	}
	return 0;
}

/* As set_cr3 (emulate.h): paging and long mode go on and off here. 0 or EXC. */
static int set_cr0(struct vcpu *v, u64 value)
{
	u64 old = v->s.cr0;

	if (value >> 32)
		return raise_err(v, GP, 0);
	value = (value & CR0_KNOWN) | CR0_ET;
	if ((value & CR0_PG && !(value & CR0_PE)) || (value & CR0_NW && !(value & CR0_CD)))
		return raise_err(v, GP, 0);
	if ((value ^ old) & CR0_PG && switch_paging(v, value))
		return EXC;
	v->s.cr0 = value;
	if ((value ^ old) & (CR0_PG | CR0_PE))
		mmu_flush(v, true);
	else if ((value ^ old) & (CR0_WP | CR0_AM))
		mmu_rights_changed(v);
	if ((value ^ old) & (CR0_PG | CR0_PE))
		vcpu_derive(v);
	return 0;
}

int set_cr3(struct vcpu *v, u64 value)
{
	bool keep = false;

	if (long_mode(v)) {
		if (v->s.cr4 & CR4_PCIDE) {
			keep = value & CR3_NO_FLUSH;
			value &= ~CR3_NO_FLUSH;
		}
		if (value & (v->mmu.no_address | CR3_RESERVED))
			return raise_err(v, GP, 0);
	} else {
		value = (u32)value;
		if (v->s.cr0 & CR0_PG && v->s.cr4 & CR4_PAE && mmu_load_pdptes(v, value))
			return EXC;
	}
	v->s.cr3 = value;
	v->mmu.epoch++;
	if (!keep)
		mmu_flush_pcid(v, (u32)(value & CR3_PCID));
	return 0;
}

static int set_cr4(struct vcpu *v, u64 value)
{
	u64 old = v->s.cr4;

	if (cr4_reserved(v, value & ~old))
		return raise_err(v, GP, 0);
	if (long_mode(v) && !(value & CR4_PAE))
		return raise_err(v, GP, 0);
	if (value & ~old & CR4_PCIDE && (!long_mode(v) || v->s.cr3 & CR3_PCID))
		return raise_err(v, GP, 0);
	v->s.cr4 = value;
	if (v->s.cr0 & CR0_PG && value & CR4_PAE && !long_mode(v) &&
	    (value ^ old) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP) &&
	    mmu_load_pdptes(v, v->s.cr3)) {
		v->s.cr4 = old;
		return EXC;
	}
	mmu_rights_changed(v);
	return 0;
}

int set_efer(struct vcpu *v, u64 value)
{
	struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 0x80000001, 0);
	u64 allowed = EFER_LMA, old = v->s.efer;

	if (l) {
		allowed |= l->edx & BIT(11) ? EFER_SCE : 0;
		allowed |= l->edx & BIT(20) ? EFER_NXE : 0;
		allowed |= l->edx & BIT(29) ? EFER_LME : 0;
		allowed |= l->edx & BIT(25) ? BIT64(14) : 0;
	}
	if (value & ~allowed)
		return raise_err(v, GP, 0);
	if ((value ^ old) & EFER_LME && v->s.cr0 & CR0_PG)
		return raise_err(v, GP, 0);
	v->s.efer = (value & ~EFER_LMA) | (old & EFER_LMA);
	mmu_rights_changed(v);
	return 0;
}

static enum emulate_result result(int r)
{
	return r ? EMU_FAULT : EMU_NEXT;
}

enum emulate_result emu_mov_cr(struct vcpu *v, const struct insn *i)
{
	bool to = i->op[0].type == OPERAND_CR;
	u8 gpr = i->op[to ? 1 : 0].reg, size = v->mode == MODE_LONG64 ? 8 : 4;
	u8 cr = i->op[to ? 0 : 1].reg;
	u64 value = gpr_get(v, gpr, size, false);

	if (cr != 0 && cr != 2 && cr != 3 && cr != 4 && cr != 8)
		return result(raise_exc(v, UD));
	if (v->cpl)
		return emu_gp(v);
	if (!to) {
		value = cr == 0	  ? v->s.cr0
			: cr == 2 ? v->s.cr2
			: cr == 3 ? v->s.cr3
			: cr == 4 ? v->s.cr4
				  : lapic_get_cr8(&v->vm->pc.lapic);
		gpr_set(v, gpr, size, false, value);
		return EMU_NEXT;
	}
	switch (cr) {
	case 0:
		return result(set_cr0(v, value));
	case 2:
		v->s.cr2 = value;
		return EMU_NEXT;
	case 3:
		return result(set_cr3(v, value));
	case 4:
		return result(set_cr4(v, value));
	default:
		if (value & ~15ull)
			return emu_gp(v);
		lapic_set_cr8(&v->vm->pc.lapic, value);
		return EMU_NEXT;
	}
}

enum emulate_result emu_lmsw(struct vcpu *v, const struct insn *i)
{
	u64 value;

	if (v->cpl)
		return emu_gp(v);
	if (operand_get(v, i, 0, &value))
		return EMU_FAULT;
	/* PE can be set but not cleared this way. */
	value = (v->s.cr0 & ~(CR0_MP | CR0_EM | CR0_TS)) |
		(value & (CR0_PE | CR0_MP | CR0_EM | CR0_TS));
	return result(set_cr0(v, value));
}

enum emulate_result emu_smsw(struct vcpu *v, const struct insn *i)
{
	if (v->s.cr4 & CR4_UMIP && v->cpl)
		return emu_gp(v);
	return result(operand_set(v, i, 0, v->s.cr0));
}

enum emulate_result emu_clts(struct vcpu *v, const struct insn *i)
{
	(void)i;
	if (v->cpl)
		return emu_gp(v);
	v->s.cr0 &= ~CR0_TS;
	return EMU_NEXT;
}

enum emulate_result emu_xgetbv(struct vcpu *v, const struct insn *i)
{
	u32 index = (u32)v->s.gpr[RCX];
	u64 value = v->s.xcr0;

	(void)i;
	if (!(v->s.cr4 & CR4_OSXSAVE))
		return result(raise_exc(v, UD));
	if (index == 1) {
		struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 0xd, 1);
		u64 inuse;

		if (!l || !(l->eax & BIT(2)))
			return emu_gp(v);
		/* XINUSE: what the saved image says of the guest's components. */
		fpu_image(v);
		__builtin_memcpy(&inuse, v->s.xsave + 512, sizeof(inuse));
		value &= inuse;
	} else if (index) {
		return emu_gp(v);
	}
	gpr_set(v, RAX, 4, false, value);
	gpr_set(v, RDX, 4, false, value >> 32);
	return EMU_NEXT;
}

enum emulate_result emu_xsetbv(struct vcpu *v, const struct insn *i)
{
	struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 0xd, 0);
	u64 value = (u32)v->s.gpr[RAX] | v->s.gpr[RDX] << 32;
	u64 known = l ? l->eax | (u64)l->edx << 32 : 0;

	(void)i;
	if (!(v->s.cr4 & CR4_OSXSAVE))
		return result(raise_exc(v, UD));
	/* SDM vol. 1 13.3: x87 always; AVX needs SSE; AVX-512 needs AVX and comes whole. */
	if (v->cpl || (u32)v->s.gpr[RCX] || value & ~known || !(value & 1) ||
	    (value & 4 && !(value & 2)) ||
	    (value & 0xe0 && ((value & 0xe0) != 0xe0 || !(value & 4))))
		return emu_gp(v);
	v->s.xcr0 = value;
	return EMU_NEXT;
}

#define DR7_GD	  BIT64(13)
#define DR7_FIXED BIT64(10)
#define DR7_KNOWN 0xffff2fffull
#define DR6_FIXED 0xffff0ff0ull
#define DR6_KNOWN 0xe00full
#define DR6_BD	  BIT64(13)

enum emulate_result emu_mov_dr(struct vcpu *v, const struct insn *i)
{
	bool to = i->op[0].type == OPERAND_DR;
	u8 gpr = i->op[to ? 1 : 0].reg, size = v->mode == MODE_LONG64 ? 8 : 4;
	u8 dr = i->op[to ? 0 : 1].reg;
	u64 value = gpr_get(v, gpr, size, false);

	if (dr > 7 || ((dr == 4 || dr == 5) && v->s.cr4 & CR4_DE))
		return result(raise_exc(v, UD));
	if (v->cpl)
		return emu_gp(v);
	if (v->s.dr7 & DR7_GD) {
		raise_exc(v, DB);
		v->exc.dr6 = DR6_BD;
		v->s.dr7 &= ~DR7_GD;
		return EMU_FAULT;
	}
	dr = dr == 4 || dr == 5 ? dr + 2 : dr;
	if (!to) {
		value = dr < 4 ? v->s.dr[dr] : dr == 6 ? v->s.dr6 : v->s.dr7;
		gpr_set(v, gpr, size, false, value);
		return EMU_NEXT;
	}
	if (dr < 4) {
		v->s.dr[dr] = value;
		return EMU_NEXT;
	}
	if (value >> 32)
		return emu_gp(v);
	if (dr == 6)
		v->s.dr6 = (value & DR6_KNOWN) | DR6_FIXED;
	else
		v->s.dr7 = (value & DR7_KNOWN) | DR7_FIXED;
	return EMU_NEXT;
}
