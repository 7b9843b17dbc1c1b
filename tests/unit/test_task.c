/* SPDX-License-Identifier: MIT */
/* Hardware task switches of swbt. */
#include "backends/swbt/segment.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>

#define BUSY BIT64(41)

/* Offsets in a 32-bit TSS. */
enum { LINK = 0, CR3 = 0x1c, EIP = 0x20, EFLAGS = 0x24, EAX = 0x28, ESP = 0x38, ES = 0x48 };
enum { CS = 0x4c, SS_ = 0x50, DS = 0x54, FS = 0x58, GS = 0x5c, LDTR = 0x60, TRAP = 0x64 };

/* Task 2 is ready to run at CPL 0 with flat segments. */
static void fill_task2(struct rig *r)
{
	static const struct {
		u8 at;
		u32 value;
	} t[] = {
		{ EIP, 0x20000 }, { EFLAGS, 2 }, { EAX, 0x11 },	 { ESP, 0x50000 },
		{ ES, DATA0 },	  { CS, CODE0 }, { SS_, DATA0 }, { DS, DATA3 },
		{ FS, 0 },	  { GS, LOCAL }, { LDTR, LDT },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++)
		rig_put(r, GATES_TSS2 + t[n].at, t[n].value, 4);
	for (unsigned int n = 1; n < 8; n++)
		if (n != RSP)
			rig_put(r, GATES_TSS2 + EAX + 4 * n, 0x11 * (n + 1), 4);
}

static struct rig *up(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	fill_task2(r);
	r->v.s.gpr[RAX] = 0x12345678;
	r->v.s.gpr[RDI] = 0x9abcdef0;
	r->v.s.dr7 = 0x7ff;
	return r;
}

static bool busy(struct rig *r, u16 task)
{
	return gates_get_gdt(r, task) & BUSY;
}

#define JMP_TASK2  "\xea\x00\x00\x00\x00\x48\x00"
#define CALL_TASK2 "\x9a\x00\x00\x00\x00\x48\x00"

static void check_task2(struct rig *r)
{
	CU_ASSERT_EQUAL(r->v.s.rip, 0x20000);
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0x11);
	CU_ASSERT_EQUAL(r->v.s.gpr[RDI], 0x88);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_TR), TASK2);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_DS), DATA3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_GS), LOCAL);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_LDT), LDT);
	CU_ASSERT(!(r->v.s.seg[SEG_GS].attr & ATTR_UNUSABLE));
	CU_ASSERT(!!(r->v.s.seg[SEG_FS].attr & ATTR_UNUSABLE));
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_TR].attr & ATTR_TYPE, SYS_TSS32_BUSY);
	CU_ASSERT(busy(r, TASK2));
	CU_ASSERT(!!(r->v.s.cr0 & 8));
	CU_ASSERT_EQUAL(r->v.s.dr7, 0x6aa);
	CU_ASSERT_EQUAL(r->v.cpl, 0);
}

static void check_saved(struct rig *r, u32 eip)
{
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + EIP, 4), eip);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + EAX, 4), 0x12345678);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + EAX + 28, 4), 0x9abcdef0);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + ESP, 4), STACK_USER);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + CS, 2), CODE0);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + GS, 2), DATA0);
}

static void test_jmp(void)
{
	struct rig *r = up();

	CU_ASSERT_EQUAL(DO(r, JMP_TASK2), EMU_JUMPED);
	check_task2(r);
	check_saved(r, ENTRY + 7);
	CU_ASSERT(!busy(r, TASK1));
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_FIXED);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + EFLAGS, 4), RFLAGS_IF | RFLAGS_FIXED);
	/* And back, by the same means. */
	CU_ASSERT_EQUAL(DO(r, "\xea\x00\x00\x00\x00\x40\x00"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 7);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT(busy(r, TASK1) && !busy(r, TASK2));
	rig_down(r);
}

static void test_call_iret(void)
{
	struct rig *r = up();

	CU_ASSERT_EQUAL(DO(r, CALL_TASK2), EMU_JUMPED);
	check_task2(r);
	check_saved(r, ENTRY + 7);
	CU_ASSERT(busy(r, TASK1));
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_NT | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS2 + LINK, 2), TASK1);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 7);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_TR), TASK1);
	CU_ASSERT(busy(r, TASK1) && !busy(r, TASK2));
	/* Task 2 goes on behind its IRET, without NT. */
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS2 + EIP, 4), 0x20001);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS2 + EFLAGS, 4), RFLAGS_FIXED);
	rig_down(r);
}

/* An exception through a task gate: its error code is on the new task's stack. */
static void test_task_gate(void)
{
	const struct exception e = { .vector = GP, .has_error = true, .error = 0x1230 };
	struct rig *r = up();

	gates_set_idt(r, GP, gates_gate(TASK2, 0, SYS_TASK, 0, 0));
	deliver_exception(&r->v, &e);
	check_task2(r);
	check_saved(r, ENTRY);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS1 + EFLAGS, 4), RFLAGS_RF | RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x50000 - 4);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0x1230);
	CU_ASSERT_EQUAL(r->v.s.rflags & RFLAGS_NT, RFLAGS_NT);
	rig_down(r);

	/* A busy task cannot be entered again: #GP, which doubles. */
	r = up();
	gates_set_idt(r, NP, gates_gate(TASK1, 0, SYS_TASK, 0, 0));
	deliver_exception(&r->v, &(struct exception){ .vector = NP, .has_error = true });
	CU_ASSERT_EQUAL(r->v.s.rip, HANDLER(DF));
	CU_ASSERT_EQUAL(gates_stack(r, 3, 4), RFLAGS_IF | RFLAGS_FIXED);
	rig_down(r);

	/* By CALL, through a gate in the GDT. */
	r = up();
	gates_set_gdt(r, GATE, gates_gate(TASK2, 0, SYS_TASK, 0, 0));
	CU_ASSERT_EQUAL(DO(r, "\x9a\x00\x00\x00\x00\x58\x00"), EMU_JUMPED);
	check_task2(r);
	rig_down(r);
}

static void test_16bit(void)
{
	struct rig *r = up();

	rig_put(r, GATES_TSS3 + 0x0e, 0x2000, 2);
	rig_put(r, GATES_TSS3 + 0x10, RFLAGS_CF | 2, 2);
	rig_put(r, GATES_TSS3 + 0x12, 0xaaaa, 2);
	rig_put(r, GATES_TSS3 + 0x1a, 0x7000, 2);
	rig_put(r, GATES_TSS3 + 0x22, DATA3, 2);
	rig_put(r, GATES_TSS3 + 0x24, SMALL0, 2);
	rig_put(r, GATES_TSS3 + 0x26, STACK0, 2);
	rig_put(r, GATES_TSS3 + 0x28, DATA0, 2);
	rig_put(r, GATES_TSS3 + 0x2a, 0, 2);
	CU_ASSERT_EQUAL(DO(r, "\x9a\x00\x00\x00\x00\x50\x00"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.mode, MODE_PROT16);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x2000);
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0xaaaa);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x7000);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_ES), DATA3);
	CU_ASSERT(!!(r->v.s.seg[SEG_LDT].attr & ATTR_UNUSABLE));
	CU_ASSERT(!!(r->v.s.seg[SEG_FS].attr & ATTR_UNUSABLE));
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_NT | RFLAGS_CF | RFLAGS_FIXED);
	check_saved(r, ENTRY + 7);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS3 + 0x0e, 2), 0x2001);
	CU_ASSERT_EQUAL(rig_get(r, GATES_TSS3 + 0x2c, 2), 0);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_TR), TASK1);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 7);
	rig_down(r);
}

static void test_vm86_task(void)
{
	struct rig *r = up();

	rig_put(r, GATES_TSS2 + EFLAGS, RFLAGS_VM | 2, 4);
	rig_put(r, GATES_TSS2 + EIP, 0x100, 4);
	for (unsigned int n = 0; n < 6; n++)
		rig_put(r, GATES_TSS2 + ES + 4 * n, 0x2000 + n, 4);
	CU_ASSERT_EQUAL(DO(r, JMP_TASK2), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.mode, MODE_VM86);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x20010);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_GS].base, 0x20050);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	rig_down(r);
}

static void test_trap_and_cr3(void)
{
	struct rig *r = up();

	rig_put(r, GATES_TSS2 + TRAP, 1, 2);
	CU_ASSERT_EQUAL(DO(r, JMP_TASK2), EMU_FAULT);
	CU_ASSERT(gates_raised(r, DB, -1));
	CU_ASSERT(r->v.exc.trap);
	CU_ASSERT_EQUAL(r->v.exc.dr6, 0x8000);
	check_task2(r);
	rig_down(r);

	/* Two tasks, two sets of tables: the same, but for a page. */
	r = up();
	rig_put(r, 0x10000, 0x87, 4);
	rig_put(r, 0x10004, 0x400087, 4);
	rig_put(r, 0x11000, 0x87, 4);
	rig_put(r, 0x11004, 0x87, 4);
	rig_put(r, GATES_TSS2 + CR3, 0x11000, 4);
	r->v.s.cr3 = 0x10000;
	r->v.s.cr4 |= CR4_PSE;
	r->v.s.cr0 |= CR0_PG;
	vcpu_derive(&r->v);
	CU_ASSERT_EQUAL(rig_translate(r, 0x400000, ACC_READ), 0x400000);
	CU_ASSERT_EQUAL(DO(r, JMP_TASK2), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.cr3, 0x11000);
	CU_ASSERT_EQUAL(rig_translate(r, 0x400000, ACC_READ), 0);
	rig_down(r);
}

/* Faults that the old task sees, with nothing changed. */
static void test_refused(void)
{
	static const struct {
		u64 descriptor_off, descriptor_on;
		u16 gate_selector; /* by a task gate instead */
		enum vector vector;
		u16 error;
	} t[] = {
		{ DESC_P, 0, 0, NP, TASK2 }, { 0, BUSY, 0, GP, TASK2 },
		{ 1, 0, 0, TS, TASK2 }, /* limit 66h */
		{ 0, 0, LDT, GP, LDT },	     { 0, 0, 0x4c, GP, 0x4c },
		{ 0, 0, 0xb8, GP, 0xb8 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = up();

		gates_set_gdt(r, TASK2,
			      (gates_get_gdt(r, TASK2) & ~t[n].descriptor_off) |
				      t[n].descriptor_on);
		gates_set_gdt(r, GATE,
			      gates_gate(t[n].gate_selector ? t[n].gate_selector : TASK2, 0,
					 SYS_TASK, 0, 0));
		CU_ASSERT_EQUAL(DO(r, "\xea\x00\x00\x00\x00\x58\x00"), EMU_FAULT);
		CU_ASSERT(gates_raised(r, t[n].vector, t[n].error));
		CU_ASSERT_EQUAL(gates_sel(r, SEG_TR), TASK1);
		CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
		CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0x12345678);
		CU_ASSERT(busy(r, TASK1));
		rig_down(r);
	}
}

static void test_iret_refused(void)
{
	struct rig *r = up();

	r->v.s.rflags |= RFLAGS_NT;
	rig_put(r, GATES_TSS1 + LINK, TASK2, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, TS, TASK2));
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
	rig_down(r);
}

/* Faults that the new task sees. */
static void test_new_task_faults(void)
{
	static const struct {
		u8 at;
		u16 value;
		enum vector vector;
		u16 error;
	} t[] = {
		{ LDTR, CODE0, TS, CODE0 },
		{ LDTR, LOCAL, TS, LOCAL & ~3 },
		{ CS, 0, TS, 0 },
		{ CS, DATA0, TS, DATA0 },
		{ CS, CODE0 | 3, TS, CODE0 },
		{ CS, GONE_CODE, NP, GONE_CODE },
		{ SS_, 0, TS, 0 },
		{ SS_, DATA3, TS, DATA3 & ~3 },
		{ SS_, GONE_DATA, SS, GONE_DATA },
		{ DS, EXEC_ONLY, TS, EXEC_ONLY },
		{ ES, GONE_DATA, NP, GONE_DATA },
		{ FS, 0xb8, TS, 0xb8 },
		{ CS, SMALL0, GP, 0 }, /* EIP is beyond it */
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = up();

		rig_put(r, GATES_TSS2 + t[n].at, t[n].value, 2);
		CU_ASSERT_EQUAL(DO(r, JMP_TASK2), EMU_FAULT);
		CU_ASSERT(gates_raised(r, t[n].vector, t[n].error));
		CU_ASSERT_EQUAL(gates_sel(r, SEG_TR), TASK2);
		CU_ASSERT_EQUAL(r->v.s.rip, 0x20000);
		CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0x11);
		CU_ASSERT(busy(r, TASK2) && !busy(r, TASK1));
		rig_down(r);
	}
}

CU_TestInfo tests_task[] = {
	{ "JMP to a task and back", test_jmp },
	{ "CALL and IRET", test_call_iret },
	{ "task gates", test_task_gate },
	{ "16-bit TSS", test_16bit },
	{ "virtual-8086 task", test_vm86_task },
	{ "T bit, CR3", test_trap_and_cr3 },
	{ "faults in the old task", test_refused },
	{ "IRET that faults", test_iret_refused },
	{ "faults in the new task", test_new_task_faults },
	CU_TEST_INFO_NULL,
};
