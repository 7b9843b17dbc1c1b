/* SPDX-License-Identifier: MIT */
/* Far RET and IRET. SDM vol. 2, RET and IRET (operation). */
#include "backends/swbt/mem.h"
#include "backends/swbt/quick.h"
#include "backends/swbt/transfer.h"

#define CR4_VME BIT64(0)

/* What IRET may load at any privilege; the second half only with 32 or 64 bits. */
#define FLAGS_16 (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_NT)
#define FLAGS_32 (RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

static enum emulate_result jumped(int r)
{
	return r ? EMU_FAULT : EMU_JUMPED;
}

/* What the stack says. */
struct way_back {
	u64 rip, cs, flags;
	u64 rsp, ss; /* if the stack is left, too */
	u64 after;   /* RSP behind all that was popped */
	bool has_stack;
};

/* ---- protected mode ------------------------------------------------------------------------- */

/* CS by SELECTOR, whose RPL is the CPL to be. 0 or EXC. */
static int return_code(struct vcpu *v, u16 selector, struct target *t)
{
	unsigned int rpl = selector & 3;
	u32 error = selector_error(selector);
	u64 d;

	if (selector_null(selector))
		return raise_err(v, GP, 0);
	if (read_descriptor(v, selector, GP, &d, &t->cs.address))
		return EXC;
	if (!desc_is_code(d) || rpl < v->cpl || target_impossible(v, d) ||
	    (desc_is_conforming(d) ? DESC_DPL(d) > rpl : DESC_DPL(d) != rpl))
		return raise_err(v, GP, error);
	if (!(d & DESC_P))
		return raise_err(v, NP, error);
	t->cs.s = segment_from(selector, d);
	t->cpl = rpl;
	return 0;
}

static int return_stack(struct vcpu *v, u16 selector, const struct target *t, struct seg_load *ss)
{
	bool to64 = long_mode(v) && t->cs.s.attr & ATTR_L;

	if (!selector_null(selector))
		return segment_check_stack(v, selector, t->cpl, GP, ss);
	if (!to64 || t->cpl == 3)
		return raise_err(v, GP, 0);
	ss->s = segment_null(selector, t->cpl);
	return 0;
}

/* The outer level loses segments that it could not have loaded. */
void drop_segments(struct vcpu *v)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned int n = 0; n < ARRAY_SIZE(data); n++) {
		struct segment *s = &v->s.seg[data[n]];
		bool conforming = (s->attr & 0x0c) == 0x0c;
		unsigned int dpl = (s->attr & ATTR_DPL) >> ATTR_DPL_SHIFT;

		if (s->attr & ATTR_UNUSABLE || conforming || dpl >= v->cpl)
			continue;
		s->selector = 0;
		s->attr |= ATTR_UNUSABLE;
	}
}

/* All checks of a return to W, then the return; flags are the caller's. RELEASED: bytes that RET n
 * takes off the stack gone to. 0 or EXC. */
static int go_back(struct vcpu *v, const struct way_back *w, struct target *t, u16 released)
{
	bool outer = t->cpl > v->cpl;
	struct seg_load ss;

	if (w->has_stack && return_stack(v, (u16)w->ss, t, &ss))
		return EXC;
	if (target_check(v, &t->cs.s, w->rip) || segment_accessed(v, &t->cs) ||
	    (w->has_stack && segment_accessed(v, &ss)))
		return EXC;
	v->s.seg[SEG_CS] = t->cs.s;
	if (w->has_stack)
		v->s.seg[SEG_SS] = ss.s;
	vcpu_derive(v);
	set_rsp(v, (w->has_stack ? w->rsp : w->after) + released);
	v->s.rip = w->rip;
	if (outer) {
		drop_segments(v);
		vcpu_derive(v);
	}
	return 0;
}

static int pop_stack(struct vcpu *v, struct way_back *w, u8 size)
{
	w->has_stack = true;
	return pop_at(v, &w->after, &w->rsp, size) || pop_at(v, &w->after, &w->ss, size);
}

static int ret_protected(struct vcpu *v, struct way_back *w, u8 size, u16 released)
{
	struct target t;

	if (return_code(v, (u16)w->cs, &t))
		return EXC;
	if (t.cpl > v->cpl) {
		w->after = (w->after & ~stack_mask(v)) | ((w->after + released) & stack_mask(v));
		if (pop_stack(v, w, size))
			return EXC;
	}
	return go_back(v, w, &t, released);
}

/* ---- real and virtual-8086 mode ------------------------------------------------------------- */

static int back_unprotected(struct vcpu *v, const struct way_back *w, u16 released)
{
	struct segment cs = segment_unprotected(v, SEG_CS, (u16)w->cs);

	if (target_check(v, &cs, w->rip))
		return EXC;
	v->s.seg[SEG_CS] = cs;
	set_rsp(v, w->after + released);
	v->s.rip = w->rip;
	vcpu_derive(v);
	return 0;
}

static int iret_real(struct vcpu *v, const struct way_back *w, u8 size)
{
	if (back_unprotected(v, w, 0))
		return EXC;
	set_rflags(v, w->flags, FLAGS_16 | RFLAGS_IF | RFLAGS_IOPL | (size == 2 ? 0 : FLAGS_32));
	return 0;
}

/* SDM vol. 3B 20.2.7 and 20.3.3: with IOPL below 3 only 16-bit IRET, on the virtual IF. */
static int iret_vm86(struct vcpu *v, struct way_back *w, u8 size)
{
	u64 mask = FLAGS_16 | (size == 2 ? 0 : FLAGS_32);

	if (iopl(v) == 3) {
		mask |= RFLAGS_IF;
	} else {
		if (w->flags & RFLAGS_TF || (w->flags & RFLAGS_IF && v->s.rflags & RFLAGS_VIP))
			return raise_err(v, GP, 0);
		w->flags = (w->flags & 0xffff) | (w->flags & RFLAGS_IF ? RFLAGS_VIF : 0);
		mask |= RFLAGS_VIF;
	}
	if (back_unprotected(v, w, 0))
		return EXC;
	set_rflags(v, w->flags, mask);
	return 0;
}

/* From ring 0 into a virtual-8086 task: the frame goes on with ESP, SS, ES, DS, FS, GS. */
static int enter_vm86(struct vcpu *v, struct way_back *w)
{
	static const u8 order[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	u64 selector[ARRAY_SIZE(order)];

	if (pop_stack(v, w, 4))
		return EXC;
	for (unsigned int n = 0; n < ARRAY_SIZE(order); n++)
		if (pop_at(v, &w->after, &selector[n], 4))
			return EXC;
	if (w->rip > 0xffff)
		return raise_err(v, GP, 0);
	set_rflags(v, w->flags, ~0ull);
	v->s.seg[SEG_CS] = segment_unprotected(v, SEG_CS, (u16)w->cs);
	v->s.seg[SEG_SS] = segment_unprotected(v, SEG_SS, (u16)w->ss);
	for (unsigned int n = 0; n < ARRAY_SIZE(order); n++)
		v->s.seg[order[n]] = segment_unprotected(v, order[n], (u16)selector[n]);
	v->s.gpr[RSP] = w->rsp;
	v->s.rip = w->rip;
	vcpu_derive(v);
	return 0;
}

/* ---- instructions --------------------------------------------------------------------------- */

/* Flags that IRET may load at the CPL that it is executed at. */
u64 iret_flags(const struct vcpu *v, u8 size)
{
	u64 mask = FLAGS_16;

	if (size > 2)
		mask |= FLAGS_32;
	if (v->cpl <= iopl(v))
		mask |= RFLAGS_IF;
	if (!v->cpl)
		mask |= RFLAGS_IOPL | (size > 2 ? RFLAGS_VIF | RFLAGS_VIP : 0);
	return mask;
}

static int iret_protected(struct vcpu *v, struct way_back *w, u8 size)
{
	u64 mask = iret_flags(v, size);
	struct target t;

	if (w->flags & RFLAGS_VM && !v->cpl && !long_mode(v))
		return enter_vm86(v, w);
	if (return_code(v, (u16)w->cs, &t))
		return EXC;
	/* 64-bit mode always leaves its stack. */
	if ((t.cpl > v->cpl || v->mode == MODE_LONG64) && pop_stack(v, w, size))
		return EXC;
	if (go_back(v, w, &t, 0))
		return EXC;
	set_rflags(v, w->flags, mask);
	return 0;
}

static int end_task(struct vcpu *v, u64 next)
{
	const struct segment *tr = &v->s.seg[SEG_TR];
	u16 link;

	if (long_mode(v))
		return raise_err(v, GP, 0);
	if (lin_read(v, tr->base, &link, 2, ACC_SYSTEM))
		return EXC;
	return task_switch(v, link, TASK_IRET, false, 0, next);
}

enum emulate_result emu_iret(struct vcpu *v, const struct insn *i)
{
	struct way_back w = { .after = v->s.gpr[RSP] };
	u8 size = i->opsize;

	/* Even one that faults lets NMIs in again. SDM vol. 3A 6.7.1. */
	v->s.ev.nmi_masked = false;
	if (likely(iret_quick(v, size)))
		return EMU_JUMPED;
	if (v->mode == MODE_VM86 && iopl(v) < 3 && (size != 2 || !(v->s.cr4 & CR4_VME)))
		return jumped(raise_err(v, GP, 0));
	if (!unprotected(v) && v->s.rflags & RFLAGS_NT)
		return jumped(end_task(v, (v->s.rip + i->length) & v->ip_mask));
	if (pop_at(v, &w.after, &w.rip, size) || pop_at(v, &w.after, &w.cs, size) ||
	    pop_at(v, &w.after, &w.flags, size))
		return EMU_FAULT;
	if (v->mode == MODE_REAL)
		return jumped(iret_real(v, &w, size));
	if (v->mode == MODE_VM86)
		return jumped(iret_vm86(v, &w, size));
	return jumped(iret_protected(v, &w, size));
}

enum emulate_result emu_ret_far(struct vcpu *v, const struct insn *i)
{
	struct way_back w = { .after = v->s.gpr[RSP] };
	u16 released = i->nr_operands ? (u16)i->op[0].imm : 0;

	if (pop_at(v, &w.after, &w.rip, i->opsize) || pop_at(v, &w.after, &w.cs, i->opsize))
		return EMU_FAULT;
	if (unprotected(v))
		return jumped(back_unprotected(v, &w, released));
	return jumped(ret_protected(v, &w, i->opsize, released));
}
