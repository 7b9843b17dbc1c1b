/* SPDX-License-Identifier: MIT */
/* Far JMP and CALL, and the instructions that raise interrupts. SDM vol. 2, JMP, CALL, INT. */
#include "backends/swbt/mem.h"
#include "backends/swbt/transfer.h"

#define CR4_VME	   BIT64(0)
#define TSS_IO_MAP 102

struct far_pointer {
	u16 selector;
	u64 offset;
	u8 size; /* of the offset, and of what CALL pushes */
	u64 next_rip;
};

static u64 next_rip(const struct vcpu *v, const struct insn *i)
{
	return (v->s.rip + i->length) & v->ip_mask;
}

static enum emulate_result jumped(int r)
{
	return r ? EMU_FAULT : EMU_JUMPED;
}

static int operand(struct vcpu *v, const struct insn *i, struct far_pointer *p)
{
	u64 ea;

	/* AMD's have no 64-bit offsets here; REX.W counts for nothing. */
	p->size = i->opsize == 8 && vendor_is_amd(v) ? 4 : i->opsize;
	p->next_rip = next_rip(v, i);
	p->offset = 0;
	if (i->op[0].type == OPERAND_IMM) {
		p->offset = i->op[0].imm & (BIT64(p->size * 8) - 1);
		p->selector = (u16)i->op[1].imm;
		return 0;
	}
	ea = insn_ea(i, v, v->s.rip);
	return mem_read(v, i->mem_seg, ea, &p->offset, p->size) ||
	       mem_read(v, i->mem_seg, ea + p->size, &p->selector, 2);
}

/* Go to T at the current privilege; CALL pushes the way back first, on the stack and in the mode
 * that are being left. */
static int go(struct vcpu *v, const struct far_pointer *p, struct target *t, bool call)
{
	u64 rsp = v->s.gpr[RSP];

	if (target_check(v, &t->cs.s, t->rip) || segment_accessed(v, &t->cs))
		return EXC;
	if (call && (push_at(v, &rsp, v->s.seg[SEG_CS].selector, p->size) ||
		     push_at(v, &rsp, p->next_rip, p->size)))
		return EXC;
	v->s.gpr[RSP] = rsp;
	v->s.seg[SEG_CS] = t->cs.s;
	v->s.rip = t->rip;
	vcpu_derive(v);
	return 0;
}

static int far_unprotected(struct vcpu *v, const struct far_pointer *p, bool call)
{
	struct target t = { .rip = p->offset };

	t.cs.s = segment_unprotected(v, SEG_CS, p->selector);
	return go(v, p, &t, call);
}

static int far_code(struct vcpu *v, const struct far_pointer *p, u64 d, u64 address, bool call)
{
	unsigned int dpl = DESC_DPL(d), rpl = p->selector & 3;
	u32 error = selector_error(p->selector);
	struct target t = { .rip = p->offset, .cpl = v->cpl, .cs.address = address };

	if (!desc_is_code(d) || target_impossible(v, d) ||
	    (desc_is_conforming(d) ? dpl > v->cpl : rpl > v->cpl || dpl != v->cpl))
		return raise_err(v, GP, error);
	if (!(d & DESC_P))
		return raise_err(v, NP, error);
	t.cs.s = segment_from((u16)(error | v->cpl), d);
	return go(v, p, &t, call);
}

/* ---- gates ---------------------------------------------------------------------------------- */

struct call_gate {
	u16 code;
	u64 offset;
	u8 size;   /* of what is pushed */
	u8 copied; /* parameters */
};

static int read_call_gate(struct vcpu *v, u16 selector, u64 d, u64 address, struct call_gate *g)
{
	bool wide = DESC_TYPE(d) == SYS_CALL32;
	u64 upper = 0;

	if (long_mode(v)) {
		if (selector_error(selector) + 15 >
		    (selector & 4 ? v->s.seg[SEG_LDT].limit : v->s.gdt.limit))
			return raise_err(v, GP, selector_error(selector));
		if (lin_read(v, address + 8, &upper, 8, ACC_SYSTEM))
			return EXC;
		/* A type there would make a descriptor of the second half. */
		if (DESC_TYPE(upper))
			return raise_err(v, GP, selector_error(selector));
	}
	if (!(d & DESC_P))
		return raise_err(v, NP, selector_error(selector));
	*g = (struct call_gate){
		.code = (u16)(d >> 16),
		.offset = (d & 0xffff) | (wide ? d >> 32 & 0xffff0000 : 0) | upper << 32,
		.size = long_mode(v) ? 8
			: wide	     ? 4
				     : 2,
		.copied = long_mode(v) ? 0 : d >> 32 & 31,
	};
	return 0;
}

/* SS and RSP of the caller and what it left on its stack for the gate to copy. */
static int add_caller(struct vcpu *v, const struct call_gate *g, struct frame *f)
{
	u64 parameter[32], rsp = v->s.gpr[RSP];

	frame_add(f, v->s.seg[SEG_SS].selector);
	frame_add(f, rsp);
	for (unsigned int n = 0; n < g->copied; n++)
		if (pop_at(v, &rsp, &parameter[n], g->size))
			return EXC;
	for (unsigned int n = g->copied; n-- > 0;)
		frame_add(f, parameter[n]);
	return 0;
}

static int through_call_gate(struct vcpu *v, const struct far_pointer *p, u64 d, u64 address,
			     bool call)
{
	struct stack stack = { .rsp = v->s.gpr[RSP] };
	struct call_gate g = { 0 };
	struct target t;
	struct frame f;

	if (read_call_gate(v, p->selector, d, address, &g) || target_by_gate(v, g.code, &t))
		return EXC;
	t.rip = g.offset;
	f.nr = 0;
	f.size = g.size;
	if (!call && t.cpl != v->cpl)
		return raise_err(v, GP, selector_error(g.code));
	if (t.cpl < v->cpl && (stack_by_tss(v, t.cpl, 0, &stack) || add_caller(v, &g, &f)))
		return EXC;
	if (call) {
		frame_add(&f, v->s.seg[SEG_CS].selector);
		frame_add(&f, p->next_rip);
	}
	return transfer(v, &t, &stack, &f);
}

static int far_system(struct vcpu *v, const struct far_pointer *p, u64 d, u64 address, bool call)
{
	const enum task_reason reason = call ? TASK_CALL : TASK_JMP;
	u32 type = DESC_TYPE(d), error = selector_error(p->selector);

	if (DESC_DPL(d) < v->cpl || DESC_DPL(d) < (p->selector & 3u))
		return raise_err(v, GP, error);
	if (type == SYS_CALL32 || (type == SYS_CALL16 && !long_mode(v)))
		return through_call_gate(v, p, d, address, call);
	if (long_mode(v))
		return raise_err(v, GP, error);
	if (type == SYS_TASK) {
		if (!(d & DESC_P))
			return raise_err(v, NP, error);
		return task_switch(v, (u16)(d >> 16), reason, false, 0, p->next_rip);
	}
	if (type == SYS_TSS16 || type == SYS_TSS32)
		return task_switch(v, p->selector, reason, false, 0, p->next_rip);
	return raise_err(v, GP, error);
}

static enum emulate_result far(struct vcpu *v, const struct insn *i, bool call)
{
	struct far_pointer p;
	u64 d, address;

	if (operand(v, i, &p))
		return EMU_FAULT;
	if (unprotected(v))
		return jumped(far_unprotected(v, &p, call));
	if (selector_null(p.selector))
		return jumped(raise_err(v, GP, 0));
	if (read_descriptor(v, p.selector, GP, &d, &address))
		return EMU_FAULT;
	if (DESC_TYPE(d) & 0x10)
		return jumped(far_code(v, &p, d, address, call));
	return jumped(far_system(v, &p, d, address, call));
}

enum emulate_result emu_jmp_far(struct vcpu *v, const struct insn *i)
{
	return far(v, i, false);
}

enum emulate_result emu_call_far(struct vcpu *v, const struct insn *i)
{
	return far(v, i, true);
}

/* ---- INT n and its kin ---------------------------------------------------------------------- */

/* Bit VECTOR of the TSS's interrupt redirection map, which ends where the I/O map begins: 0 or 1;
 * -1 for EXC. SDM vol. 3B 20.3.1. */
static int redirection(struct vcpu *v, u8 vector)
{
	const struct segment *tr = &v->s.seg[SEG_TR];
	u16 map;
	u8 bits;

	if (!(tr->attr & 8) || tr->limit < TSS_IO_MAP + 1) {
		raise_err(v, GP, 0);
		return -1;
	}
	if (lin_read(v, tr->base + TSS_IO_MAP, &map, 2, ACC_SYSTEM))
		return -1;
	if (map < 32 || map - 32u + vector / 8u > tr->limit) {
		raise_err(v, GP, 0);
		return -1;
	}
	if (lin_read(v, tr->base + map - 32u + vector / 8u, &bits, 1, ACC_SYSTEM))
		return -1;
	return bits >> (vector & 7) & 1;
}

/* As the 8086 does it, within the task. SDM vol. 3B 20.3.3. */
static int redirected(struct vcpu *v, u8 vector, u64 next)
{
	u64 rsp = v->s.gpr[RSP], flags = v->s.rflags, off = RFLAGS_IF;
	u16 entry[2];

	if (iopl(v) < 3) {
		flags = (flags & ~RFLAGS_IF) | RFLAGS_IOPL | (flags & RFLAGS_VIF ? RFLAGS_IF : 0);
		off = RFLAGS_VIF;
	}
	if (lin_read(v, vector * 4u, entry, 4, 0) || push_at(v, &rsp, flags, 2) ||
	    push_at(v, &rsp, v->s.seg[SEG_CS].selector, 2) || push_at(v, &rsp, next, 2))
		return EXC;
	set_rsp(v, rsp);
	set_rflags(v, 0, off | RFLAGS_TF | RFLAGS_RF | RFLAGS_NT);
	v->s.seg[SEG_CS] = segment_unprotected(v, SEG_CS, entry[1]);
	v->s.rip = entry[0];
	return 0;
}

enum emulate_result emu_int_n(struct vcpu *v, const struct insn *i)
{
	u8 vector = (u8)i->op[0].imm;
	u64 next = next_rip(v, i);

	if (v->mode == MODE_VM86) {
		int bit = v->s.cr4 & CR4_VME ? redirection(v, vector) : 1;

		if (bit < 0)
			return EMU_FAULT;
		if (!bit)
			return jumped(redirected(v, vector, next));
		if (iopl(v) < 3)
			return jumped(raise_err(v, GP, 0));
	}
	return deliver_soft(v, vector, next, false);
}

enum emulate_result emu_int3(struct vcpu *v, const struct insn *i)
{
	return deliver_soft(v, BP, next_rip(v, i), false);
}

enum emulate_result emu_int1(struct vcpu *v, const struct insn *i)
{
	return deliver_soft(v, DB, next_rip(v, i), true);
}

enum emulate_result emu_into(struct vcpu *v, const struct insn *i)
{
	if (!(v->s.rflags & RFLAGS_OF))
		return EMU_NEXT;
	return deliver_soft(v, OF, next_rip(v, i), false);
}
