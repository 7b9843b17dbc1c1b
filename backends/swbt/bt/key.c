/* SPDX-License-Identifier: MIT */
/* What code depends on beside its bytes, and what only the step engine can run. */
#include "backends/swbt/bt/bt.h"

#include "backends/swbt/fpu.h"

/* Which classes of instructions fpu_check lets pass. */
static u32 fpu_classes(struct bt *bt)
{
	const struct cpu_state *s = &bt->v->s;

	if (likely(s->cr0 == bt->fpu.cr0 && !((s->cr4 ^ bt->fpu.cr4) & ~CR4_PGE) &&
		   s->xcr0 == bt->fpu.xcr0))
		return bt->fpu.classes;
	bt->fpu.cr0 = s->cr0;
	bt->fpu.cr4 = s->cr4;
	bt->fpu.xcr0 = s->xcr0;
	bt->fpu.classes = 0;
	for (u8 class = FPU_X87; class <= FPU_AVX512; class ++) {
		struct insn i = { .fpu = class };

		if (!fpu_check(bt->v, &i))
			bt->fpu.classes |= BIT(class);
	}
	return bt->fpu.classes;
}

/* Flat but for its base: writable data that expands up, to 4 GiB. */
static bool only_based(const struct segment *s)
{
	const u32 mask = ATTR_P | ATTR_S | ATTR_UNUSABLE | 0xe;

	return s->limit == 0xffffffff && (s->attr & mask) == (ATTR_P | ATTR_S | 0x2);
}

#define CR4_TSD	    BIT64(2)
#define RFLAGS_CALM (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VIF | RFLAGS_VIP)

static u32 syscall_number(struct bt *bt)
{
	const struct cpu_state *s = &bt->v->s;

	if (likely(!((s->msr.star ^ bt->syscall.star) | (s->msr.lstar ^ bt->syscall.lstar) |
		     (s->msr.sfmask ^ bt->syscall.sfmask) |
		     ((s->efer ^ bt->syscall.sce) & EFER_SCE))))
		return bt->syscall.number;
	bt->syscall.star = s->msr.star;
	bt->syscall.lstar = s->msr.lstar;
	bt->syscall.sfmask = s->msr.sfmask;
	bt->syscall.sce = s->efer & EFER_SCE;
	if (bt->syscall.number < SYSCALL_NONE)
		bt->syscall.number++;
	return bt->syscall.number;
}

static u32 privilege(const struct vcpu *v)
{
	if (v->cpl)
		return v->cpl == 3 ? KEY_CPL3 : 0;
	return v->s.rflags & RFLAGS_CALM ? KEY_CPL0 : KEY_CPL0 | KEY_FLAGS;
}

u32 bt_key(struct bt *bt)
{
	const struct vcpu *v = bt->v;
	u32 key = fpu_classes(bt) << KEY_FPU_SHIFT;

	key |= syscall_number(bt) << KEY_SYSCALL_SHIFT | privilege(v);
	key |= (v->s.cr4 & CR4_TSD ? KEY_TSD : 0) | (v->s.cr4 & CR4_UMIP ? KEY_UMIP : 0);
	if (v->s.cr4 & CR4_FSGSBASE)
		key |= KEY_FSGSBASE;
	if (unlikely(v->bt_config.alignment))
		key |= KEY_ALIGNMENT;
	if (v->mode == MODE_LONG64)
		return key | KEY_LONG64;
	if (only_based(&v->s.seg[SEG_FS]))
		key |= KEY_FS;
	if (only_based(&v->s.seg[SEG_GS]))
		key |= KEY_GS;
	return key;
}

bool bt_possible(const struct vcpu *v)
{
	const struct cpu_events *ev = &v->s.ev;

	if ((v->mode != MODE_LONG64 && v->mode != MODE_PROT32) || !v->flat)
		return false;
	if (v->s.rflags & RFLAGS_TF || v->s.dr7 & 0xff)
		return false;
	if (!canonical(v->s.gpr[RSP])) /* enter.c */
		return false;
	if (v->no_interrupts_once || ev->sti_shadow || ev->movss_shadow)
		return false;
	/* There is one space for these. */
	if ((v->cpl == 1 || v->cpl == 2) && v->s.rflags & RFLAGS_AC)
		return false;
	/* #AC is for the step engine. */
	return !(v->s.rflags & RFLAGS_AC && v->cpl == 3 && v->s.cr0 & CR0_AM);
}
