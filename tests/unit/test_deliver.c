/* SPDX-License-Identifier: MIT */
/* How swbt delivers exceptions and interrupts. */
#include "backends/swbt/segment.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>

static const struct exception divide = { .vector = DE };
static const struct exception general = { .vector = GP, .has_error = true, .error = 0x1230 };

static bool at_handler(struct rig *r, unsigned int vector)
{
	return r->v.s.rip == HANDLER(vector) && r->vm.stop.kind == STOP_NONE;
}

/* ---- frames --------------------------------------------------------------------------------- */

static void test_real(void)
{
	struct rig *r = gates_up_real();

	r->v.s.rip = 0x77;
	r->v.s.rflags |= RFLAGS_TF | RFLAGS_AC | RFLAGS_CF;
	deliver_exception(&r->v, &general);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x20000);
	CU_ASSERT_EQUAL(r->v.s.rip, GP);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x8000 - 6); /* no error code */
	CU_ASSERT_EQUAL(gates_stack(r, 0, 2), 0x77);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 2), 0x1000);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 2), RFLAGS_IF | RFLAGS_TF | RFLAGS_CF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_CF | RFLAGS_FIXED);
	/* INT n pushes what follows it. */
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x21);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 2), GP + 2);
	/* Too short a table: #GP, then #DF, then the end. */
	r->v.s.idt.limit = 0x1f;
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, -1));
	deliver_exception(&r->v, &r->v.exc);
	CU_ASSERT_EQUAL(r->vm.stop.kind, STOP_TRIPLE_FAULT);
	rig_down(r);
}

static void test_same_level(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	r->v.s.rflags |= RFLAGS_TF | RFLAGS_NT | RFLAGS_AC;
	deliver_exception(&r->v, &general);
	CU_ASSERT(at_handler(r, GP));
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER - 16);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0x1230);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 4), ENTRY);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 4), CODE0);
	CU_ASSERT_EQUAL(gates_stack(r, 3, 4),
			RFLAGS_RF | RFLAGS_AC | RFLAGS_NT | RFLAGS_TF | RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_AC | RFLAGS_FIXED);
	/* A trap gate leaves interrupts as they are. */
	r->v.s.rflags |= RFLAGS_IF;
	gates_set_idt(r, DE, gates_gate(CODE0, HANDLER(DE), SYS_TRAP32, 0, 0));
	deliver_exception(&r->v, &divide);
	CU_ASSERT_EQUAL(r->v.s.rflags & RFLAGS_IF, RFLAGS_IF);
	/* A 16-bit gate pushes half as much and leads to the first 64 KiB. */
	gates_set_idt(r, DE, gates_gate(CODE0, 0x55551234, SYS_INT16, 0, 0));
	deliver_exception(&r->v, &divide);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x1234);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER - 16 - 12 - 6);
	rig_down(r);
}

static void test_inner(void)
{
	struct rig *r = gates_up(RIG_OFF, 3);

	deliver_exception(&r->v, &general);
	CU_ASSERT(at_handler(r, GP));
	CU_ASSERT_EQUAL(r->v.cpl, 0);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA0);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_RING0 - 24);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0x1230);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 4), ENTRY);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 4), CODE3);
	CU_ASSERT_EQUAL(gates_stack(r, 4, 4), STACK_USER);
	CU_ASSERT_EQUAL(gates_stack(r, 5, 4), DATA3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_DS), DATA3);
	rig_down(r);

	/* Ring 1 has a stack of its own; conforming handlers stay where they are. */
	r = gates_up(RIG_OFF, 3);
	gates_set_idt(r, DE, gates_gate(CODE1, HANDLER(DE), SYS_INT32, 0, 0));
	gates_set_idt(r, BP, gates_gate(CONF0, HANDLER(BP), SYS_INT32, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcc"), EMU_JUMPED);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CONF0 | 3);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER - 12);
	deliver_exception(&r->v, &divide);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CODE1);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA1);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_RING1 - 20);
	rig_down(r);
}

static void test_vm86(void)
{
	struct rig *r = gates_up_vm86(0);

	deliver_exception(&r->v, &divide);
	CU_ASSERT(at_handler(r, DE));
	CU_ASSERT_EQUAL(r->v.mode, MODE_PROT32);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_RING0 - 36);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 4), 0x1000);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 4), RFLAGS_VM | RFLAGS_RF | RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(gates_stack(r, 3, 4), 0x8000);
	CU_ASSERT_EQUAL(gates_stack(r, 4, 4), 0x1000 + SEG_SS);
	CU_ASSERT_EQUAL(gates_stack(r, 5, 4), 0x1000 + SEG_ES);
	CU_ASSERT_EQUAL(gates_stack(r, 6, 4), 0x1000 + SEG_DS);
	CU_ASSERT_EQUAL(gates_stack(r, 7, 4), 0x1000 + SEG_FS);
	CU_ASSERT_EQUAL(gates_stack(r, 8, 4), 0x1000 + SEG_GS);
	for (unsigned int n = SEG_DS; n <= SEG_GS; n++)
		CU_ASSERT(!!(r->v.s.seg[n].attr & ATTR_UNUSABLE));
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_FIXED);
	rig_down(r);

	/* Handlers must be in ring 0. */
	r = gates_up_vm86(3);
	gates_set_idt(r, 0x21, gates_gate(CODE1, 0, SYS_INT32, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, CODE1 & ~3));
	CU_ASSERT_EQUAL(r->v.mode, MODE_VM86);
	rig_down(r);
}

static void test_vm86_int(void)
{
	struct rig *r = gates_up_vm86(0);

	gates_set_idt(r, 0x21, gates_gate(CODE0, HANDLER(0x21), SYS_INT32, 3, 0));
	gates_set_idt(r, BP, gates_gate(CODE0, HANDLER(BP), SYS_INT32, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	/* VME, and the map's bit clear: the task's own vectors, on the virtual IF. */
	r->v.s.cr4 |= 1;
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.mode, MODE_VM86);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x20000);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x21);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 2), 2);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 2), RFLAGS_IOPL | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.s.rflags & RFLAGS_IF, RFLAGS_IF);
	/* The bit set: #GP again. INT3 asks neither. */
	rig_put(r, GATES_TSS1 + 0x200 - 32 + 4, 2, 1);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcc"), EMU_JUMPED);
	CU_ASSERT(at_handler(r, BP));
	rig_down(r);

	r = gates_up_vm86(3);
	gates_set_idt(r, 0x21, gates_gate(CODE0, HANDLER(0x21), SYS_INT32, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcd\x21"), EMU_JUMPED);
	CU_ASSERT(at_handler(r, 0x21));
	rig_down(r);
}

static void test_long(void)
{
	for (unsigned int cpl = 0; cpl <= 3; cpl += 3) {
		struct rig *r = gates_up(RIG_LONG, cpl);
		u64 rsp = STACK_USER - 8, top = cpl ? STACK_RING0 : STACK_USER - 16;
		u16 cs = gates_sel(r, SEG_CS), ss = gates_sel(r, SEG_SS);

		r->v.s.gpr[RSP] = rsp;
		deliver_exception(&r->v, &general);
		CU_ASSERT(at_handler(r, GP));
		CU_ASSERT_EQUAL(r->v.s.gpr[RSP], top - 48);
		CU_ASSERT_EQUAL(gates_stack(r, 0, 8), 0x1230);
		CU_ASSERT_EQUAL(gates_stack(r, 1, 8), ENTRY);
		CU_ASSERT_EQUAL(gates_stack(r, 2, 8), cs);
		CU_ASSERT_EQUAL(gates_stack(r, 3, 8), RFLAGS_RF | RFLAGS_IF | RFLAGS_FIXED);
		CU_ASSERT_EQUAL(gates_stack(r, 4, 8), rsp);
		CU_ASSERT_EQUAL(gates_stack(r, 5, 8), ss);
		CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), cpl ? 0 : ss);
		CU_ASSERT_EQUAL(r->v.cpl, 0);
		/* And back: no error code. */
		r->v.s.gpr[RSP] += 8;
		CU_ASSERT_EQUAL(DO(r, "\x48\xcf"), EMU_JUMPED);
		CU_ASSERT_EQUAL(r->v.cpl, cpl);
		CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
		CU_ASSERT_EQUAL(r->v.s.gpr[RSP], rsp);
		CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), ss);
		/* An IST counts at any level. */
		rig_put(r, GATES_IDT + DE * 16 + 4, 2, 1);
		deliver_exception(&r->v, &divide);
		CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_IST(2) - 40);
		CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), cpl ? 0 : ss);
		rig_down(r);
	}
}

static void test_from_compat(void)
{
	struct rig *r = gates_up(RIG_COMPAT, 3);

	rig_put(r, GATES_IDT + GP * 16 + 8, 0xffff8000, 4);
	deliver_exception(&r->v, &general);
	CU_ASSERT_EQUAL(r->v.s.rip, 0xffff800000000000 + HANDLER(GP));
	CU_ASSERT_EQUAL(r->v.mode, MODE_LONG64);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 8), CODE3);
	rig_down(r);
}

/* ---- what goes wrong ------------------------------------------------------------------------ */

/* INT n through a bad gate faults itself; a device's interrupt makes the same fault with EXT. */
static void test_gate_faults(void)
{
	static const struct {
		u64 and, or ; /* what becomes of the gate */
		bool soft_only;
		enum vector vector;
		u16 error;
	} t[] = {
		{ ~0ull, 0, true, GP, 0x30 * 8 + 2 }, /* DPL 0 */
		{ ~DESC_P, 3ull << 45, false, NP, 0x30 * 8 + 2 },
		{ ~(15ull << 40), 3ull << 45, false, GP, 0x30 * 8 + 2 },
		{ ~(0xffffull << 16), 3ull << 45, false, GP, 0 },
		{ ~(0xffffull << 16), 3ull << 45 | (u64)DATA0 << 16, false, GP, DATA0 },
		{ ~(0xffffull << 16), 3ull << 45 | (u64)GONE_CODE << 16, false, NP, GONE_CODE },
		{ ~(0xffffull << 16), 3ull << 45 | 0xb8ull << 16, false, GP, 0xb8 },
		{ ~(0xffffull << 16), 3ull << 45 | (u64)SMALL0 << 16, false, GP, 0 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(RIG_OFF, 3);

		gates_set_idt(r, 0x30, (rig_get(r, GATES_IDT + 0x30 * 8, 8) & t[n].and) | t[n].or);
		CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
		CU_ASSERT(gates_raised(r, t[n].vector, t[n].error));
		CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
		CU_ASSERT_EQUAL(r->v.cpl, 3);
		CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
		deliver_interrupt(&r->v, 0x30);
		CU_ASSERT(at_handler(r, t[n].soft_only ? 0x30 : t[n].vector));
		if (!t[n].soft_only)
			CU_ASSERT_EQUAL(gates_stack(r, 0, 4), t[n].error | 1u);
		rig_down(r);
	}
}

static void test_int_family(void)
{
	struct rig *r = gates_up(RIG_OFF, 3);

	r->v.s.idt.limit = 0x30 * 8 + 6;
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0x30 * 8 + 2));
	CU_ASSERT_EQUAL(DO(r, "\xce"), EMU_NEXT); /* into */
	r->v.s.rflags |= RFLAGS_OF;
	CU_ASSERT_EQUAL(DO(r, "\xce"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, OF * 8 + 2));
	/* INT1 ignores the gate's DPL and leaves DR6 alone. */
	CU_ASSERT_EQUAL(DO(r, "\xf1"), EMU_JUMPED);
	CU_ASSERT(at_handler(r, DB));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 2);
	CU_ASSERT_EQUAL(r->v.s.dr6, 0xffff0ff0);
	rig_down(r);
}

static void test_long_gate_faults(void)
{
	struct rig *r = gates_up(RIG_LONG, 3);
	const u64 good = gates_gate(WIDE0, HANDLER(0x30), SYS_INT32, 3, 0);

	gates_set_idt(r, 0x30, gates_gate(CODE0, 0, SYS_INT32, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, CODE0));
	gates_set_idt(r, 0x30, gates_gate(WIDE0, 0, SYS_INT16, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0x30 * 8 + 2));
	gates_set_idt(r, 0x30, good);
	rig_put(r, GATES_IDT + 0x30 * 16 + 8, 0x8000, 4);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	/* A stack that is not canonical, an IST beyond the TSS. */
	rig_put(r, GATES_IDT + 0x30 * 16 + 8, 0, 4);
	rig_put(r, GATES_TSS1 + 4, 1ull << 48, 8);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, SS, 0));
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA3);
	r->v.s.seg[SEG_TR].limit = 0x53;
	gates_set_idt(r, 0x30, good | 7ull << 32);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, TS, TASK1));
	rig_down(r);
}

static void test_bad_inner_stack(void)
{
	struct rig *r = gates_up(RIG_OFF, 3);

	gates_set_idt(r, 0x30, gates_gate(CODE0, 0, SYS_INT32, 3, 0));
	rig_put(r, GATES_TSS1 + 8, DATA3, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, TS, DATA3 & ~3));
	rig_put(r, GATES_TSS1 + 8, GONE_DATA, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, SS, GONE_DATA));
	rig_put(r, GATES_TSS1 + 8, 0, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, TS, 0));
	/* Too small: named by its selector. */
	rig_put(r, GATES_TSS1 + 4, 0x8000, 4);
	rig_put(r, GATES_TSS1 + 8, STACK0, 2);
	gates_set_gdt(r, STACK0, gates_descriptor(0, 0x7fef, 0x92));
	CU_ASSERT_EQUAL(DO(r, "\xcd\x30"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, SS, STACK0));
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA3);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
	rig_down(r);
}

/* The first exception's gate is not present, so its delivery raises #NP; or, with a vector beyond
 * the IDT, #GP. SDM vol. 3A table 6-5. */
static void test_double(void)
{
	static const struct {
		u8 first, expect;
	} t[] = {
		{ DE, DF }, { TS, DF }, { NP, DF }, { SS, DF }, { GP, DF },
		{ PF, DF }, { UD, NP }, { BR, NP }, { AC, NP }, { DB, NP },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(RIG_OFF, 0);
		struct exception e = { .vector = t[n].first };

		/* #NP itself is the second one of its own row. */
		gates_set_idt(r, t[n].first, rig_get(r, GATES_IDT + t[n].first * 8, 8) & ~DESC_P);
		deliver_exception(&r->v, &e);
		CU_ASSERT(at_handler(r, t[n].expect));
		CU_ASSERT_EQUAL(gates_stack(r, 0, 4), t[n].expect == DF ? 0 : t[n].first * 8u + 3);
		CU_ASSERT_EQUAL(gates_stack(r, 1, 4), ENTRY);
		/* And a double fault that cannot be delivered is the end. */
		if (t[n].expect == DF) {
			gates_set_idt(r, DF, 0);
			deliver_exception(&r->v, &e);
			CU_ASSERT_EQUAL(r->vm.stop.kind, STOP_TRIPLE_FAULT);
		}
		rig_down(r);
	}
}

/* Page faults on the way: after a contributory one they are delivered, after another they double.
 */
static void test_double_pf(void)
{
	const struct exception fault = { .vector = PF, .has_error = true, .cr2 = 0x1234 };

	for (int first_is_pf = 0; first_is_pf < 2; first_is_pf++) {
		struct rig *r = gates_up(RIG_LONG, 0);

		/* IST 1 lies beyond what is mapped: the push faults. */
		rig_put(r, GATES_TSS1 + 36, 0x7000000000, 8);
		gates_set_idt(r, DE, rig_get(r, GATES_IDT + DE * 16, 8) | 1ull << 32);
		if (first_is_pf)
			gates_set_idt(r, PF, rig_get(r, GATES_IDT + PF * 16, 8) | 1ull << 32);
		deliver_exception(&r->v, first_is_pf ? &fault : &divide);
		CU_ASSERT(at_handler(r, first_is_pf ? DF : PF));
		CU_ASSERT_EQUAL(r->v.s.cr2, 0x7000000000 - 8);
		if (!first_is_pf)
			CU_ASSERT_EQUAL(gates_stack(r, 0, 8), 2); /* write, not EXT */
		rig_down(r);
	}
}

/* ---- what comes with it --------------------------------------------------------------------- */

static void test_registers(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);
	struct exception e = { .vector = PF, .has_error = true, .error = 4, .cr2 = 0x1234 };

	deliver_exception(&r->v, &e);
	CU_ASSERT_EQUAL(r->v.s.cr2, 0x1234);
	r->v.s.dr6 |= 2;
	r->v.s.dr7 |= BIT64(13);
	e = (struct exception){ .vector = DB, .dr6 = 0x4001, .trap = true };
	deliver_exception(&r->v, &e);
	CU_ASSERT_EQUAL(r->v.s.dr6, 0xffff4ff1);
	CU_ASSERT_EQUAL(r->v.s.dr7, 0x400);
	rig_down(r);
}

static void test_rf(void)
{
	static const struct {
		struct exception e;
		bool rf;
	} t[] = {
		{ { .vector = UD }, true },
		{ { .vector = DB, .dr6 = 1 }, false },
		{ { .vector = DB, .dr6 = 0x2000 }, true },
		{ { .vector = DB, .dr6 = 0x4000, .trap = true }, false },
	};
	struct rig *r = gates_up(RIG_OFF, 0);

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		deliver_exception(&r->v, &t[n].e);
		CU_ASSERT_EQUAL(!!(gates_stack(r, 2, 4) & RFLAGS_RF), t[n].rf);
	}
	deliver_interrupt(&r->v, 0x40);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 4) & RFLAGS_RF, 0);
	CU_ASSERT_EQUAL(DO(r, "\xcc"), EMU_JUMPED);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 4) & RFLAGS_RF, 0);
	rig_down(r);
}

static void test_nmi(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	r->v.s.ev.sti_shadow = true;
	deliver_nmi(&r->v);
	CU_ASSERT(at_handler(r, NMI));
	CU_ASSERT(r->v.s.ev.nmi_masked);
	CU_ASSERT(!r->v.s.ev.sti_shadow);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
	CU_ASSERT(!r->v.s.ev.nmi_masked);
	rig_down(r);
}

CU_TestInfo tests_deliver[] = {
	{ "real mode", test_real },
	{ "at the same level", test_same_level },
	{ "to an inner level", test_inner },
	{ "from virtual-8086 mode", test_vm86 },
	{ "INT n in virtual-8086 mode", test_vm86_int },
	{ "64-bit mode", test_long },
	{ "from compatibility mode", test_from_compat },
	{ "gates that fault", test_gate_faults },
	{ "INT, INTO, INT1", test_int_family },
	{ "64-bit gates that fault", test_long_gate_faults },
	{ "bad inner stacks", test_bad_inner_stack },
	{ "double and triple faults", test_double },
	{ "page faults on the way", test_double_pf },
	{ "CR2, DR6, DR7", test_registers },
	{ "RF in the image", test_rf },
	{ "NMI", test_nmi },
	CU_TEST_INFO_NULL,
};
