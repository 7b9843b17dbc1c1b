/* SPDX-License-Identifier: MIT */
/* Segment loads, far transfers, IRET and system calls of swbt. */
#include "backends/swbt/segment.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define ACCESSED BIT64(40)

static void push(struct rig *r, u64 value, unsigned int size)
{
	r->v.s.gpr[RSP] -= size;
	rig_put(r, r->v.s.seg[SEG_SS].base + r->v.s.gpr[RSP], value, size);
}

/* ---- segment registers ---------------------------------------------------------------------- */

static void test_load_data(void)
{
	static const struct {
		u16 selector;
		u8 cpl;
		s16 vector; /* -1: succeeds */
		u16 error;
	} t[] = {
		{ 0, 0, -1, 0 },
		{ 3, 3, -1, 0 },
		{ DATA0, 0, -1, 0 },
		{ DATA0 | 3, 0, GP, DATA0 },
		{ DATA3, 0, -1, 0 },
		{ DATA3, 3, -1, 0 },
		{ DATA0, 3, GP, DATA0 },
		{ CODE3, 3, -1, 0 },
		{ EXEC_ONLY, 0, GP, 0x88 },
		{ READ_ONLY, 0, -1, 0 },
		{ CONF0 | 3, 3, -1, 0 },
		{ GONE_DATA, 0, NP, 0x80 },
		{ TASK2, 0, GP, TASK2 },
		{ 0xb8, 0, GP, 0xb8 },
		{ LOCAL, 3, -1, 0 },
		{ 0x14, 0, GP, 0x14 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(RIG_OFF, t[n].cpl);
		struct segment old = r->v.s.seg[SEG_ES];
		int result = load_segment(&r->v, SEG_ES, t[n].selector);

		if (t[n].vector < 0) {
			CU_ASSERT_EQUAL(result, 0);
			CU_ASSERT_EQUAL(gates_sel(r, SEG_ES), t[n].selector);
			CU_ASSERT_EQUAL(!(r->v.s.seg[SEG_ES].attr & ATTR_UNUSABLE),
					!selector_null(t[n].selector));
		} else {
			CU_ASSERT_EQUAL(result, EXC);
			CU_ASSERT(gates_raised(r, (enum vector)t[n].vector, t[n].error));
			CU_ASSERT(!memcmp(&old, &r->v.s.seg[SEG_ES], sizeof(old)));
		}
		rig_down(r);
	}
}

static void test_load_stack(void)
{
	static const struct {
		enum rig_paging paging;
		u8 cpl;
		u16 selector;
		s16 vector;
		u16 error;
	} t[] = {
		{ RIG_OFF, 0, DATA0, -1, 0 },	     { RIG_OFF, 0, 0, GP, 0 },
		{ RIG_OFF, 0, DATA3, GP, 0x20 },     { RIG_OFF, 3, DATA3, -1, 0 },
		{ RIG_OFF, 0, READ_ONLY, GP, 0x90 }, { RIG_OFF, 0, CODE0, GP, CODE0 },
		{ RIG_OFF, 0, GONE_DATA, SS, 0x80 }, { RIG_LONG, 0, 0, -1, 0 },
		{ RIG_LONG, 0, 3, GP, 0 },	     { RIG_LONG, 3, 3, GP, 0 },
		{ RIG_COMPAT, 0, 0, GP, 0 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(t[n].paging, t[n].cpl);

		r->v.s.gpr[RAX] = t[n].selector;
		if (t[n].vector < 0) {
			CU_ASSERT_EQUAL(DO(r, "\x8e\xd0"), EMU_NEXT);
			CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), t[n].selector);
			CU_ASSERT_EQUAL(r->v.cpl, t[n].cpl);
			CU_ASSERT(r->v.s.ev.movss_shadow && r->v.no_interrupts_once);
		} else {
			CU_ASSERT_EQUAL(DO(r, "\x8e\xd0"), EMU_FAULT);
			CU_ASSERT(gates_raised(r, (enum vector)t[n].vector, t[n].error));
			CU_ASSERT(!r->v.s.ev.movss_shadow);
		}
		rig_down(r);
	}
}

/* The bit is set by loads that succeed, and found in the register. */
static void test_accessed(void)
{
	struct rig *r = gates_up(RIG_OFF, 3);

	CU_ASSERT_EQUAL(load_segment(&r->v, SEG_FS, DATA0), EXC);
	CU_ASSERT(!(gates_get_gdt(r, DATA0) & ACCESSED));
	CU_ASSERT(!(gates_get_gdt(r, DATA3) & ACCESSED));
	CU_ASSERT_EQUAL(load_segment(&r->v, SEG_FS, DATA3), 0);
	CU_ASSERT(!!(gates_get_gdt(r, DATA3) & ACCESSED));
	CU_ASSERT(r->v.s.seg[SEG_FS].attr & 1);
	rig_down(r);
}

static void test_null_base(void)
{
	struct rig *r = gates_up(RIG_LONG, 3);
	struct cpuid_table *t = &r->vm.cpuid;

	r->v.s.seg[SEG_FS].base = r->v.s.seg[SEG_GS].base = 0x1234;
	CU_ASSERT_EQUAL(load_segment(&r->v, SEG_FS, 0), 0);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_FS].base, 0);
	t->leaf[t->nr++] = (struct cpuid_leaf){ .ebx = 0x68747541 };
	CU_ASSERT_EQUAL(load_segment(&r->v, SEG_GS, 0), 0);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_GS].base, 0x1234);
	rig_down(r);
}

static void test_seg_instructions(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);
	u64 *gpr = r->v.s.gpr;

	gpr[RBX] = ~0ull;
	CU_ASSERT_EQUAL(DO(r, "\x8c\xcb"), EMU_NEXT); /* mov ebx, cs */
	CU_ASSERT_EQUAL(gpr[RBX], CODE0);
	gpr[RBX] = 0x30000;
	rig_put(r, 0x30000, ~0ull, 8);
	CU_ASSERT_EQUAL(DO(r, "\x8c\x1b"), EMU_NEXT); /* mov [ebx], ds */
	CU_ASSERT_EQUAL(rig_get(r, 0x30000, 8), 0xffffffffffff0010);
	CU_ASSERT_EQUAL(DO(r, "\x16"), EMU_NEXT); /* push ss */
	CU_ASSERT_EQUAL(gpr[RSP], STACK_USER - 4);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 2), DATA0);
	CU_ASSERT_EQUAL(DO(r, "\x07"), EMU_NEXT); /* pop es */
	CU_ASSERT_EQUAL(gpr[RSP], STACK_USER);
	push(r, CODE3, 4);
	CU_ASSERT_EQUAL(DO(r, "\x17"), EMU_FAULT); /* pop ss */
	CU_ASSERT(gates_raised(r, GP, CODE3 & ~3));
	CU_ASSERT_EQUAL(gpr[RSP], STACK_USER - 4);
	/* A 16-bit stack loaded by POP SS: ESP still moved as a whole. */
	gpr[RSP] = 0x1fffe - 2;
	rig_put(r, 0x1fffc, STACK0, 4);
	CU_ASSERT_EQUAL(DO(r, "\x17"), EMU_NEXT);
	CU_ASSERT_EQUAL(gpr[RSP], 0x20000);
	CU_ASSERT(r->v.s.ev.movss_shadow);

	rig_put(r, 0x30000, 0x12345678 | (u64)DATA3 << 32, 8);
	CU_ASSERT_EQUAL(DO(r, "\x0f\xb2\x13"), EMU_FAULT); /* lss edx, [ebx] */
	CU_ASSERT(gates_raised(r, GP, DATA3 & ~3));
	CU_ASSERT_EQUAL(gpr[RDX], 0x600);
	CU_ASSERT_EQUAL(DO(r, "\xc5\x13"), EMU_NEXT); /* lds edx, [ebx] */
	CU_ASSERT_EQUAL(gpr[RDX], 0x12345678);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_DS), DATA3);
	rig_down(r);
}

/* ---- JMP, CALL, RET ------------------------------------------------------------------------- */

static void test_jmp_code(void)
{
	static const struct {
		enum rig_paging paging;
		u8 cpl;
		u16 selector;
		s16 vector;
		u16 error, cs;
		enum cpu_mode mode;
	} t[] = {
		{ RIG_OFF, 0, CODE0, -1, 0, CODE0, MODE_PROT32 },
		{ RIG_OFF, 3, CODE3, -1, 0, CODE3, MODE_PROT32 },
		{ RIG_OFF, 3, CODE3 & ~3, -1, 0, CODE3, MODE_PROT32 },
		{ RIG_OFF, 3, CODE0, GP, CODE0, 0, 0 },
		{ RIG_OFF, 0, CODE3, GP, CODE3 & ~3, 0, 0 },
		{ RIG_OFF, 0, CODE0 | 1, GP, CODE0, 0, 0 },
		{ RIG_OFF, 3, CONF0, -1, 0, CONF0 | 3, MODE_PROT32 },
		{ RIG_OFF, 0, SMALL0, -1, 0, SMALL0, MODE_PROT16 },
		{ RIG_OFF, 0, WIDE0, -1, 0, WIDE0, MODE_PROT16 },
		{ RIG_OFF, 0, 0, GP, 0, 0, 0 },
		{ RIG_OFF, 0, DATA0, GP, DATA0, 0, 0 },
		{ RIG_OFF, 0, GONE_CODE, NP, GONE_CODE, 0, 0 },
		{ RIG_OFF, 0, 0xb8, GP, 0xb8, 0, 0 },
		{ RIG_OFF, 0, LDT, GP, LDT, 0, 0 },
		{ RIG_OFF, 0, ODD_CODE, -1, 0, ODD_CODE, MODE_PROT32 },
		{ RIG_COMPAT, 0, ODD_CODE, GP, ODD_CODE, 0, 0 },
		{ RIG_COMPAT, 0, WIDE0, -1, 0, WIDE0, MODE_LONG64 },
		{ RIG_COMPAT, 0, TASK2, GP, TASK2, 0, 0 },
	};
	char code[] = "\xea\x00\x30\x00\x00\x00\x00";

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(t[n].paging, t[n].cpl);

		memcpy(code + 5, &t[n].selector, 2);
		if (t[n].vector < 0) {
			CU_ASSERT_EQUAL(DO(r, code), EMU_JUMPED);
			CU_ASSERT_EQUAL(r->v.s.rip, 0x3000);
			CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), t[n].cs);
			CU_ASSERT_EQUAL(r->v.mode, t[n].mode);
		} else {
			CU_ASSERT_EQUAL(DO(r, code), EMU_FAULT);
			CU_ASSERT(gates_raised(r, (enum vector)t[n].vector, t[n].error));
			CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
		}
		CU_ASSERT_EQUAL(r->v.cpl, t[n].cpl);
		rig_down(r);
	}
}

static void test_targets(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	CU_ASSERT_EQUAL(DO(r, "\xea\x00\x00\x01\x00\x68\x00"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	rig_down(r);

	r = gates_up(RIG_LONG, 0);
	r->v.s.gpr[RBX] = 0x30000;
	rig_put(r, 0x30000, 0x800000000000, 8);
	rig_put(r, 0x30008, WIDE0, 2);
	CU_ASSERT_EQUAL(DO(r, "\x48\xff\x2b"), EMU_FAULT); /* jmp far [rbx], 16:64 */
	CU_ASSERT(gates_raised(r, GP, 0));
	rig_put(r, 0x30000, 0x12345678 | (u64)CODE0 << 32, 8);
	CU_ASSERT_EQUAL(DO(r, "\xff\x2b"), EMU_JUMPED); /* 16:32, to compatibility mode */
	CU_ASSERT_EQUAL(r->v.mode, MODE_PROT32);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x12345678);
	rig_down(r);
}

static void test_call_ret(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	CU_ASSERT_EQUAL(DO(r, "\x9a\x00\x30\x00\x00\x38\x00"), EMU_JUMPED);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CONF0);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 7);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 4), CODE0);
	CU_ASSERT_EQUAL(DO(r, "\xca\x08\x00"), EMU_JUMPED); /* retf 8 */
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CODE0);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 7);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER + 8);
	rig_down(r);

	r = gates_up_real();
	r->v.s.seg[SEG_CS].limit = 0xffffffff;
	CU_ASSERT_EQUAL(DO(r, "\x9a\x34\x12\x00\x20"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x20000);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].limit, 0xffffffff);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x1234);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0x10000005);
	CU_ASSERT_EQUAL(DO(r, "\xcb"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x10000);
	CU_ASSERT_EQUAL(r->v.s.rip, 5);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x8000);
	rig_down(r);
}

/* From CPL 3 through a 32-bit gate to CPL 0 with two parameters, and back. */
static void test_call_gate(void)
{
	struct rig *r = gates_up(RIG_OFF, 3);

	gates_set_gdt(r, GATE, gates_gate(CODE0, 0x345678, SYS_CALL32, 3, 2));
	push(r, 0x1111, 4);
	push(r, 0x2222, 4);
	r->v.s.seg[SEG_DS] = segment_from(CONF0, gates_get_gdt(r, CONF0));
	CU_ASSERT_EQUAL(DO(r, "\x9a\x00\x00\x00\x00\x5b\x00"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.cpl, 0);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x345678);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CODE0);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA0);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_RING0 - 24);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 7);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 4), CODE3);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 4), 0x2222);
	CU_ASSERT_EQUAL(gates_stack(r, 3, 4), 0x1111);
	CU_ASSERT_EQUAL(gates_stack(r, 4, 4), STACK_USER - 8);
	CU_ASSERT_EQUAL(gates_stack(r, 5, 4), DATA3);
	CU_ASSERT_EQUAL(load_segment(&r->v, SEG_ES, DATA0), 0);
	CU_ASSERT_EQUAL(DO(r, "\xca\x08\x00"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CODE3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA3);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
	/* Ring 0's data is gone; conforming code and ring 3's stay. */
	CU_ASSERT(r->v.s.seg[SEG_ES].attr & ATTR_UNUSABLE);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_ES), 0);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_DS), CONF0);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_FS), DATA3);
	/* JMP does not change privilege. */
	CU_ASSERT_EQUAL(DO(r, "\xea\x00\x00\x00\x00\x5b\x00"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, CODE0));
	rig_down(r);
}

static void test_gate_faults(void)
{
	static const struct {
		u16 code;
		u8 type, dpl;
		bool absent, bad_stack;
		enum vector vector;
		u16 error;
	} t[] = {
		{ CODE0, SYS_CALL32, 2, false, false, GP, GATE },
		{ CODE0, SYS_INT32, 3, false, false, GP, GATE },
		{ CODE0, SYS_CALL32, 3, true, false, NP, GATE },
		{ 0, SYS_CALL32, 3, false, false, GP, 0 },
		{ DATA0, SYS_CALL32, 3, false, false, GP, DATA0 },
		{ GONE_CODE, SYS_CALL16, 3, false, false, NP, GONE_CODE },
		{ CODE0, SYS_CALL32, 3, false, true, TS, DATA1 & ~3 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(RIG_OFF, 3);
		u64 gate = gates_gate(t[n].code, 0, t[n].type, t[n].dpl, 0);

		gates_set_gdt(r, GATE, t[n].absent ? gate & ~DESC_P : gate);
		if (t[n].bad_stack)
			rig_put(r, GATES_TSS1 + 8, DATA1, 2);
		CU_ASSERT_EQUAL(DO(r, "\x9a\x00\x00\x00\x00\x5b\x00"), EMU_FAULT);
		CU_ASSERT(gates_raised(r, t[n].vector, t[n].error));
		CU_ASSERT_EQUAL(r->v.cpl, 3);
		CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), CODE3);
		CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
		rig_down(r);
	}
}

static void test_call_gate_64(void)
{
	struct rig *r = gates_up(RIG_LONG, 3);

	gates_set_gdt(r, GATE, gates_gate(WIDE0, 0x345678, SYS_CALL32, 3, 5));
	gates_set_gdt(r, GATE + 8, 0xffff8000);
	r->v.s.gpr[RBX] = 0x30000;
	rig_put(r, 0x30004, GATE | 3, 2);
	CU_ASSERT_EQUAL(DO(r, "\xff\x1b"), EMU_JUMPED); /* call far [rbx] */
	CU_ASSERT_EQUAL(r->v.s.rip, 0xffff800000345678);
	CU_ASSERT_EQUAL(r->v.cpl, 0);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), 0);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_RING0 - 32);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 8), ENTRY + 2);
	CU_ASSERT_EQUAL(gates_stack(r, 1, 8), WIDE3);
	CU_ASSERT_EQUAL(gates_stack(r, 2, 8), STACK_USER);
	CU_ASSERT_EQUAL(gates_stack(r, 3, 8), DATA3);
	CU_ASSERT_EQUAL(DO(r, "\x48\xcb"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 2);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
	/* All gates of long mode lead to 64-bit code; the second half has type 0. */
	gates_set_gdt(r, GATE, gates_gate(CODE0, 0x345678, SYS_CALL32, 3, 0));
	CU_ASSERT_EQUAL(DO(r, "\xff\x1b"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, CODE0));
	gates_set_gdt(r, GATE + 8, BIT64(40));
	CU_ASSERT_EQUAL(DO(r, "\xff\x1b"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, GATE));
	rig_down(r);
}

static void test_ret_faults(void)
{
	static const struct {
		u8 cpl;
		u16 cs, ss;
		enum vector vector;
		u16 error;
	} t[] = {
		{ 0, 0, 0, GP, 0 },
		{ 0, DATA0, 0, GP, DATA0 },
		{ 3, CODE0, 0, GP, CODE0 },
		{ 0, CODE0 | 3, 0, GP, CODE0 },
		{ 0, GONE_CODE, 0, NP, GONE_CODE },
		{ 0, CODE3, 0, GP, 0 },
		{ 0, CODE3, DATA0, GP, DATA0 },
		{ 0, CODE3, GONE_DATA | 3, GP, GONE_DATA },
		{ 0, CODE1, DATA3, GP, DATA3 & ~3 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(RIG_OFF, t[n].cpl);

		push(r, t[n].ss, 4);
		push(r, 0x7000, 4);
		push(r, t[n].cs, 4);
		push(r, 0x3000, 4);
		CU_ASSERT_EQUAL(DO(r, "\xcb"), EMU_FAULT);
		CU_ASSERT(gates_raised(r, t[n].vector, t[n].error));
		CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER - 16);
		CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
		CU_ASSERT_EQUAL(r->v.cpl, t[n].cpl);
		rig_down(r);
	}
}

CU_TestInfo tests_far[] = {
	{ "loading data segments", test_load_data },
	{ "loading SS", test_load_stack },
	{ "accessed bit", test_accessed },
	{ "base after a null selector, by vendor", test_null_base },
	{ "MOV, PUSH, POP, LDS, LSS", test_seg_instructions },
	{ "JMP to code segments", test_jmp_code },
	{ "targets beyond limit or canonical", test_targets },
	{ "CALL and RET at one level, and real mode", test_call_ret },
	{ "32-bit call gate and back", test_call_gate },
	{ "call gates that fault", test_gate_faults },
	{ "64-bit call gate and back", test_call_gate_64 },
	{ "RET that faults", test_ret_faults },
	CU_TEST_INFO_NULL,
};
