/* SPDX-License-Identifier: MIT */
/*
 * Between struct vcpu and the registers of a world. What a world's registers say is taken over
 * where instructions may have changed it without a trap; what they cannot have changed stays
 * virtual.
 */
#include "backends/swbt/debug.h"
#include "backends/swbt/direct/compat.h"
#include "backends/swbt/direct/direct.h"
#include "backends/swbt/direct/segments.h"
#include "backends/swbt/mmu.h"

/* Of RFLAGS, what guest code may find in the host's, and change there. */
#define DIRECT_FLAGS (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

bool direct_can_run(const struct direct *d)
{
	const struct vcpu *v = d->v;
	const struct cpu_state *s = &v->s;

	u64 ip = direct_linear(v, s->rip);

	if (ip < d->world[0].low || ip >= WORLD_HIGH)
		return false;
	/* Something is due right after the next instruction, or at any. */
	if (s->rflags & RFLAGS_TF || s->dr7 & DR7_ON)
		return false;
	if (v->no_interrupts_once || s->ev.sti_shadow || s->ev.movss_shadow)
		return false;
	if (v->mode == MODE_PROT32 || (v->mode == MODE_PROT16 && d->compat & COMPAT_16))
		return segments_fit(v, d->compat);
	if (v->mode != MODE_LONG64)
		return false;
	/* The host's kernel does not let a process have others. */
	return s->seg[SEG_FS].base < WORLD_TOP && s->seg[SEG_GS].base < WORLD_TOP;
}

/* AC means alignment at CPL 3 alone, and to the host's processor always. */
static u64 flags_out(const struct vcpu *v)
{
	u64 flags = v->s.rflags & (RFLAGS_ARITH | RFLAGS_NT | RFLAGS_ID);

	if (v->cpl == 3 && v->s.cr0 & CR0_AM)
		flags |= v->s.rflags & RFLAGS_AC;
	return flags | RFLAGS_FIXED | RFLAGS_IF;
}

void direct_regs_out(const struct vcpu *v, struct world_regs *r)
{
	for (unsigned int n = 0; n < NR_GPR; n++)
		r->gpr[n] = v->s.gpr[n];
	r->rip = v->s.rip;
	r->rflags = flags_out(v);
	r->fs_base = v->s.seg[SEG_FS].base;
	r->gs_base = v->s.seg[SEG_GS].base;
	r->cs = HOST_CS64;
	r->ss = HOST_SS;
	r->ds = r->es = r->fs = r->gs = 0;
}

/* Without long mode the host's registers are wider than the guest's. Compatibility mode does with
 * upper halves what the host's processor does: it keeps those of registers that are not written. */
static u64 gpr_mask(const struct vcpu *v)
{
	return long_mode(v) ? ~0ull : 0xffffffff;
}

/* IRET to a 16-bit stack leaves the host's own bits in the upper half of RSP. */
static u64 stack_pointer(const struct vcpu *v, u64 rsp)
{
	if (v->mode == MODE_LONG64)
		return rsp;
	return (u32)rsp == (u32)v->s.gpr[RSP] ? v->s.gpr[RSP] : (u32)rsp;
}

/* A flag that is as it was loaded has not been touched: the guest's own value stays, which need not
 * be the one that was loaded. */
void direct_regs_in(struct vcpu *v, const struct world_regs *r, u64 loaded)
{
	u64 changed = (r->rflags ^ loaded) & DIRECT_FLAGS, rsp = stack_pointer(v, r->gpr[RSP]);

	for (unsigned int n = 0; n < (v->mode == MODE_LONG64 ? NR_GPR : 8); n++)
		v->s.gpr[n] = r->gpr[n] & gpr_mask(v);
	v->s.gpr[RSP] = rsp;
	v->s.rip = r->rip & v->ip_mask;
	v->s.rflags = (v->s.rflags & ~(changed | RFLAGS_RF)) | (r->rflags & changed);
	if (v->mode != MODE_LONG64)
		return;
	/* A forged one would be the guest's kernel's to load again, in vain. */
	if (canonical(r->fs_base))
		v->s.seg[SEG_FS].base = r->fs_base;
	if (canonical(r->gs_base))
		v->s.seg[SEG_GS].base = r->gs_base;
}
