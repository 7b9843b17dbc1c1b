/* SPDX-License-Identifier: MIT */
/*
 * The common cases of event delivery and IRET are done by code of their own, which needs everything
 * in the TLB. So the same event is taken twice, with an empty TLB and with a full one: whatever the
 * tables say, all must be as before.
 */
#include "backends/swbt/segment.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define CASES	   4000
#define NONE	   0xfff8      /* beyond the GDT */
#define FLAGS	   0x3c7ed5ull /* neither VM nor TF */
#define STACKS	   0x7f000u
#define STACKS_END 0xa3000u

static const u16 selectors[] = {
	WIDE0,	   WIDE0,      WIDE3,	 WIDE3, CODE0, CODE3, CONF0,	 GONE_CODE, EXEC_ONLY,
	READ_ONLY, GONE_DATA,  ODD_CODE, LOCAL, DATA0, DATA3, 0,	 3,	    NONE,
	WIDE0 | 3, WIDE3 & ~3, DATA3,	 DATA3, DATA0, TASK1, WIDE0 | 4, CODE1,	    DATA1,
};

/* Where the stack may be: odd, at a page's edges, in a page that is not there. */
static const u64 stacks[] = { 0xa0000, 0xa0008, 0xa0004, 0xa1020,   0xa1028,   0xa2000,
			      0xa1ff0, 0xa0003, 0x80000, BIT64(40), BIT64(47), BIT64(63) + 8 };

struct outcome {
	struct cpu_state s;
	struct exception exc;
	enum emulate_result result;
	enum cpu_mode mode;
	unsigned int cpl;
	int stop;
	u8 tables[0x5000], stack[STACKS_END - STACKS];
};

static struct outcome before, cold, warm;

static u64 below(struct rig *r, u64 n)
{
	return rig_random(r) % n;
}

/* Mostly GOOD. */
static u64 perhaps(struct rig *r, u64 good, u64 bad)
{
	return below(r, 8) ? good : bad;
}

static u16 some_selector(struct rig *r)
{
	return selectors[below(r, ARRAY_SIZE(selectors))];
}

static u64 some_rip(struct rig *r)
{
	return perhaps(r, BIT64(46) + below(r, BIT64(40)), BIT64(47));
}

static void random_state(struct rig *r)
{
	struct cpu_state *s = &r->v.s;

	s->rflags = (rig_random(r) & FLAGS) | RFLAGS_FIXED;
	if (below(r, 4))
		s->rflags &= ~RFLAGS_NT;
	s->gpr[RSP] = stacks[below(r, ARRAY_SIZE(stacks))];
	if (!below(r, 4))
		s->cr4 |= CR4_SMAP | CR4_SMEP;
	/* A few that another level may not keep. */
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		if (n != SEG_CS && n != SEG_SS)
			s->seg[n] =
				segment_from(DATA0, gates_get_gdt(r, below(r, 2) ? DATA0 : DATA3));
	if (long_mode(&r->v) && below(r, 2))
		s->seg[SEG_SS] = segment_null((u16)r->v.cpl, r->v.cpl);
	if (below(r, 4))
		for (u16 n = 8; n < 0x60; n += 8) /* accessed */
			gates_set_gdt(r, n, gates_get_gdt(r, n) | BIT64(40));
	vcpu_derive(&r->v);
}

/* Stack and its segment for the inner level. */
static void random_tss(struct rig *r)
{
	u64 stack = perhaps(r, STACK_RING0 + below(r, 64), stacks[below(r, ARRAY_SIZE(stacks))]);

	if (long_mode(&r->v)) {
		rig_put(r, GATES_TSS1 + 4, stack, 8);
		return;
	}
	rig_put(r, GATES_TSS1 + 4, stack, 4);
	rig_put(r, GATES_TSS1 + 8, perhaps(r, DATA0, some_selector(r)), 4);
}

static void random_gate(struct rig *r, u8 vector)
{
	bool wide = long_mode(&r->v);
	u16 selector = (u16)perhaps(r, wide ? WIDE0 : CODE0, some_selector(r));
	u32 size = wide ? 16 : 8;
	unsigned int type = (unsigned int)perhaps(r, SYS_INT32 + below(r, 2), below(r, 16));
	u64 rip = some_rip(r), gate = gates_gate(selector, (u32)rip, type, (u32)below(r, 4), 0);

	gate |= perhaps(r, 0, below(r, 8) << 32);
	if (!below(r, 16))
		gate &= ~DESC_P;
	gates_set_idt(r, vector, gate);
	if (wide)
		rig_put(r, GATES_IDT + vector * 16u + 8, rip >> 32, 8);
	r->v.s.idt.limit = (u16)perhaps(r, 4095, vector * size + below(r, size));
}

static void random_frame(struct rig *r)
{
	u64 frame[] = { some_rip(r), some_selector(r), rig_random(r), rig_random(r),
			some_selector(r) };
	bool wide = long_mode(&r->v);
	u64 at = r->v.s.gpr[RSP], size = wide ? 8 : 4;

	/* Most go where they could have come from. */
	if (below(r, 2)) {
		frame[1] = below(r, 2) ? (wide ? WIDE0 : CODE0) : (wide ? WIDE3 : CODE3);
		frame[4] = frame[1] & 3 ? DATA3 : DATA0 * below(r, 2);
	}
	/* Into virtual-8086 mode only now and then. */
	if (below(r, 8))
		frame[2] &= ~RFLAGS_VM;
	for (unsigned int n = 0; n < ARRAY_SIZE(frame); n++)
		if (at + n * size < RIG_RAM)
			rig_put(r, at + n * size, frame[n], (unsigned int)size);
}

static void save(struct rig *r, struct outcome *o)
{
	o->s = r->v.s;
	o->exc = r->v.exc;
	o->mode = r->v.mode;
	o->cpl = r->v.cpl;
	o->stop = (int)r->vm.stop.kind;
	ram_read(&r->vm.ram, GATES_GDT, o->tables, sizeof(o->tables));
	ram_read(&r->vm.ram, STACKS, o->stack, sizeof(o->stack));
}

static void restore(struct rig *r, const struct outcome *o)
{
	r->v.s = o->s;
	memset(&r->v.exc, 0, sizeof(r->v.exc));
	r->vm.stop.kind = STOP_NONE;
	ram_write(&r->vm.ram, GATES_GDT, o->tables, sizeof(o->tables));
	ram_write(&r->vm.ram, STACKS, o->stack, sizeof(o->stack));
	vcpu_derive(&r->v);
}

struct event {
	unsigned int kind;
	u8 vector;
};

static enum emulate_result take(struct rig *r, const struct event *e)
{
	struct exception exc = { .vector = e->vector, .has_error = e->vector & 1, .error = 0x1234 };

	switch (e->kind) {
	case 0:
		deliver_exception(&r->v, &exc);
		return EMU_JUMPED;
	case 1:
		deliver_interrupt(&r->v, e->vector);
		return EMU_JUMPED;
	case 2:
		return deliver_soft(&r->v, e->vector, r->v.s.rip + 2, false);
	default:
		return long_mode(&r->v) ? DO(r, "\x48\xcf") : DO(r, "\xcf");
	}
}

static bool same_segment(const struct segment *a, const struct segment *b)
{
	return a->base == b->base && a->limit == b->limit && a->attr == b->attr &&
	       a->selector == b->selector;
}

static bool same_state(const struct cpu_state *a, const struct cpu_state *b)
{
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		if (!same_segment(&a->seg[n], &b->seg[n]))
			return false;
	return !memcmp(a->gpr, b->gpr, sizeof(a->gpr)) && a->rip == b->rip &&
	       a->rflags == b->rflags && a->cr2 == b->cr2 && a->dr6 == b->dr6 && a->dr7 == b->dr7 &&
	       !memcmp(&a->ev, &b->ev, sizeof(a->ev));
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return same_state(&a->s, &b->s) && a->result == b->result && a->mode == b->mode &&
	       a->cpl == b->cpl && a->stop == b->stop &&
	       (a->result != EMU_FAULT ||
		(a->exc.vector == b->exc.vector && a->exc.error == b->exc.error &&
		 a->exc.has_error == b->exc.has_error && a->exc.cr2 == b->exc.cr2)) &&
	       !memcmp(a->tables, b->tables, sizeof(a->tables)) &&
	       !memcmp(a->stack, b->stack, sizeof(a->stack));
}

static void one(u64 seed, unsigned int *good)
{
	struct rig *r = gates_up(seed % 4 < 2 ? RIG_LONG : RIG_OFF, seed % 2 ? 3 : 0);
	struct event e;

	r->seed = seed * 0x9e3779b97f4a7c15ull | 1;
	e.kind = (unsigned int)below(r, 4);
	e.vector = (u8)(e.kind ? below(r, 256) : below(r, 32));
	random_state(r);
	random_gate(r, e.vector);
	random_tss(r);
	random_frame(r);
	save(r, &before);
	mmu_flush(&r->v, true);
	cold.result = take(r, &e);
	save(r, &cold);
	/* Now everything is in the TLB that can be. */
	restore(r, &before);
	warm.result = take(r, &e);
	save(r, &warm);
	if (!same(&cold, &warm)) {
		CU_FAIL("the common case is not like the others");
		printf("  seed %llu, kind %u, vector %u\n", (unsigned long long)seed, e.kind,
		       e.vector);
	}
	*good += cold.result == EMU_JUMPED && cold.stop == STOP_NONE;
	rig_down(r);
}

static void test_quick(void)
{
	unsigned int good = 0;

	for (u64 seed = 1; seed <= CASES; seed++)
		one(seed, &good);
	CU_ASSERT_TRUE(good > CASES / 4);
}

CU_TestInfo tests_quick[] = {
	{ "events and IRET are the same with all in the TLB", test_quick },
	CU_TEST_INFO_NULL,
};
