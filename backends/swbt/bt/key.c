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

static u64 control_key(struct bt *bt)
{
	const struct cpu_state *s = &bt->v->s;
	struct control *c = &bt->control;

	if (unlikely((s->cr0 ^ c->cr0) | ((s->cr4 ^ c->cr4) & ~CR4_PGE) | (s->xcr0 ^ c->xcr0) |
		     ((s->efer ^ c->efer) & EFER_SCE) | (s->msr.star ^ c->star) |
		     (s->msr.lstar ^ c->lstar) | (s->msr.sfmask ^ c->sfmask)))
		make_control(bt, c);
	return c->key;
}

/* Bits of a segment's type. */
#define TYPE_WRITE 2u
#define TYPE_DOWN  4u
#define TYPE_CODE  8u

/* Data that may be read and written, up from 0. Real mode does not look at what it is. */
static bool ordinary(const struct vcpu *v, const struct segment *s)
{
	const u32 mask = ATTR_P | ATTR_S | ATTR_UNUSABLE | TYPE_CODE | TYPE_DOWN | TYPE_WRITE;

	if (v->mode == MODE_REAL || v->mode == MODE_VM86)
		return (s->attr & (TYPE_CODE | TYPE_DOWN)) != TYPE_DOWN;
	return (s->attr & mask) == (ATTR_P | ATTR_S | TYPE_WRITE);
}

static enum segment_class class_of(const struct vcpu *v, enum seg seg)
{
	const struct segment *s = &v->s.seg[seg];

	if (!ordinary(v, s))
		return CLASS_OTHER;
	if (s->limit == 0xffffffff)
		return s->base || seg >= SEG_FS ? CLASS_BASED : CLASS_FLAT;
	return s->limit >= 0xffff ? CLASS_64K : CLASS_OTHER;
}

static u64 class_key(const struct vcpu *v, enum seg seg)
{
	return (u64)class_of(v, seg) << KEY_SEGMENT(seg);
}

/* Of code outside 64-bit mode. */
static u64 segments(const struct vcpu *v)
{
	const struct segment *cs = &v->s.seg[SEG_CS];
	u64 key = class_key(v, SEG_FS) | class_key(v, SEG_GS);

	if (!(v->s.seg[SEG_SS].attr & ATTR_DB))
		key |= KEY_STACK16;
	if (v->flat)
		return v->mode == MODE_PROT16 ? key | KEY_CODE16 : key;
	if (v->mode != MODE_PROT32)
		key |= KEY_CODE16;
	if (v->mode == MODE_REAL || v->mode == MODE_VM86)
		key |= KEY_REAL;
	return key | class_key(v, SEG_ES) | class_key(v, SEG_SS) | class_key(v, SEG_DS) |
	       (u64)cs->base >> 4 << KEY_BASE_SHIFT;
}

/* Is all code that RIP can reach inside CS, and its base one that a key has room for? */
static bool code_possible(const struct vcpu *v)
{
	const struct segment *cs = &v->s.seg[SEG_CS];

	if (v->mode == MODE_LONG64 || (v->flat && v->mode == MODE_PROT32))
		return true;
	if (cs->base & 15 || cs->base >> 4 >> (64 - KEY_BASE_SHIFT))
		return false;
	if (v->mode == MODE_PROT32)
		return cs->limit == 0xffffffff;
	return cs->limit >= 0xffff && v->s.rip <= 0xffff;
}

#define RFLAGS_CALM (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VIF | RFLAGS_VIP)

static u64 privilege(const struct vcpu *v)
{
	if (v->cpl)
		return v->cpl == 3 ? KEY_CPL3 : 0;
	return v->s.rflags & RFLAGS_CALM ? KEY_CPL0 : KEY_CPL0 | KEY_FLAGS;
}

u64 bt_key(struct bt *bt)
{
	const struct vcpu *v = bt->v;
	u64 key = control_key(bt) | privilege(v);

	if (unlikely(v->bt_config.alignment))
		key |= KEY_ALIGNMENT;
	if (v->mode == MODE_LONG64)
		return key | KEY_LONG64;
	return key | segments(v);
}

bool bt_possible(const struct vcpu *v)
{
	const struct cpu_events *ev = &v->s.ev;

	if (!code_possible(v))
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

static void set_mode(struct space *s, u64 mode)
{
	if (s->mode == mode)
		return;
	s->mode = mode;
	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		targets_flush(&s->targets[n], true);
}

struct space *bt_space(struct bt *bt, u64 *key)
{
	u64 mode;
	struct space *s = pagetable_space(&bt->pages, bt->v), *all = bt->pages.space;

	*key = bt_key(bt);
	mode = *key & ~KEY_BASE;
	if (likely(s->mode == mode))
		return s;
	set_mode(s, mode);
	/* STAC and CLAC go from one to the other. */
	if (s == &all[SPACE_SUPER] || s == &all[SPACE_SUPER_AC]) {
		set_mode(&all[SPACE_SUPER], mode);
		set_mode(&all[SPACE_SUPER_AC], mode);
	}
	bt->v->frame.split = (all[SPACE_USER].mode ^ all[SPACE_SUPER].mode) & ~KEY_PRIVILEGE;
	return s;
}
