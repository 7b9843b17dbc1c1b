/* SPDX-License-Identifier: MIT */
#include "backends/swbt/transfer.h"

#include "backends/swbt/mem.h"
#include "backends/swbt/mmu.h"

int target_check(struct vcpu *v, const struct segment *cs, u64 rip)
{
	bool wide = long_mode(v) && cs->attr & ATTR_L;

	if (wide ? !canonical(rip) : rip > cs->limit)
		return raise_err(v, GP, 0);
	return 0;
}

int target_by_gate(struct vcpu *v, u16 selector, struct target *t)
{
	u64 d;

	if (selector_null(selector))
		return raise_err(v, GP, 0);
	if (read_descriptor(v, selector, GP, &d, &t->cs.address))
		return EXC;
	if (!desc_is_code(d) || DESC_DPL(d) > v->cpl)
		return raise_err(v, GP, selector_error(selector));
	/* All gates of long mode lead to 64-bit code. */
	if (long_mode(v) && (d & (DESC_L | DESC_DB)) != DESC_L)
		return raise_err(v, GP, selector_error(selector));
	if (!(d & DESC_P))
		return raise_err(v, NP, selector_error(selector));
	t->cpl = desc_is_conforming(d) ? v->cpl : DESC_DPL(d);
	t->cs.s = segment_from((u16)(selector_error(selector) | t->cpl), d);
	return 0;
}

static int tss_fault(struct vcpu *v)
{
	return raise_err(v, TS, selector_error(v->s.seg[SEG_TR].selector));
}

/* SIZE bytes at OFFSET of the current TSS. */
static int tss_read(struct vcpu *v, u32 offset, void *data, u32 size)
{
	const struct segment *tr = &v->s.seg[SEG_TR];

	if (offset + size - 1 > tr->limit)
		return tss_fault(v);
	return lin_read(v, tr->base + offset, data, size, ACC_SYSTEM);
}

/* SDM vol. 3A figures 7-2, 7-10 and 7-11. */
int stack_by_tss(struct vcpu *v, unsigned int cpl, unsigned int ist, struct stack *stack)
{
	bool tss32 = v->s.seg[SEG_TR].attr & 8;
	u16 selector, half[2];
	u32 word[2];

	stack->switched = true;
	if (long_mode(v)) {
		stack->ss.s = segment_null((u16)cpl, cpl);
		return tss_read(v, ist ? 28 + 8 * ist : 4 + 8 * cpl, &stack->rsp, 8);
	}
	if (tss32) {
		if (tss_read(v, 4 + 8 * cpl, word, 6))
			return EXC;
		stack->rsp = word[0];
		selector = (u16)word[1];
	} else {
		if (tss_read(v, 2 + 4 * cpl, half, 4))
			return EXC;
		stack->rsp = half[0];
		selector = half[1];
	}
	if (selector_null(selector))
		return raise_err(v, TS, 0);
	return segment_check_stack(v, selector, cpl, TS, &stack->ss);
}

/* Pushes are made as the target makes them: its mode, its privilege, its stack. */
static int push_frame(struct vcpu *v, const struct target *t, const struct stack *stack,
		      const struct frame *frame)
{
	u64 rsp = stack->rsp;

	v->s.rflags &= ~RFLAGS_VM;
	v->s.seg[SEG_CS] = t->cs.s;
	if (stack->switched)
		v->s.seg[SEG_SS] = stack->ss.s;
	vcpu_derive(v);
	for (unsigned int n = 0; n < frame->nr; n++)
		if (push_at(v, &rsp, frame->value[n], frame->size))
			return EXC;
	set_rsp(v, rsp);
	v->s.rip = t->rip;
	return 0;
}

int transfer(struct vcpu *v, struct target *t, struct stack *stack, const struct frame *frame)
{
	const struct segment cs = v->s.seg[SEG_CS], ss = v->s.seg[SEG_SS];
	const u64 rflags = v->s.rflags;

	if (target_check(v, &t->cs.s, t->rip) || segment_accessed(v, &t->cs) ||
	    (stack->switched && segment_accessed(v, &stack->ss)))
		return EXC;
	if (!push_frame(v, t, stack, frame))
		return 0;
	v->s.rflags = rflags;
	v->s.seg[SEG_CS] = cs;
	v->s.seg[SEG_SS] = ss;
	vcpu_derive(v);
	/* A new stack that is too small is named by its selector. */
	if (stack->switched && v->exc.vector == SS)
		v->exc.error = selector_error(stack->ss.s.selector);
	return EXC;
}
