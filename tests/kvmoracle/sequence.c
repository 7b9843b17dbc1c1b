/* SPDX-License-Identifier: MIT */
/*
 * Part 2: privileged instructions in a row, faults among them. Code, at most 3.5 KiB of it, is a
 * row of steps (steps.h). Each begins by saying where the next one is; each vector's handler but a
 * few goes to a common one that copies five words of its stack and CR2 to the log and goes there.
 * The end is a HLT, in a handler or behind the last step.
 */
#include "tests/kvmoracle/steps.h"

#include <string.h>

#define COMMON	  (W_CODE + 0x1e00u)
#define BUDGET	  20 /* handlers that may run */
#define STACK	  (W_KSTACK + 0xe00u)
#define IO_MAP	  0x88u /* in the TSS, behind 32 bytes of interrupt redirection */
#define TSS_LIMIT 0x187u

static const struct setup bases[] = {
	{ "real", MODE_REAL, 0, 0, true },	   { "prot32", MODE_PROT32, 0, 0, true },
	{ "prot32-32", MODE_PROT32, 0, 32, true }, { "prot32-pae", MODE_PROT32, 0, 36, true },
	{ "prot16-32", MODE_PROT16, 0, 32, true }, { "long", MODE_LONG64, 0, 64, true },
	{ "long", MODE_LONG64, 0, 64, true },
};

/* ---- handlers ------------------------------------------------------------------------------- */

/* MOV [rBP + 4 * N], popped */
static void pop_to_log(struct as *a, unsigned int n)
{
	unsigned int word = a->bits / 8;

	if (a->bits == 16)
		AS(a, 0x3e, 0x8f, 0x46, (u8)(n * word));
	else
		AS(a, 0x3e, 0x8f, 0x45, (u8)(n * word));
}

/* MOV rBP, imm; MOV sreg, rBP */
static void set_segment(struct as *a, enum seg seg, u16 selector)
{
	as_set(a, RBP, selector);
	as_sreg(a, seg, RBP);
}

static void common_handler(struct world *w, u8 bits, bool real)
{
	struct as a = { .w = w, .at = COMMON, .bits = bits };
	u16 data = real ? 0 : SEL_DATA;

	set_segment(&a, SEG_DS, data);
	AS(&a, 0xff); /* DEC [budget]; JNZ +1; HLT */
	as_address(&a, 1, LOG_BUDGET);
	AS(&a, 0x75, 0x01, 0xf4);
	as_load(&a, RBP, LOG_NEXT);
	for (unsigned int n = 0; n < 5; n++)
		pop_to_log(&a, n);
	as_wide(&a);
	AS(&a, 0x83);
	as_address(&a, 0, LOG_NEXT);
	AS(&a, (u8)(5 * bits / 8));
	set_segment(&a, SEG_SS, data);
	as_set(&a, RSP, STACK);
	if (!real)
		as_wide(&a);
	AS(&a, 0xff); /* JMP FAR [resume] */
	as_address(&a, 5, LOG_RESUME);
}

static void handlers(struct sequence *q)
{
	struct as a = { .w = q->a.w, .bits = q->real ? 16 : q->lng ? 64 : 32 };

	for (u32 n = 0; n < 256; n++) {
		if (gen_one_in(q->g, 24))
			continue;
		a.at = W_HANDLERS + n * HANDLER_SIZE;
		AS(&a, 0x6a, (u8)n, 0xe9);
		as_imm(&a, COMMON - (a.at + (q->real ? 2u : 4u)), q->real ? 2 : 4);
	}
	common_handler(q->a.w, a.bits, q->real);
}

/* ---- tables --------------------------------------------------------------------------------- */

static void put_task32(struct sequence *q)
{
	struct world *w = q->a.w;
	bool user = gen_one_in(q->g, 4);

	world_put(w, W_TSS2 + 4, W_KSTACK + 0xa00, 4);
	world_put(w, W_TSS2 + 8, SEL_DATA, 4);
	world_put(w, W_TSS2 + 0x1c, q->s->paging ? W_PML4 : 0, 4);
	world_put(w, W_TSS2 + 0x20, step_pad(q), 4);
	world_put(w, W_TSS2 + 0x24, step_flags(q), 4);
	for (u32 at = 0x28; at < 0x48; at += 4)
		world_put(w, W_TSS2 + at, gen_u64(q->g), 4);
	world_put(w, W_TSS2 + 0x38, W_USTACK + 0xa00, 4);
	for (u32 at = 0x48; at < 0x60; at += 4)
		world_put(w, W_TSS2 + at, user ? SEL_UDATA | 3 : SEL_DATA, 4);
	world_put(w, W_TSS2 + 0x4c, user ? SEL_UCODE32 | 3 : SEL_CODE32, 4);
	world_put(w, W_TSS2 + 0x60, gen_one_in(q->g, 4) ? 0 : SEL_LDT, 4);
	world_put(w, W_TSS2 + 0x64, 0x680000, 4); /* KVM ignores T */
}

static void tasks(struct sequence *q)
{
	struct world *w = q->a.w;
	/* QEMU forgets error codes, and KVM, when it raises #DE again after an exit from its
	 * delivery, that it is the first half of a double fault. */
	static const u8 vectors[] = { 6, 0x30, 0x31, 0x32 };
	u64 gate = step_gate(q, 5, SEL_TSS2, 0);

	world_segment(w, SEL_TSS2, W_TSS2, gen_one_in(q->g, 8) ? 0x60 : 0x68, ATTR_P | 9);
	/* Too short: KVM's task switches are its own, and of those to 16 bits it makes others. */
	world_segment(w, SEL_TSS16, W_TSS16, 0x2b, ATTR_P | 9);
	/* When it is left, QEMU stores no upper halves of selectors. */
	for (u32 at = 0x48; at < 0x60; at += 4)
		world_put(w, W_TSS16 + at + 2, 0, 2);
	if (q->lng)
		return;
	put_task32(q);
	world_put(w, W_GDT + SEL_TASK_GATE, step_gate(q, 5, SEL_TSS2, 0), 8);
	for (size_t n = 0; n < ARRAY_SIZE(vectors); n++)
		if (gen_one_in(q->g, 2))
			world_put(w, W_IDT + vectors[n] * 8u, gate, 8);
}

/* Ports and software interrupts of virtual-8086 mode, interrupt stacks of long mode. */
static void tss(struct sequence *q)
{
	struct world *w = q->a.w;

	for (u32 at = 0x68; at <= TSS_LIMIT; at++)
		world_put(w, W_TSS + at, gen_u64(q->g), 1);
	world_put(w, W_TSS + 0x66, IO_MAP, 2);
	for (u32 n = 0; n < 7 && q->lng; n++)
		world_put(w, W_TSS + 0x24 + n * 8, W_USTACK + 0x800 - n * 0x100, 8);
	world_segment(w, SEL_TSS, W_TSS, TSS_LIMIT, ATTR_P | 11);
}

static void descriptors(struct sequence *q)
{
	u32 size = q->lng ? 16 : 8;

	for (u32 n = 0; n < 19; n++)
		world_put(q->a.w, W_GDT + SEL_FREE + n * 8, step_descriptor(q), 8);
	for (u32 n = 0; n < 24; n++)
		world_put(q->a.w, W_LDT + n * 8, step_descriptor(q), 8);
	for (u32 at = SEL_GATES; at + size <= SEL_END; at += size) {
		u8 type = q->lng || !gen_one_in(q->g, 4) ? 12 : 4;
		u64 gate = step_gate(q, type, step_code_selector(q), step_pad(q));

		if (!q->lng)
			gate |= (u64)(gen_one_in(q->g, 4) ? gen_below(q->g, 4) : 0) << 32;
		world_put(q->a.w, W_GDT + at, gate, 8);
		if (q->lng)
			world_put(q->a.w, W_GDT + at + 8, 0, 8);
	}
}

/* ---- the case ------------------------------------------------------------------------------- */

static void state(struct sequence *q, struct ko_case *c)
{
	struct cpu_state *st = &c->before;

	if (q->real)
		for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
			st->seg[n] = segment_real(0, n == SEG_CS);
	else
		st->seg[SEG_TR].limit = TSS_LIMIT;
	for (unsigned int n = 0; n < NR_GPR; n++)
		st->gpr[n] = n < 8 || q->lng ? (u32)gen_value(q->g) : 0;
	st->gpr[RSP] = STACK;
	st->rip = W_CODE;
	st->rflags = step_flags(q) & ~(RFLAGS_TF | RFLAGS_RF);
	st->cr0 = (st->cr0 | CR0_NE) & ~CR0_EM;
	st->cr4 = (st->cr4 | CR4_OSFXSR) & ~3ull; /* QEMU shows no VME, but takes it */
	state_fpu(st, q->g);
	state_msrs(st, q->g);
	st->msr.sfmask |= RFLAGS_ARITH; /* QEMU's SYSCALL loses them all */
}

static const struct step *pick_step(struct sequence *q)
{
	u8 mode = q->real ? IN_REAL : q->lng ? IN_LONG : IN_PROT;

	for (;;) {
		const struct step *s = &steps[gen_below(q->g, nr_steps)];

		if (s->modes & mode && gen_below(q->g, 5) < s->weight)
			return s;
	}
}

static void add_step(struct sequence *q, struct ko_case *c)
{
	const struct step *s = pick_step(q);
	u32 next;

	c->step[c->nr_steps].name = s->name;
	c->step[c->nr_steps++].value = q->a.at;
	set_segment(&q->a, SEG_DS, q->real ? 0 : SEL_DATA);
	as_put(&q->a, LOG_RESUME, 0);
	next = q->a.at - 4;
	if (gen_one_in(q->g, 2)) {
		set_segment(&q->a, SEG_SS, q->real ? 0 : SEL_DATA);
		as_set(&q->a, RSP, STACK);
	}
	s->make(q);
	world_put(q->a.w, next, q->a.at, 4);
}

static void log_begin(struct sequence *q)
{
	struct world *w = q->a.w;

	memset(w->bytes + W_LOG, 0, 0x1000);
	world_put(w, LOG_RESUME + 4,
		  q->real		      ? 0
		  : q->lng		      ? SEL_CODE64
		  : q->s->mode == MODE_PROT16 ? SEL_CODE16
					      : SEL_CODE32,
		  2);
	world_put(w, LOG_BUDGET, BUDGET, 4);
	world_put(w, LOG_NEXT, LOG_ENTRIES, 4);
}

void sequence_make(struct ko_case *c, struct gen *g)
{
	const struct setup *s = &bases[gen_below(g, ARRAY_SIZE(bases))];
	struct sequence q = { .a = { .w = &c->world, .at = W_CODE },
			      .g = g,
			      .s = s,
			      .pads = PADS,
			      .results = LOG_RESULTS,
			      .real = s->mode == MODE_REAL,
			      .lng = s->mode == MODE_LONG64 };
	u32 n = 3 + gen_below(g, 14);

	q.a.bits = q.lng ? 64 : s->mode == MODE_PROT32 ? 32 : 16;
	setup_make(s, c, g);
	if (s->paging)
		world_show_tables(&c->world, s->paging);
	log_begin(&q);
	handlers(&q);
	if (!q.real) {
		tss(&q);
		descriptors(&q);
		tasks(&q);
	}
	state(&q, c);
	while (c->nr_steps < n && c->nr_steps < c->limit && q.a.at < CODE_STOP)
		add_step(&q, c);
	AS(&q.a, 0xf4);
}
