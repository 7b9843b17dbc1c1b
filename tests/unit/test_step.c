/* SPDX-License-Identifier: MIT */
#include "backends/swbt/step.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/thunk.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void code(struct rig *r, u32 at, const char *bytes, unsigned int len)
{
	for (unsigned int n = 0; n < len; n++)
		rig_put(r, at + n, (u8)bytes[n], 1);
}

/* A machine with BYTES at ENTRY and HLT at every handler. */
static struct rig *up(const char *bytes, unsigned int len)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	CU_ASSERT_EQUAL_FATAL(thunks_init(&r->v), 0);
	CU_ASSERT_EQUAL_FATAL(step_init(&r->v), 0);
	for (unsigned int n = 0; n < 256; n++)
		rig_put(r, HANDLER(n), 0xf4, 1);
	code(r, ENTRY, bytes, len);
	return r;
}
#define UP(bytes) up(bytes, sizeof(bytes) - 1)

static void down(struct rig *r)
{
	fpu_put(&r->v);
	step_fini(&r->v);
	thunks_fini(&r->v);
	rig_down(r);
}

static bool steps_to(struct rig *r, u64 rip)
{
	enum emulate_result result = step(&r->v);

	return result == EMU_JUMPED && r->v.s.rip == rip;
}

static void test_plain(void)
{
	/* mov eax, 5; add [0x20000], eax; lea ebx, [eax + eax * 4]; nop [ebx]; jmp $ */
	struct rig *r = UP("\xb8\x05\0\0\0\x01\x05\0\0\x02\0\x8d\x1c\x80\x0f\x1f\x03\xeb\xfe");

	rig_put(r, 0x20000, 0xffffffff, 4);
	CU_ASSERT(steps_to(r, ENTRY + 5));
	CU_ASSERT(steps_to(r, ENTRY + 11));
	CU_ASSERT_EQUAL(rig_get(r, 0x20000, 4), 4);
	CU_ASSERT(r->v.s.rflags & RFLAGS_CF);
	CU_ASSERT(steps_to(r, ENTRY + 14));
	CU_ASSERT_EQUAL(r->v.s.gpr[RBX], 25);
	CU_ASSERT(steps_to(r, ENTRY + 17));
	CU_ASSERT(steps_to(r, ENTRY + 17));
	CU_ASSERT_EQUAL(r->v.instructions, 5);
	down(r);
}

/* Code that changes between two executions, by the guest's own store. */
static void test_self_modifying(void)
{
	/* inc eax; mov byte [ENTRY], 48h (dec eax); jmp ENTRY */
	struct rig *r = UP("\x40\xc6\x05\0\0\x01\0\x48\xeb\xf6");

	for (unsigned int n = 0; n < 6; n++)
		step(&r->v);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0);
	down(r);
}

static void test_faults(void)
{
	static const struct {
		const char *bytes;
		unsigned int len;
		enum vector vector;
	} t[] = {
#define INSN(s) s, sizeof(s) - 1
		{ INSN("\x0f\x0b"), UD },		  /* ud2 */
		{ INSN("\xf0\x01\xc0"), UD },		  /* lock add eax, eax */
		{ INSN("\xf0\x90"), UD },		  /* lock nop */
		{ INSN("\xf7\xf1"), DE },		  /* div ecx: by zero */
		{ INSN("\x0f\x28\x05\x08\0\x02\0"), UD }, /* movaps without CR4.OSFXSR */
		{ INSN("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), GP + 256 },
		{ INSN("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"), GP },
#undef INSN
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = up(t[n].bytes, t[n].len);
		bool runs = t[n].vector >= 256;

		CU_ASSERT(steps_to(r, runs ? ENTRY + t[n].len : HANDLER(t[n].vector)));
		CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_EXCEPTION].count, !runs);
		down(r);
	}
}

static void test_aligned(void)
{
	/* movaps xmm0, [0x20008], then the same of 0x20010 */
	struct rig *r = UP("\x0f\x28\x05\x08\0\x02\0\x0f\x28\x05\x10\0\x02\0");

	r->v.s.cr4 |= CR4_OSFXSR;
	CU_ASSERT(steps_to(r, HANDLER(GP)));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0); /* the error code */
	CU_ASSERT_EQUAL(gates_stack(r, 1, 4), ENTRY);
	r->v.s.rip = ENTRY + 7;
	CU_ASSERT(steps_to(r, ENTRY + 14));
	/* It is the linear address that counts. */
	r->v.s.seg[SEG_DS].base = 8;
	r->v.s.rip = ENTRY;
	vcpu_derive(&r->v);
	CU_ASSERT(steps_to(r, ENTRY + 7));
	down(r);
}

static void test_fetch(void)
{
	struct rig *r = UP("\xb8\x05\0\0\0");

	/* The last byte lies beyond the limit. */
	r->v.s.seg[SEG_CS].limit = ENTRY + 3;
	vcpu_derive(&r->v);
	CU_ASSERT_EQUAL(step_execute(&r->v), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY);
	r->v.s.seg[SEG_CS].limit = ENTRY + 4;
	vcpu_derive(&r->v);
	CU_ASSERT_EQUAL(step_execute(&r->v), EMU_JUMPED);
	down(r);
}

/* ---- debug exceptions ----------------------------------------------------------------------- */

static void test_single_step(void)
{
	struct rig *r = UP("\x90\x90");

	r->v.s.rflags |= RFLAGS_TF;
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 1);
	CU_ASSERT(gates_stack(r, 2, 4) & RFLAGS_TF);
	CU_ASSERT(r->v.s.dr6 & DR6_BS);
	CU_ASSERT(!(r->v.s.rflags & RFLAGS_TF));
	down(r);
}

/* A trap follows each iteration, the last with RIP behind the instruction. */
static void test_single_step_rep(void)
{
	/* rep stosb */
	struct rig *r = UP("\xf3\xaa");
	static const u32 rip[] = { ENTRY, ENTRY, ENTRY + 2 };

	r->v.s.gpr[RCX] = ARRAY_SIZE(rip);
	r->v.s.gpr[RDI] = 0x20000;
	for (unsigned int n = 0; n < ARRAY_SIZE(rip); n++) {
		r->v.s.rip = ENTRY;
		r->v.s.rflags |= RFLAGS_TF;
		CU_ASSERT(steps_to(r, HANDLER(DB)));
		CU_ASSERT_EQUAL(gates_stack(r, 0, 4), rip[n]);
		CU_ASSERT_EQUAL(r->v.s.gpr[RCX], ARRAY_SIZE(rip) - 1 - n);
		CU_ASSERT_EQUAL(r->v.s.gpr[RDI], 0x20001 + n);
	}
	down(r);
}

/* POPF that sets TF traps after the next instruction; one that clears it traps still. */
static void test_popf(void)
{
	/* push 0x102; popf; nop; push 2; popf */
	struct rig *r = UP("\x68\x02\x01\0\0\x9d\x90\x6a\x02\x9d");

	CU_ASSERT(steps_to(r, ENTRY + 5));
	CU_ASSERT(steps_to(r, ENTRY + 6));
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 7);
	r->v.s.rip = ENTRY + 7;
	step(&r->v);
	r->v.s.rflags |= RFLAGS_TF;
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 10);
	down(r);
}

/* No trap after the instruction that loads SS, and none after INT n, whose gate cleared TF. */
static void test_no_trap(void)
{
	/* mov ss, eax; nop */
	struct rig *r = UP("\x8e\xd0\x90");

	r->v.s.gpr[RAX] = DATA0;
	r->v.s.rflags |= RFLAGS_TF;
	CU_ASSERT(steps_to(r, ENTRY + 2));
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 3);
	code(r, ENTRY, "\xcd\x80", 2);
	r->v.s.rip = ENTRY;
	r->v.s.rflags |= RFLAGS_TF;
	CU_ASSERT(steps_to(r, HANDLER(0x80)));
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 2);
	down(r);
}

static void test_code_breakpoint(void)
{
	struct rig *r = UP("\x90\x90");

	r->v.s.dr[2] = ENTRY + 1;
	r->v.s.dr7 |= 2u << 4; /* G2 */
	CU_ASSERT(steps_to(r, ENTRY + 1));
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	CU_ASSERT_EQUAL(r->v.s.dr6 & 15, 4);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 1);
	/* RF lets it pass once. */
	r->v.s.rip = ENTRY + 1;
	r->v.s.rflags |= RFLAGS_RF;
	CU_ASSERT(steps_to(r, ENTRY + 2));
	CU_ASSERT(!(r->v.s.rflags & RFLAGS_RF));
	r->v.s.rip = ENTRY + 1;
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	down(r);
}

static void test_data_breakpoint(void)
{
	/* mov eax, [0x20000]; mov [0x20003], ax; mov [0x20004], ax */
	struct rig *r = UP("\xa1\0\0\x02\0\x66\xa3\x03\0\x02\0\x66\xa3\x04\0\x02\0");

	r->v.s.dr[0] = 0x20000;
	r->v.s.dr7 |= 1 | 0xdu << 16; /* L0, writes, 4 bytes */
	CU_ASSERT(steps_to(r, ENTRY + 5));
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	CU_ASSERT_EQUAL(r->v.s.dr6 & 15, 1);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 11);
	r->v.s.rip = ENTRY + 11;
	CU_ASSERT(steps_to(r, ENTRY + 17));
	r->v.s.dr7 |= 0xfu << 16; /* reads, too */
	r->v.s.rip = ENTRY;
	CU_ASSERT(steps_to(r, HANDLER(DB)));
	down(r);
}

/* What is pushed and popped: N bytes on from the stack pointer. */
static void test_stack_breakpoint(void)
{
	static const struct {
		const char *bytes;
		u8 len;
		s8 at;
		bool write;
		u32 target; /* where it leads */
	} t[] = {
		{ "\x50", 1, -4, true, ENTRY + 1 },		       /* push eax */
		{ "\x58", 1, 0, false, ENTRY + 1 },		       /* pop eax */
		{ "\x60", 1, -20, true, ENTRY + 1 },		       /* pusha */
		{ "\xe8\x40\0\0\0", 5, -4, true, ENTRY + 0x45 },       /* call */
		{ "\x9a\x40\0\1\0\x08\0", 7, -8, true, ENTRY + 0x40 }, /* far call */
		{ "\x9a\x40\0\1\0\x08\0", 7, -4, true, ENTRY + 0x40 }, /* and its CS */
		{ "\xcb", 1, 4, false, ENTRY + 0x20 },		       /* retf */
		{ "\xcf", 1, 8, false, ENTRY + 0x20 },		       /* iret */
		{ "\xcd\x40", 2, -12, true, HANDLER(0x40) },	       /* int 0x40 */
		{ "\xc8\0\0\2", 4, -8, true, ENTRY + 4 },	       /* enter */
		{ "\xc9", 1, 0, false, ENTRY + 1 },		       /* leave */
		{ "\x0e", 1, -4, true, ENTRY + 1 },		       /* push cs */
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = up(t[n].bytes, t[n].len);
		u64 rsp = r->v.s.gpr[RSP];

		r->v.s.gpr[RBP] = rsp;
		rig_put(r, rsp, ENTRY + 0x20, 4);
		rig_put(r, rsp + 4, CODE0, 4);
		rig_put(r, rsp + 8, RFLAGS_FIXED, 4);
		r->v.s.dr7 |= 1 | (t[n].write ? 0xdu : 0xfu) << 16;
		r->v.s.dr[0] = rsp - 64;
		CU_ASSERT(steps_to(r, t[n].target));
		r->v.s.dr[0] = rsp + (u64)(s64)t[n].at;
		r->v.s.gpr[RSP] = r->v.s.gpr[RBP] = rsp;
		r->v.s.rip = ENTRY;
		CU_ASSERT(steps_to(r, HANDLER(DB)));
		CU_ASSERT_EQUAL(r->v.s.dr6 & 15, 1);
		CU_ASSERT_EQUAL(gates_stack(r, 0, 4), t[n].target);
		down(r);
	}
}

/* An event's are there for its handler's first instruction; those of one that faults are not. */
static void test_event_breakpoint(void)
{
	struct rig *r = UP("\x50\xf4");
	u64 rsp = r->v.s.gpr[RSP];

	r->v.s.dr[0] = rsp - 12;
	r->v.s.dr7 |= 1 | 0xdu << 16;
	r->vm.nmi = true;
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.rip, HANDLER(DB) + 1);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), HANDLER(NMI));
	/* pop cs:[0x20000] */
	code(r, ENTRY, "\x2e\x8f\x05\0\0\2\0", 7);
	r->v.s.dr[0] = rsp;
	r->v.s.dr7 |= 0xfu << 16;
	r->v.s.gpr[RSP] = rsp;
	r->v.s.ev.halted = false;
	r->v.s.rip = ENTRY;
	CU_ASSERT(steps_to(r, HANDLER(GP)));
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.rip, HANDLER(GP) + 1);
	down(r);
}

/* ---- the run loop --------------------------------------------------------------------------- */

static void test_halt(void)
{
	struct rig *r = UP("\x90\xf4\x40\xf4");

	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 2);
	CU_ASSERT(r->v.s.ev.halted);
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 2);
	r->vm.nmi = true;
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT(!r->vm.nmi);
	CU_ASSERT_EQUAL(r->v.s.rip, HANDLER(NMI) + 1);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 2);
	/* NMIs are masked until IRET. */
	r->vm.nmi = true;
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT(r->vm.nmi);
	down(r);
}

static void test_attention(void)
{
	struct rig *r = UP("\xeb\xfe");

	atomic_store(&r->vm.attention, 1);
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_KICKED);
	CU_ASSERT_EQUAL(r->v.instructions, 0);
	down(r);
}

/* An NMI waits for one instruction after a load of SS. */
static void test_shadow(void)
{
	struct rig *r = UP("\x8e\xd0\x40\x40\xf4");

	r->v.s.gpr[RAX] = DATA0;
	CU_ASSERT(steps_to(r, ENTRY + 2));
	CU_ASSERT(r->v.s.ev.movss_shadow);
	r->vm.nmi = true;
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], DATA0 + 1);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), ENTRY + 3);
	down(r);
}

/* What another backend had not delivered yet comes first. */
static void test_pending(void)
{
	struct rig *r = UP("\x40\xf4");

	r->v.s.ev.exception_pending = true;
	r->v.s.ev.exception = GP;
	r->v.s.ev.exception_has_error = true;
	r->v.s.ev.exception_error = 0x5a;
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.rip, HANDLER(GP) + 1);
	CU_ASSERT_EQUAL(gates_stack(r, 0, 4), 0x5a);
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0);
	CU_ASSERT(!r->v.s.ev.exception_pending);
	r->v.s.rip = ENTRY;
	r->v.s.ev.halted = false;
	r->v.s.ev.interrupt_injected = true;
	r->v.s.ev.interrupt = 0x42;
	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->v.s.rip, HANDLER(0x42) + 1);
	down(r);
}

/* Only sensitive instructions are traps. */
static void test_traps(void)
{
	/* push eax; pop eax; jmp +0; pushf; cli; mov eax, cr0; hlt */
	struct rig *r = UP("\x50\x58\xeb\x00\x9c\xfa\x0f\x20\xc0\xf4");

	CU_ASSERT_EQUAL(step_run(&r->v), RUN_HALTED);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_OTHER].count, 0);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_FLAGS].count, 2);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_CR].count, 1);
	CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_HLT].count, 1);
	CU_ASSERT_EQUAL(r->vm.traps.nr_events, 4);
	CU_ASSERT_EQUAL(r->vm.traps.last[2].rip, ENTRY + 6);
	down(r);
}

CU_TestInfo tests_step[] = {
	{ "plain instructions", test_plain },
	{ "self-modifying code", test_self_modifying },
	{ "faults", test_faults },
	{ "alignment", test_aligned },
	{ "fetching up to the limit", test_fetch },
	{ "single step", test_single_step },
	{ "single step of REP", test_single_step_rep },
	{ "POPF and TF", test_popf },
	{ "no trap after MOV SS and INT", test_no_trap },
	{ "code breakpoints", test_code_breakpoint },
	{ "data breakpoints", test_data_breakpoint },
	{ "data breakpoints on the stack", test_stack_breakpoint },
	{ "data breakpoints of events", test_event_breakpoint },
	{ "HLT and NMI", test_halt },
	{ "attention", test_attention },
	{ "shadow of MOV SS", test_shadow },
	{ "events of set_state", test_pending },
	{ "what counts as a trap", test_traps },
	CU_TEST_INFO_NULL,
};
