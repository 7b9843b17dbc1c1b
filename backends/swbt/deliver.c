/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts on their way to the guest's handlers. SDM vol. 3A ch. 6; vol. 2, INT
 * (operation); vol. 3B 20.1 to 20.3.
 */
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/quick.h"
#include "backends/swbt/transfer.h"

#define DR6_ACTIVE_LOW 0xffff0ff0ull
#define DR6_TRAPS      0xfull /* B0-B3: of the latest exception only */
#define DR7_GD	       BIT64(13)

static u32 idt_error(const struct event *e)
{
	return e->vector * 8u + 2;
}

/* ---- the three kinds of tables -------------------------------------------------------------- */

/* SDM vol. 3B 20.1.4. */
static int by_vectors(struct vcpu *v, const struct event *e)
{
	u64 rsp = v->s.gpr[RSP];
	struct segment cs;
	u16 entry[2];

	if (e->vector * 4u + 3 > v->s.idt.limit)
		return raise_err(v, GP, 0);
	if (lin_read(v, v->s.idt.base + e->vector * 4u, entry, 4, ACC_SYSTEM))
		return EXC;
	cs = segment_unprotected(v, SEG_CS, entry[1]);
	if (target_check(v, &cs, entry[0]) || push_at(v, &rsp, e->rflags, 2) ||
	    push_at(v, &rsp, v->s.seg[SEG_CS].selector, 2) || push_at(v, &rsp, e->rip, 2))
		return EXC;
	set_rsp(v, rsp);
	set_rflags(v, 0, RFLAGS_IF | RFLAGS_TF | RFLAGS_AC | RFLAGS_RF);
	v->s.seg[SEG_CS] = cs;
	v->s.rip = entry[0];
	vcpu_derive(v);
	return 0;
}

/* The gate of E's vector. *UPPER: the second half of a 16-byte one. 0 or EXC. */
static int read_gate(struct vcpu *v, const struct event *e, u64 *gate, u64 *upper)
{
	u32 size = long_mode(v) ? 16 : 8;
	/* Types that may stand there, as bits. */
	u32 allowed = long_mode(v) ? BIT(SYS_INT32) | BIT(SYS_TRAP32)
				   : BIT(SYS_INT32) | BIT(SYS_TRAP32) | BIT(SYS_INT16) |
					     BIT(SYS_TRAP16) | BIT(SYS_TASK);
	u64 image[2] = { 0 };

	if (e->vector * size + size - 1 > v->s.idt.limit)
		return raise_err(v, GP, idt_error(e));
	if (lin_read(v, v->s.idt.base + e->vector * size, image, size, ACC_SYSTEM))
		return EXC;
	*gate = image[0];
	*upper = image[1];
	if (!(allowed >> DESC_TYPE(*gate) & 1) || (e->soft && DESC_DPL(*gate) < v->cpl))
		return raise_err(v, GP, idt_error(e));
	if (!(*gate & DESC_P))
		return raise_err(v, NP, idt_error(e));
	return 0;
}

static void add_segments(const struct vcpu *v, struct frame *f)
{
	static const u8 order[] = { SEG_GS, SEG_FS, SEG_DS, SEG_ES };

	for (unsigned int n = 0; n < ARRAY_SIZE(order); n++)
		frame_add(f, v->s.seg[order[n]].selector);
}

static int choose_stack(struct vcpu *v, const struct target *t, u64 gate, struct stack *stack)
{
	bool inner = t->cpl < v->cpl;
	unsigned int ist = long_mode(v) ? (unsigned int)(gate >> 32) & 7 : 0;

	stack->rsp = v->s.gpr[RSP];
	stack->switched = false;
	if ((inner || ist) && stack_by_tss(v, t->cpl, ist, stack))
		return EXC;
	/* An IST at the same privilege keeps SS. */
	stack->switched = inner;
	if (long_mode(v))
		stack->rsp &= ~15ull;
	return 0;
}

static void fill_frame(const struct vcpu *v, const struct event *e, bool stack_too, struct frame *f)
{
	f->nr = 0;
	if (v->mode == MODE_VM86)
		add_segments(v, f);
	if (stack_too) {
		frame_add(f, v->s.seg[SEG_SS].selector);
		frame_add(f, v->s.gpr[RSP]);
	}
	frame_add(f, e->rflags);
	frame_add(f, v->s.seg[SEG_CS].selector);
	frame_add(f, e->rip);
	if (e->has_error)
		frame_add(f, e->error);
}

static void leave_vm86(struct vcpu *v)
{
	static const u8 data[] = { SEG_ES, SEG_DS, SEG_FS, SEG_GS };

	for (unsigned int n = 0; n < ARRAY_SIZE(data); n++)
		v->s.seg[data[n]] = segment_null(0, 0);
	vcpu_derive(v);
}

static int by_gate(struct vcpu *v, const struct event *e, u64 gate, u64 upper)
{
	u16 selector = (u16)(gate >> 16);
	bool vm86 = v->mode == MODE_VM86, wide = DESC_TYPE(gate) & 8;
	struct stack stack;
	struct target t;
	struct frame f;

	t.rip = (gate & 0xffff) | (wide ? gate >> 32 & 0xffff0000 : 0) | upper << 32;
	if (target_by_gate(v, selector, &t))
		return EXC;
	if (vm86 && t.cpl)
		return raise_err(v, GP, selector_error(selector));
	if (choose_stack(v, &t, gate, &stack))
		return EXC;
	f.size = long_mode(v) ? 8 : wide ? 4 : 2;
	fill_frame(v, e, stack.switched || long_mode(v), &f);
	if (transfer(v, &t, &stack, &f))
		return EXC;
	set_rflags(v, 0, RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | (DESC_TYPE(gate) & 1 ? 0 : RFLAGS_IF));
	if (vm86)
		leave_vm86(v);
	return 0;
}

/* SDM vol. 3A 6.14.2: the new task's stack gets the error code. */
static int by_task(struct vcpu *v, const struct event *e, u64 gate)
{
	u64 rflags = v->s.rflags;
	u16 task = v->s.seg[SEG_TR].selector;
	int r;

	v->s.rflags = e->rflags;
	r = task_switch(v, (u16)(gate >> 16), TASK_GATE, e->has_error, e->error, e->rip);
	/* A fault may be the old task's or the new one's. */
	if (r && v->s.seg[SEG_TR].selector == task)
		v->s.rflags = rflags;
	return r;
}

static int deliver_once(struct vcpu *v, const struct event *e)
{
	u64 gate = 0, upper = 0;

	if (v->mode == MODE_REAL)
		return by_vectors(v, e);
	if (read_gate(v, e, &gate, &upper))
		return EXC;
	if (DESC_TYPE(gate) == SYS_TASK)
		return by_task(v, e, gate);
	return by_gate(v, e, gate, upper);
}

/* ---- faults on the way ---------------------------------------------------------------------- */

#define CONTRIBUTORY (BIT(DE) | BIT(TS) | BIT(NP) | BIT(SS) | BIT(GP))

static bool contributory(u8 vector)
{
	return vector < 32 && CONTRIBUTORY >> vector & 1;
}

/* SDM vol. 3A table 6-5; a double fault's own faults shut the processor down. */
static bool doubles(u8 first, u8 second)
{
	if (first == DF || first == PF)
		return contributory(second) || second == PF;
	return contributory(first) && contributory(second);
}

/* What goes into the guest's registers when EXC is raised, whether it is ever delivered or not. */
static void note_exception(struct vcpu *v, const struct exception *exc)
{
	if (exc->vector == PF)
		v->s.cr2 = exc->cr2;
	if (exc->vector == DB) {
		v->s.dr6 = (v->s.dr6 & ~DR6_TRAPS) | DR6_ACTIVE_LOW | exc->dr6;
		v->s.dr7 &= ~DR7_GD;
	}
}

/* RF is pushed set by faults, so that IRET retries without the same instruction breakpoint: not by
 * that breakpoint's own. SDM vol. 3B 17.3.1.1. */
static bool pushes_rf(const struct exception *exc)
{
	return !exc->trap && exc->vector != DF && exc->vector != BP && exc->vector != OF &&
	       !(exc->vector == DB && exc->dr6 & DR6_TRAPS);
}

static struct event event_of(const struct vcpu *v, const struct exception *exc)
{
	return (struct event){
		.vector = exc->vector,
		.exception = true,
		.external = true,
		.has_error = exc->has_error && protected_mode(v),
		.error = exc->error,
		.rip = v->s.rip,
		.rflags = v->s.rflags | (pushes_rf(exc) ? RFLAGS_RF : 0),
	};
}

static void shut_down(struct vcpu *v)
{
	fpu_put(v);
	vm_stop(v->vm, STOP_TRIPLE_FAULT, 0);
}

/* The EXT bit of the error code in v->exc. */
static void mark_external(struct vcpu *v)
{
	if (v->exc.has_error && v->exc.vector >= TS && v->exc.vector <= GP)
		v->exc.error |= 1;
}

static __attribute__((noinline)) void deliver_at_last(struct vcpu *v, const struct event *first)
{
	struct event e = *first;

	while (deliver_once(v, &e)) {
		struct exception second = v->exc;

		note_exception(v, &second);
		if (e.exception && doubles(e.vector, second.vector)) {
			if (e.vector == DF) {
				shut_down(v);
				return;
			}
			second = (struct exception){ .vector = DF, .has_error = true };
		} else {
			mark_external(v);
			second.error = v->exc.error;
		}
		e = event_of(v, &second);
	}
}

static inline void deliver(struct vcpu *v, const struct event *e)
{
	v->no_interrupts_once = v->s.ev.sti_shadow = v->s.ev.movss_shadow = false;
	if (unlikely(!deliver_quick(v, e)))
		deliver_at_last(v, e);
}

void deliver_exception(struct vcpu *v, const struct exception *exc)
{
	const struct event e = event_of(v, exc);

	/* What an instruction accessed that faults in the end does not count. */
	v->hits = 0;
	note_exception(v, exc);
	deliver(v, &e);
}

static struct event interrupt(const struct vcpu *v, u8 vector)
{
	return (struct event){
		.vector = vector, .external = true, .rip = v->s.rip, .rflags = v->s.rflags
	};
}

/* Vectors that name exceptions are interrupts here all the same. */
void deliver_interrupt(struct vcpu *v, u8 vector)
{
	const struct event e = interrupt(v, vector);

	deliver(v, &e);
}

void deliver_nmi(struct vcpu *v)
{
	const struct event e = interrupt(v, NMI);

	v->s.ev.nmi_masked = true;
	deliver(v, &e);
}

enum emulate_result deliver_soft(struct vcpu *v, u8 vector, u64 next_rip, bool int1)
{
	struct event e = {
		.vector = vector,
		.soft = !int1,
		.external = int1,
		.rip = next_rip,
		.rflags = v->s.rflags,
	};

	if (likely(deliver_quick(v, &e)) || !deliver_once(v, &e))
		return EMU_JUMPED;
	if (int1)
		mark_external(v);
	return EMU_FAULT;
}
