/* SPDX-License-Identifier: MIT */
/* What code depends on beside its bytes, and where it is; what only the step engine can run. */
#include "backends/swbt/bt/bt.h"

#include "backends/swbt/fpu.h"

#define CR4_TSD BIT64(2)

/* Which classes of instructions fpu_check lets pass, as part of a key. */
static u32 fpu_classes(struct vcpu *v)
{
	u32 classes = 0;

	for (u8 class = FPU_X87; class <= FPU_AVX512; class ++) {
		struct insn i = { .fpu = class };

		if (!fpu_check(v, &i))
			classes |= BIT(class);
	}
	return classes << KEY_FPU_SHIFT;
}

/* Control registers and MSRs have changed since K was made. */
static void make_control(struct bt *bt, struct control *c)
{
	const struct cpu_state *s = &bt->v->s;

	if (bt->syscalls < SYSCALL_NONE &&
	    (s->msr.star != c->star || s->msr.lstar != c->lstar || s->msr.sfmask != c->sfmask ||
	     (s->efer ^ c->efer) & EFER_SCE))
		bt->syscalls++;
	*c = (struct control){ .cr0 = s->cr0,
			       .cr4 = s->cr4,
			       .xcr0 = s->xcr0,
			       .efer = s->efer,
			       .star = s->msr.star,
			       .lstar = s->msr.lstar,
			       .sfmask = s->msr.sfmask };
	c->key = fpu_classes(bt->v) | bt->syscalls << KEY_SYSCALL_SHIFT;
	c->key |= (s->cr4 & CR4_TSD ? KEY_TSD : 0) | (s->cr4 & CR4_UMIP ? KEY_UMIP : 0);
	c->key |= s->cr4 & CR4_FSGSBASE ? KEY_FSGSBASE : 0;
}

static u32 control_key(struct bt *bt)
{
	const struct cpu_state *s = &bt->v->s;
	struct control *c = &bt->control;

	if (unlikely((s->cr0 ^ c->cr0) | ((s->cr4 ^ c->cr4) & ~CR4_PGE) | (s->xcr0 ^ c->xcr0) |
		     ((s->efer ^ c->efer) & EFER_SCE) | (s->msr.star ^ c->star) |
		     (s->msr.lstar ^ c->lstar) | (s->msr.sfmask ^ c->sfmask)))
		make_control(bt, c);
	return c->key;
}

/* Flat but for its base: writable data that expands up, to 4 GiB. */
static bool only_based(const struct segment *s)
{
	const u32 mask = ATTR_P | ATTR_S | ATTR_UNUSABLE | 0xe;

	return s->limit == 0xffffffff && (s->attr & mask) == (ATTR_P | ATTR_S | 0x2);
}

#define RFLAGS_CALM (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VIF | RFLAGS_VIP)

static u32 privilege(const struct vcpu *v)
{
	if (v->cpl)
		return v->cpl == 3 ? KEY_CPL3 : 0;
	return v->s.rflags & RFLAGS_CALM ? KEY_CPL0 : KEY_CPL0 | KEY_FLAGS;
}

u32 bt_key(struct bt *bt)
{
	const struct vcpu *v = bt->v;
	u32 key = control_key(bt) | privilege(v);

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
	/* Code of 32 bits may have a stack of 16. */
	if (v->mode == MODE_PROT32 && !(v->s.seg[SEG_SS].attr & ATTR_DB))
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

static void set_mode(struct space *s, u32 mode)
{
	if (s->mode == mode)
		return;
	s->mode = mode;
	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		targets_flush(&s->targets[n], true);
}

struct space *bt_space(struct bt *bt, u32 *key)
{
	struct space *s = pagetable_space(&bt->pages, bt->v), *all = bt->pages.space;

	*key = bt_key(bt);
	if (likely(s->mode == *key))
		return s;
	set_mode(s, *key);
	/* STAC and CLAC go from one to the other. */
	if (s == &all[SPACE_SUPER] || s == &all[SPACE_SUPER_AC]) {
		set_mode(&all[SPACE_SUPER], *key);
		set_mode(&all[SPACE_SUPER_AC], *key);
	}
	bt->v->frame.split = (all[SPACE_USER].mode ^ all[SPACE_SUPER].mode) & ~KEY_PRIVILEGE;
	return s;
}
