/* SPDX-License-Identifier: MIT */
/* IRET in every mode, and the fast system calls of swbt. */
#include "backends/swbt/segment.h"
#include "tests/unit/gates_rig.h"

#include <CUnit/CUnit.h>

static void push(struct rig *r, u64 value, unsigned int size)
{
	r->v.s.gpr[RSP] -= size;
	rig_put(r, r->v.s.seg[SEG_SS].base + r->v.s.gpr[RSP], value, size);
}

static void push_frame(struct rig *r, u64 ss, u64 rsp, u64 flags, u64 cs, u64 rip,
		       unsigned int size)
{
	push(r, ss, size);
	push(r, rsp, size);
	push(r, flags, size);
	push(r, cs, size);
	push(r, rip, size);
}

#define ALL_FLAGS 0x3fffffull

/* Which flags change, by privilege and size. */
static void test_flags(void)
{
	static const u64 low = RFLAGS_ARITH | RFLAGS_TF | RFLAGS_NT;
	static const u64 high = RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
	const struct {
		u8 cpl, level;
		bool narrow;
		u64 loaded;
	} t[] = {
		{ 0, 0, false, low | high | RFLAGS_IF | RFLAGS_IOPL | RFLAGS_VIF | RFLAGS_VIP },
		{ 0, 0, true, low | RFLAGS_IF | RFLAGS_IOPL },
		{ 3, 0, false, low | high },
		{ 3, 3, false, low | high | RFLAGS_IF },
		{ 3, 3, true, low | RFLAGS_IF },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		for (int set = 0; set < 2; set++) {
			struct rig *r = gates_up(RIG_OFF, t[n].cpl);
			unsigned int size = t[n].narrow ? 2 : 4;
			/* IOPL decides; VM in the image would be another test. */
			u64 keep = RFLAGS_FIXED | (u64)t[n].level << 12;
			u64 image = set ? ALL_FLAGS & ~RFLAGS_VM : 0, want;

			r->v.s.rflags = keep;
			push(r, image, size);
			push(r, gates_sel(r, SEG_CS), size);
			push(r, 0x3000, size);
			if (t[n].narrow)
				CU_ASSERT_EQUAL(DO(r, "\x66\xcf"), EMU_JUMPED)
			else
				CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED)
			want = (keep & ~t[n].loaded) | (image & t[n].loaded) | RFLAGS_FIXED;
			CU_ASSERT_EQUAL(r->v.s.rflags, want);
			CU_ASSERT_EQUAL(r->v.s.rip, 0x3000);
			CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER);
			rig_down(r);
		}
	}
}

static void test_outer(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	r->v.s.ev.nmi_masked = true;
	push_frame(r, DATA3, 0x7000, RFLAGS_IF, CODE3, 0x3000, 4);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x7000);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), DATA3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_DS), 0);
	CU_ASSERT(!r->v.s.ev.nmi_masked);
	rig_down(r);

	/* A 16-bit stack takes SP only. */
	r = gates_up(RIG_OFF, 0);
	gates_set_gdt(r, STACK0, gates_descriptor(0, 0xffff, 0xf2));
	push_frame(r, STACK0 | 3, 0x12347000, RFLAGS_IF, CODE3, 0x3000, 4);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x97000);
	rig_down(r);

	r = gates_up(RIG_OFF, 0);
	r->v.s.ev.nmi_masked = true;
	push_frame(r, DATA0, 0x7000, RFLAGS_IF, CODE3, 0x3000, 4);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, DATA0));
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER - 20);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_DS), DATA0);
	CU_ASSERT(!r->v.s.ev.nmi_masked);
	rig_down(r);
}

/* 64-bit mode pops SS:RSP always; a null SS is good for 64-bit rings 0 to 2. */
static void test_iretq(void)
{
	static const struct {
		u16 cs, ss;
		u64 rip;
		s16 vector;
		u16 error;
		enum cpu_mode mode;
	} t[] = {
		{ WIDE0, 0, 0x3000, -1, 0, MODE_LONG64 },
		{ WIDE0, DATA0, 0x3000, -1, 0, MODE_LONG64 },
		{ WIDE3, DATA3, 0x3000, -1, 0, MODE_LONG64 },
		{ CODE3, DATA3, 0x3000, -1, 0, MODE_PROT32 },
		{ WIDE3, 3, 0x3000, GP, 0, 0 },
		{ CODE0, 0, 0x3000, GP, 0, 0 },
		{ WIDE0, DATA0, 1ull << 47, GP, 0, 0 },
		{ CODE0, DATA0, 1ull << 32, GP, 0, 0 },
		{ ODD_CODE, DATA0, 0x3000, GP, ODD_CODE, 0 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = gates_up(RIG_LONG, 0);

		r->v.s.seg[SEG_FS] = segment_null(0, 0);
		r->v.s.seg[SEG_FS].base = 0x123456789000;
		push_frame(r, t[n].ss, 0x7008, RFLAGS_IF, t[n].cs, t[n].rip, 8);
		if (t[n].vector < 0) {
			CU_ASSERT_EQUAL(DO(r, "\x48\xcf"), EMU_JUMPED);
			CU_ASSERT_EQUAL(r->v.mode, t[n].mode);
			CU_ASSERT_EQUAL(r->v.cpl, t[n].cs & 3);
			CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x7008);
			CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), t[n].ss);
			CU_ASSERT_EQUAL(r->v.s.seg[SEG_FS].base, 0x123456789000);
		} else {
			CU_ASSERT_EQUAL(DO(r, "\x48\xcf"), EMU_FAULT);
			CU_ASSERT(gates_raised(r, (enum vector)t[n].vector, t[n].error));
			CU_ASSERT_EQUAL(r->v.s.gpr[RSP], STACK_USER - 40);
		}
		rig_down(r);
	}
}

static void test_nt_in_long_mode(void)
{
	struct rig *r = gates_up(RIG_LONG, 0);

	r->v.s.rflags |= RFLAGS_NT;
	push_frame(r, DATA0, 0x7008, RFLAGS_IF, WIDE0, 0x3000, 8);
	CU_ASSERT_EQUAL(DO(r, "\x48\xcf"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	rig_down(r);
}

static void test_real(void)
{
	struct rig *r = gates_up_real();

	r->v.s.rflags |= RFLAGS_VIF;
	push(r, 0x7fd7 & ~RFLAGS_IF, 2);
	push(r, 0x3000, 2);
	push(r, 0x1234, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rflags, (0x7fd7 & ~RFLAGS_IF) | RFLAGS_VIF);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x30000);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x1234);
	push(r, 0, 4);
	push(r, 0x3000, 4);
	push(r, 0x10000, 4);
	CU_ASSERT_EQUAL(DO(r, "\x66\xcf"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, -1));
	rig_down(r);
}

static void test_to_vm86(void)
{
	struct rig *r = gates_up(RIG_OFF, 0);

	push(r, 0x6666, 4); /* GS */
	push(r, 0x5555, 4);
	push(r, 0x4444, 4);
	push(r, 0x3333, 4); /* ES */
	push_frame(r, 0x2222, 0x7000, RFLAGS_VM | RFLAGS_IOPL | RFLAGS_IF, 0x1111, 0x3000, 4);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.mode, MODE_VM86);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_VM | RFLAGS_IOPL | RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x11110);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_SS].base, 0x22220);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_ES].base, 0x33330);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_DS].base, 0x44440);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_FS].base, 0x55550);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_GS].base, 0x66660);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_GS].limit, 0xffff);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x7000);
	rig_down(r);
}

static void test_in_vm86(void)
{
	struct rig *r = gates_up_vm86(3);

	push(r, 0xffff & ~RFLAGS_IOPL, 2);
	push(r, 0x3000, 2);
	push(r, 0x1234, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	/* IOPL and VM stay. */
	CU_ASSERT_EQUAL(r->v.s.rflags & (RFLAGS_VM | RFLAGS_IOPL), RFLAGS_VM | RFLAGS_IOPL);
	CU_ASSERT_EQUAL(r->v.s.seg[SEG_CS].base, 0x30000);
	CU_ASSERT_EQUAL(r->v.mode, MODE_VM86);
	rig_down(r);

	r = gates_up_vm86(0);
	push(r, RFLAGS_IF, 2);
	push(r, 0x3000, 2);
	push(r, 0x1234, 2);
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	/* With VME, the virtual flag. */
	r->v.s.cr4 |= 1;
	r->v.s.rflags &= ~RFLAGS_IF;
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rflags & (RFLAGS_IF | RFLAGS_VIF), RFLAGS_VIF);
	r->v.s.rflags |= RFLAGS_VIP;
	r->v.s.gpr[RSP] -= 6;
	CU_ASSERT_EQUAL(DO(r, "\xcf"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	rig_down(r);
}

/* ---- system calls --------------------------------------------------------------------------- */

static void be_amd(struct rig *r)
{
	struct cpuid_table *t = &r->vm.cpuid;

	t->leaf[t->nr++] = (struct cpuid_leaf){ .ebx = 0x68747541 };
}

static void system_calls(struct rig *r)
{
	r->v.s.efer |= EFER_SCE;
	r->v.s.msr.star = 0x0013000800004000; /* SYSRET base 13, SYSCALL base 8, legacy EIP */
	r->v.s.msr.lstar = 0xffff800000001000;
	r->v.s.msr.cstar = 0x2000;
	r->v.s.msr.sfmask = RFLAGS_IF | RFLAGS_TF | RFLAGS_DF;
	r->v.s.msr.sysenter_cs = 8;
	r->v.s.msr.sysenter_esp = 0x7000;
	r->v.s.msr.sysenter_eip = 0x3000;
}

static void test_syscall(void)
{
	struct rig *r = gates_up(RIG_LONG, 3);

	CU_ASSERT_EQUAL(DO(r, "\x0f\x05"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, UD, -1));
	system_calls(r);
	r->v.s.rflags |= RFLAGS_DF | RFLAGS_CF;
	CU_ASSERT_EQUAL(DO(r, "\x0f\x05"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 0xffff800000001000);
	CU_ASSERT_EQUAL(r->v.s.gpr[RCX], ENTRY + 2);
	CU_ASSERT_EQUAL(r->v.s.gpr[R11], RFLAGS_DF | RFLAGS_CF | RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_CF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.cpl, 0);
	CU_ASSERT_EQUAL(r->v.mode, MODE_LONG64);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), 8);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), 16);
	r->v.s.gpr[R11] |= RFLAGS_VM | RFLAGS_RF;
	CU_ASSERT_EQUAL(DO(r, "\x48\x0f\x07"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 2);
	CU_ASSERT_EQUAL(r->v.s.rflags, RFLAGS_DF | RFLAGS_CF | RFLAGS_IF | RFLAGS_FIXED);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), 0x23);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), 0x1b);
	CU_ASSERT_EQUAL(DO(r, "\x48\x0f\x07"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	/* To compatibility mode. */
	DO(r, "\x0f\x05");
	CU_ASSERT_EQUAL(DO(r, "\x0f\x07"), EMU_JUMPED);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), 0x13);
	CU_ASSERT_EQUAL(r->v.mode, MODE_PROT32);
	rig_down(r);
}

/* A return address that is not canonical: Intel's check it, AMD's fault on it at CPL 3. */
static void test_sysret_vendors(void)
{
	struct rig *r = gates_up(RIG_LONG, 0);

	system_calls(r);
	r->v.s.gpr[RCX] = 1ull << 47;
	r->v.s.seg[SEG_SS] = segment_null(0, 0);
	CU_ASSERT_EQUAL(DO(r, "\x48\x0f\x07"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	CU_ASSERT_EQUAL(r->v.cpl, 0);
	be_amd(r);
	CU_ASSERT_EQUAL(DO(r, "\x48\x0f\x07"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 1ull << 47);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT(!!(r->v.s.seg[SEG_SS].attr & ATTR_UNUSABLE));
	rig_down(r);
}

static void test_syscall_compat(void)
{
	struct rig *r = gates_up(RIG_COMPAT, 3);

	system_calls(r);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x05"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, UD, -1));
	be_amd(r);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x05"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x2000);
	CU_ASSERT_EQUAL(r->v.mode, MODE_LONG64);
	rig_down(r);

	r = gates_up(RIG_OFF, 3);
	system_calls(r);
	be_amd(r);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x05"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x4000);
	CU_ASSERT_EQUAL(r->v.mode, MODE_PROT32);
	CU_ASSERT_EQUAL(r->v.s.rflags & RFLAGS_IF, 0);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x07"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, ENTRY + 2);
	CU_ASSERT_EQUAL(r->v.cpl, 3);
	CU_ASSERT_EQUAL(r->v.s.rflags & RFLAGS_IF, RFLAGS_IF);
	rig_down(r);
}

static void test_sysenter(void)
{
	struct rig *r = gates_up(RIG_OFF, 3);

	CU_ASSERT_EQUAL(DO(r, "\x0f\x34"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	system_calls(r);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x34"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x3000);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x7000);
	CU_ASSERT_EQUAL(r->v.cpl, 0);
	CU_ASSERT_EQUAL(r->v.s.rflags & RFLAGS_IF, 0);
	r->v.s.gpr[RDX] = 0x5000;
	r->v.s.gpr[RCX] = 0x6000;
	CU_ASSERT_EQUAL(DO(r, "\x0f\x35"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.s.rip, 0x5000);
	CU_ASSERT_EQUAL(r->v.s.gpr[RSP], 0x6000);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), 0x1b);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_SS), 0x23);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x35"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	rig_down(r);

	r = gates_up(RIG_LONG, 3);
	system_calls(r);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x34"), EMU_JUMPED);
	CU_ASSERT_EQUAL(r->v.mode, MODE_LONG64);
	r->v.s.gpr[RDX] = 1ull << 47;
	CU_ASSERT_EQUAL(DO(r, "\x48\x0f\x35"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, GP, 0));
	r->v.s.gpr[RDX] = 0x5000;
	CU_ASSERT_EQUAL(DO(r, "\x48\x0f\x35"), EMU_JUMPED);
	CU_ASSERT_EQUAL(gates_sel(r, SEG_CS), 0x2b);
	be_amd(r);
	CU_ASSERT_EQUAL(DO(r, "\x0f\x34"), EMU_FAULT);
	CU_ASSERT(gates_raised(r, UD, -1));
	rig_down(r);
}

CU_TestInfo tests_iret[] = {
	{ "flags by privilege and size", test_flags },
	{ "to an outer level", test_outer },
	{ "64-bit mode", test_iretq },
	{ "NT in long mode", test_nt_in_long_mode },
	{ "real mode", test_real },
	{ "to virtual-8086 mode", test_to_vm86 },
	{ "in virtual-8086 mode", test_in_vm86 },
	{ "SYSCALL and SYSRET", test_syscall },
	{ "SYSRET to a bad address, by vendor", test_sysret_vendors },
	{ "SYSCALL outside 64-bit mode, by vendor", test_syscall_compat },
	{ "SYSENTER and SYSEXIT", test_sysenter },
	CU_TEST_INFO_NULL,
};
