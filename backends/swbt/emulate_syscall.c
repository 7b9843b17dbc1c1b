/* SPDX-License-Identifier: MIT */
/*
 * Fast system calls. SDM vol. 2, SYSCALL, SYSRET, SYSENTER, SYSEXIT; APM vol. 3, the same. Where
 * the vendors differ, the guest gets what its CPUID promises: AMD has SYSCALL outside 64-bit mode
 * and no SYSENTER in long mode, Intel the reverse.
 */
#include "backends/swbt/mmu.h"
#include "backends/swbt/segment.h"

#define CODE32 (ATTR_P | ATTR_S | ATTR_G | ATTR_DB | 11)
#define CODE64 (ATTR_P | ATTR_S | ATTR_G | ATTR_L | 11)
#define DATA32 (ATTR_P | ATTR_S | ATTR_G | ATTR_DB | 3)

/* What SYSRET takes from R11; RF and VM are cleared. */
#define SYSRET_FLAGS 0x3c7fd7ull

/* No descriptor is read: the segments are flat, by decree. */
static struct segment flat(u16 selector, u32 attr, unsigned int cpl)
{
	return (struct segment){ .limit = 0xffffffff,
				 .attr = attr | cpl << ATTR_DPL_SHIFT,
				 .selector = (u16)((selector & 0xfffc) | cpl) };
}

static enum emulate_result enter(struct vcpu *v, u16 cs, bool wide, u64 rip)
{
	v->s.seg[SEG_CS] = flat(cs, wide ? CODE64 : CODE32, 0);
	v->s.seg[SEG_SS] = flat((u16)(cs + 8), DATA32, 0);
	v->s.rip = rip;
	if (likely(wide && v->mode == MODE_LONG64))
		vcpu_derive_cpl(v);
	else
		vcpu_derive(v);
	return EMU_JUMPED;
}

/* ---- SYSCALL and SYSRET --------------------------------------------------------------------- */

static bool no_syscall(const struct vcpu *v)
{
	if (!(v->s.efer & EFER_SCE) || !protected_mode(v))
		return true;
	return v->mode != MODE_LONG64 && !vendor_is_amd(v);
}

enum emulate_result emu_syscall(struct vcpu *v, const struct insn *i)
{
	u64 next = (v->s.rip + i->length) & v->ip_mask;
	u16 cs = (u16)(v->s.msr.star >> 32);

	if (no_syscall(v))
		return emu_ud(v);
	v->s.gpr[RCX] = next;
	if (!long_mode(v)) {
		set_rflags(v, 0, RFLAGS_IF | RFLAGS_RF | RFLAGS_VM);
		return enter(v, cs, false, (u32)v->s.msr.star);
	}
	v->s.gpr[R11] = v->s.rflags & ~RFLAGS_RF;
	set_rflags(v, 0, v->s.msr.sfmask | RFLAGS_RF);
	return enter(v, cs, true, v->mode == MODE_LONG64 ? v->s.msr.lstar : v->s.msr.cstar);
}

/* TF that SYSRET loads is heeded at once: as if the system call had been stepped over. */
static enum emulate_result stepped_over(struct vcpu *v)
{
	raise_exc(v, DB);
	v->exc.dr6 = DR6_BS;
	v->exc.trap = true;
	return EMU_FAULT;
}

enum emulate_result emu_sysret(struct vcpu *v, const struct insn *i)
{
	u16 base = (u16)(v->s.msr.star >> 48);
	bool wide = i->opsize == 8;
	struct segment *ss = &v->s.seg[SEG_SS];
	u64 rip = wide ? v->s.gpr[RCX] : (u32)v->s.gpr[RCX];

	if (vendor_is_amd(v) && !protected_mode(v))
		return emu_gp(v);
	if (no_syscall(v))
		return emu_ud(v);
	/* AMD's go to a bad address and fault there, at CPL 3. */
	if (v->cpl || (wide && !canonical(rip) && !vendor_is_amd(v)))
		return emu_gp(v);
	if (v->mode == MODE_LONG64)
		set_rflags(v, v->s.gpr[R11] & SYSRET_FLAGS, ~0ull);
	else
		set_rflags(v, RFLAGS_IF, RFLAGS_IF);
	v->s.seg[SEG_CS] = wide ? flat((u16)(base + 16), CODE64, 3) : flat(base, CODE32, 3);
	/* AMD's change SS's selector and privilege only, so a null SS stays one. */
	if (vendor_is_amd(v)) {
		ss->selector = (u16)((base + 8) | 3);
		ss->attr |= ATTR_DPL;
	} else {
		*ss = flat((u16)(base + 8), DATA32, 3);
	}
	v->s.rip = rip;
	if (likely(wide))
		vcpu_derive_cpl(v); /* from 64-bit mode, as REX.W says */
	else
		vcpu_derive(v);
	return v->s.rflags & RFLAGS_TF ? stepped_over(v) : EMU_JUMPED;
}

/* ---- SYSENTER and SYSEXIT ------------------------------------------------------------------- */

static bool no_sysenter(const struct vcpu *v)
{
	return long_mode(v) && vendor_is_amd(v);
}

enum emulate_result emu_sysenter(struct vcpu *v, const struct insn *i)
{
	u16 cs = (u16)v->s.msr.sysenter_cs;
	u64 mask = long_mode(v) ? ~0ull : 0xffffffff;

	(void)i;
	if (no_sysenter(v))
		return emu_ud(v);
	if (!protected_mode(v) || selector_null(cs))
		return emu_gp(v);
	set_rflags(v, 0, RFLAGS_VM | RFLAGS_IF | RFLAGS_RF);
	v->s.gpr[RSP] = v->s.msr.sysenter_esp & mask;
	return enter(v, cs, long_mode(v), v->s.msr.sysenter_eip & mask);
}

enum emulate_result emu_sysexit(struct vcpu *v, const struct insn *i)
{
	u16 base = (u16)(v->s.msr.sysenter_cs & 0xfffc);
	bool wide = i->opsize == 8;
	u64 mask = wide ? ~0ull : 0xffffffff;
	u64 rip = v->s.gpr[RDX] & mask, rsp = v->s.gpr[RCX] & mask;

	if (no_sysenter(v))
		return emu_ud(v);
	if (!protected_mode(v) || selector_null(base) || v->cpl)
		return emu_gp(v);
	if (wide && (!canonical(rip) || !canonical(rsp)))
		return emu_gp(v);
	base += wide ? 32 : 16;
	v->s.seg[SEG_CS] = flat(base, wide ? CODE64 : CODE32, 3);
	v->s.seg[SEG_SS] = flat((u16)(base + 8), DATA32, 3);
	v->s.gpr[RSP] = rsp;
	v->s.rip = rip;
	vcpu_derive(v);
	return EMU_JUMPED;
}
