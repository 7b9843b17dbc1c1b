/* SPDX-License-Identifier: MIT */
#include "backends/swbt/fpu.h"
#include "backends/swbt/thunk.h"
#include "tests/oracle/gen.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FLAGS_OF_NO_INSN (RFLAGS_TF | RFLAGS_IF | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

static struct rig *up(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	CU_ASSERT_EQUAL_FATAL(thunks_init(&r->v), 0);
	rig_enter(r, RIG_OFF, 0);
	return r;
}

static void down(struct rig *r)
{
	fpu_put(&r->v);
	thunks_fini(&r->v);
	rig_down(r);
}

static int run(struct rig *r, enum cpu_mode mode, const char *bytes, unsigned int len, void *mem)
{
	const struct thunk *t;
	struct insn i;

	fpu_put(&r->v); /* this is C code like any other */
	CU_ASSERT_EQUAL_FATAL(decode(&i, (const u8 *)bytes, len, mode), 0);
	CU_ASSERT_EQUAL_FATAL(i.length, len);
	t = thunk_get(&r->v, &i);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	return thunk_run(&r->v, t, mem);
}
#define RUN(r, mode, bytes, mem) run(r, mode, bytes, sizeof(bytes) - 1, mem)

/* Whatever the decoder calls plain, in any mode, can be run: there is always a register left. */
static void test_all(void)
{
	struct rig *r = up();
	unsigned int plain = 0, without = 0;

	for (u64 n = 0; n < 200000; n++) {
		enum cpu_mode mode = (enum cpu_mode)(n % (MODE_LONG64 + 1));
		u8 bytes[INSN_MAX];
		struct insn i;
		struct gen g;

		gen_seed(&g, 4711, n);
		gen_bytes(&g, mode, bytes);
		if (decode(&i, bytes, sizeof(bytes), mode) || i.class != INSN_PLAIN)
			continue;
		plain++;
		without += !thunk_get(&r->v, &i);
	}
	CU_ASSERT_EQUAL(without, 0);
	CU_ASSERT(plain > 20000);
	down(r);
}

static long resident_pages(void)
{
	long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident;
}

/* Few thunks take little memory: 512 fit in 32 pages of code, and what is known of them in 80. */
static void test_memory(void)
{
	struct rig *r = up();
	u8 bytes[INSN_MAX] = { 0x05 }; /* add eax, immediate */
	long before = resident_pages();
	struct insn i;

	for (u16 n = 0; n < 512; n++) {
		memcpy(bytes + 1, &n, sizeof(n));
		CU_ASSERT_EQUAL_FATAL(decode(&i, bytes, sizeof(bytes), MODE_LONG64), 0);
		CU_ASSERT_PTR_NOT_NULL(thunk_get(&r->v, &i));
	}
	CU_ASSERT(resident_pages() - before < 200);
	down(r);
}

static void test_registers(void)
{
	static const u64 before[NR_GPR] = { 0xa0a1a2a3a4a5a6a7, 1, 2, 3, 0x7fff0000, 5, 6, 7, 8 };
	struct rig *r = up();
	u64 *gpr = r->v.s.gpr, mem = 0x1122334455667788;

	memcpy(gpr, before, sizeof(before));
	/* RSP is an operand like any other. */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x48\x03\x20", &mem), 0); /* add rsp, [rax] */
	CU_ASSERT_EQUAL(gpr[RSP], 0x7fff0000 + mem);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\xb6\xe4", NULL), 0); /* movzx esp, ah */
	CU_ASSERT_EQUAL(gpr[RSP], 0xa6);
	/* RDI and RSI, where a thunk finds its arguments. */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x48\x01\xf7", NULL), 0); /* add rdi, rsi */
	CU_ASSERT_EQUAL(gpr[RDI], 13);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x48\x87\x37", &mem), 0); /* xchg [rdi], rsi */
	CU_ASSERT_EQUAL(gpr[RSI], 0x1122334455667788);
	CU_ASSERT_EQUAL(mem, 6);
	/* A high byte beside the memory operand, RDX where the flags come in. */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x00\x32", &mem), 0); /* add [rdx], dh */
	CU_ASSERT_EQUAL(mem, 6);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x48\x11\x12", &mem), 0); /* adc [rdx], rdx */
	CU_ASSERT_EQUAL(mem, 8);
	/* Nothing else has changed. */
	CU_ASSERT_EQUAL(gpr[RAX], before[RAX]);
	CU_ASSERT_EQUAL(gpr[RDX], before[RDX]);
	CU_ASSERT_EQUAL(gpr[RBX], before[RBX]);
	CU_ASSERT_EQUAL(gpr[R8], before[R8]);
	down(r);
}

/* All registers that CMPXCHG16B has and a pointer, and none of ours is lost. */
static void test_wide(void)
{
	u64 mem[2] __attribute__((aligned(16))) = { 1, 2 };
	struct rig *r = up();
	u64 *gpr = r->v.s.gpr;

	gpr[RAX] = 1;
	gpr[RDX] = 2;
	gpr[RBX] = 10;
	gpr[RCX] = 20;
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xf0\x48\x0f\xc7\x0e", mem), 0);
	CU_ASSERT_EQUAL(mem[0], 10);
	CU_ASSERT_EQUAL(mem[1], 20);
	CU_ASSERT(r->v.s.rflags & RFLAGS_ZF);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xf0\x48\x0f\xc7\x0e", mem), 0);
	CU_ASSERT_EQUAL(gpr[RAX], 10);
	CU_ASSERT_EQUAL(gpr[RDX], 20);
	CU_ASSERT(!(r->v.s.rflags & RFLAGS_ZF));
	down(r);
}

static void test_narrow_modes(void)
{
	struct rig *r = up();
	u64 *gpr = r->v.s.gpr;

	gpr[RCX] = 0x1ffff;
	CU_ASSERT_EQUAL(RUN(r, MODE_REAL, "\x41", NULL), 0); /* inc cx */
	CU_ASSERT_EQUAL(gpr[RCX], 0x10000);
	CU_ASSERT_EQUAL(RUN(r, MODE_REAL, "\x66\x49", NULL), 0); /* dec ecx */
	CU_ASSERT_EQUAL(gpr[RCX], 0xffff);
	gpr[RDX] = 0xffffffff;
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\x42", NULL), 0); /* inc edx */
	CU_ASSERT_EQUAL(gpr[RDX], 0);
	/* LEA gets the address itself. */
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT16, "\x67\x66\x8d\x18", (void *)0x12345), 0);
	CU_ASSERT_EQUAL(gpr[RBX], 0x12345);
	down(r);
}

static void test_flags(void)
{
	struct rig *r = up();
	u64 *rflags = &r->v.s.rflags;

	*rflags = FLAGS_OF_NO_INSN | RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF;
	r->v.s.gpr[RAX] = 0;
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x15\xff\xff\xff\xff", NULL), 0); /* adc eax, -1 */
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0);
	CU_ASSERT_EQUAL(*rflags, FLAGS_OF_NO_INSN | RFLAGS_FIXED | RFLAGS_CF | RFLAGS_ZF |
					 RFLAGS_PF | RFLAGS_AF | RFLAGS_DF);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xfc", NULL), 0); /* cld */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xf5", NULL), 0); /* cmc */
	CU_ASSERT_EQUAL(*rflags,
			FLAGS_OF_NO_INSN | RFLAGS_FIXED | RFLAGS_ZF | RFLAGS_PF | RFLAGS_AF);
	down(r);
}

/* Faults leave everything as it was; the next instruction runs. */
static void test_faults(void)
{
	u32 mxcsr = 0x1f80 & ~(4u << 7); /* division by zero is not masked */
	u16 fcw = 0x37f & ~4u;
	struct rig *r = up();
	u64 *gpr = r->v.s.gpr, flags;
	u64 odd[4] __attribute__((aligned(32)));

	gpr[RAX] = 7;
	gpr[RBX] = 99;
	flags = r->v.s.rflags |= RFLAGS_DF | RFLAGS_CF;
	for (unsigned int n = 0; n < 3; n++) {
		CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xf7\xf1", NULL), EXC); /* div ecx */
		CU_ASSERT_EQUAL(r->v.exc.vector, DE);
		CU_ASSERT(!r->v.exc.has_error);
	}
	CU_ASSERT_EQUAL(gpr[RAX], 7);
	CU_ASSERT_EQUAL(gpr[RBX], 99);
	CU_ASSERT_EQUAL(r->v.s.rflags, flags);
	/* movaps xmm0, [rax] */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\x28\x00", (u8 *)odd + 8), EXC);
	CU_ASSERT_EQUAL(r->v.exc.vector, GP);
	CU_ASSERT(r->v.exc.has_error && r->v.exc.error == 0);
	/* ldmxcsr; xorps xmm1, xmm1; divps xmm0, xmm1 */
	odd[0] = 0x3f8000003f800000;
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\x16\x00", odd), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\xae\x10", &mxcsr), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\x57\xc9", NULL), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\x5e\xc1", NULL), EXC);
	CU_ASSERT_EQUAL(r->v.exc.vector, XM);
	/* fninit; fldcw; fld1; fldz; fdivp; the next x87 instruction reports it */
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xdb\xe3", NULL), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xd9\x28", &fcw), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xd9\xe8", NULL), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xd9\xee", NULL), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xde\xf9", NULL), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xd9\xe8", NULL), EXC);
	CU_ASSERT_EQUAL(r->v.exc.vector, MF);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xdb\xe3", NULL), 0); /* fninit */
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xd9\xe8", NULL), 0);
	down(r);
}

/* More instructions than the cache holds, twice. */
static void test_eviction(void)
{
	struct rig *r = up();
	unsigned int wrong = 0;

	for (u32 n = 0; n < 40000; n++) {
		u32 value = n % 20000;
		char bytes[5] = "\xb8";

		memcpy(bytes + 1, &value, 4);
		run(r, MODE_PROT32, bytes, 5, NULL); /* mov eax, imm32 */
		wrong += r->v.s.gpr[RAX] != value;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	/* The same bytes mean something else in another mode. */
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT32, "\xb8\x34\x12\x00\x00", NULL), 0);
	CU_ASSERT_EQUAL(RUN(r, MODE_PROT16, "\xb8\x78\x56", NULL), 0);
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0x5678);
	down(r);
}

/* A page fault of the host in a guarded thunk is reported, with the guest's registers untouched. */
static void test_try(void)
{
	static const char store[] = "\x48\x89\x03"; /* mov [rbx], rax */
	const struct thunk *t;
	struct rig *r = up();
	u64 fault = 0;
	struct insn i;

	CU_ASSERT_EQUAL_FATAL(decode(&i, (const u8 *)store, 3, MODE_LONG64), 0);
	t = thunk_get(&r->v, &i);
	CU_ASSERT_PTR_NOT_NULL_FATAL(t);
	CU_ASSERT_EQUAL(thunk_try(&r->v, t, (void *)8, &fault), -EFAULT);
	CU_ASSERT_EQUAL(fault, 8);
	CU_ASSERT_EQUAL(thunk_try(&r->v, t, &fault, &fault), 0);
	CU_ASSERT_EQUAL(fault, r->v.s.gpr[RAX]);
	down(r);
}

/* The host computes with its own control words while the guest's wait in the image, and back. */
static void test_fpu(void)
{
	u32 mxcsr = 0x9fc0, host = 0;
	u16 fcw = 0x27f, host_fcw = 0;
	struct rig *r = up();

	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\xae\x10", &mxcsr), 0); /* ldmxcsr */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xd9\x28", &fcw), 0);	 /* fldcw */
	CU_ASSERT(r->v.fpu_live);
	fpu_put(&r->v);
	CU_ASSERT(!r->v.fpu_live);
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(host), "=m"(host_fcw));
	CU_ASSERT_EQUAL(host, 0x1f80);
	CU_ASSERT_EQUAL(host_fcw, 0x37f);
	mxcsr = fcw = 0;
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\x0f\xae\x18", &mxcsr), 0); /* stmxcsr */
	CU_ASSERT_EQUAL(RUN(r, MODE_LONG64, "\xd9\x38", &fcw), 0);	 /* fnstcw */
	CU_ASSERT_EQUAL(mxcsr, 0x9fc0);
	CU_ASSERT_EQUAL(fcw, 0x27f);
	down(r);
}

/* An image from elsewhere cannot make XRSTOR fault. */
static void test_sanitize(void)
{
	struct rig *r = up();

	memset(r->v.s.xsave, 0xff, sizeof(r->v.s.xsave));
	fpu_sanitize(&r->v);
	fpu_get(&r->v);
	CU_ASSERT(r->v.fpu_live);
	down(r);
}

static void test_check(void)
{
	static const struct {
		const char *bytes;
		unsigned int len;
		enum cpu_mode mode;
		u64 cr0, cr4, xcr0;
		int vector; /* or -1 */
	} t[] = {
#define INSN(s) s, sizeof(s) - 1
		{ INSN("\xd9\xe8"), MODE_PROT32, 0, 0, 1, -1 },
		{ INSN("\xd9\xe8"), MODE_PROT32, CR0_TS, 0, 1, NM },
		{ INSN("\xd9\xe8"), MODE_PROT32, CR0_EM, 0, 1, NM },
		{ INSN("\x9b"), MODE_PROT32, CR0_TS, 0, 1, -1 },
		{ INSN("\x9b"), MODE_PROT32, CR0_TS | CR0_MP, 0, 1, NM },
		{ INSN("\x9b"), MODE_PROT32, CR0_EM, 0, 1, -1 },
		{ INSN("\x0f\x77"), MODE_PROT32, CR0_EM | CR0_TS, 0, 1, UD },
		{ INSN("\x0f\x77"), MODE_PROT32, CR0_TS, 0, 1, NM },
		{ INSN("\x0f\x77"), MODE_PROT32, 0, 0, 1, -1 },
		{ INSN("\x0f\x57\xc0"), MODE_PROT32, 0, 0, 1, UD },
		{ INSN("\x0f\x57\xc0"), MODE_PROT32, 0, CR4_OSFXSR, 1, -1 },
		{ INSN("\x0f\x57\xc0"), MODE_PROT32, CR0_TS, CR4_OSFXSR, 1, NM },
		{ INSN("\x0f\x57\xc0"), MODE_PROT32, CR0_EM, CR4_OSFXSR, 1, UD },
		{ INSN("\xf2\x0f\x38\xf0\xc0"), MODE_PROT32, CR0_EM | CR0_TS, 0, 1, -1 },
		{ INSN("\xc5\xf8\x57\xc0"), MODE_PROT32, 0, CR4_OSFXSR, 7, UD },
		{ INSN("\xc5\xf8\x57\xc0"), MODE_PROT32, 0, CR4_OSXSAVE, 3, UD },
		{ INSN("\xc5\xf8\x57\xc0"), MODE_PROT32, CR0_EM, CR4_OSXSAVE, 7, -1 },
		{ INSN("\xc5\xf8\x57\xc0"), MODE_PROT32, CR0_TS, CR4_OSXSAVE, 7, NM },
		{ INSN("\xc4\xe2\x78\xf2\xc0"), MODE_PROT32, CR0_TS, 0, 1, -1 },
		{ INSN("\x62\xf1\x7c\x48\x57\xc0"), MODE_LONG64, 0, CR4_OSXSAVE, 7, UD },
		{ INSN("\x62\xf1\x7c\x48\x57\xc0"), MODE_LONG64, 0, CR4_OSXSAVE, 0xe7, -1 },
#undef INSN
	};
	struct rig *r = up();

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct insn i;
		int result;

		CU_ASSERT_EQUAL_FATAL(decode(&i, (const u8 *)t[n].bytes, t[n].len, t[n].mode), 0);
		r->v.mode = t[n].mode;
		r->v.s.cr0 = t[n].cr0;
		r->v.s.cr4 = t[n].cr4;
		r->v.s.xcr0 = t[n].xcr0;
		result = fpu_check(&r->v, &i);
		CU_ASSERT_EQUAL(result, t[n].vector < 0 ? 0 : EXC);
		CU_ASSERT(t[n].vector < 0 || r->v.exc.vector == t[n].vector);
		r->v.mode = MODE_REAL;
		if (i.encoding != ENC_LEGACY)
			CU_ASSERT(fpu_check(&r->v, &i) && r->v.exc.vector == UD);
	}
	down(r);
}

CU_TestInfo tests_thunk[] = {
	{ "every plain instruction", test_all },
	{ "few thunks take little memory", test_memory },
	{ "registers", test_registers },
	{ "CMPXCHG16B", test_wide },
	{ "16- and 32-bit code", test_narrow_modes },
	{ "flags", test_flags },
	{ "faults", test_faults },
	{ "eviction", test_eviction },
	{ "guarded page faults", test_try },
	{ "FPU state comes and goes", test_fpu },
	{ "XSAVE images from elsewhere", test_sanitize },
	{ "who may use the FPU", test_check },
	CU_TEST_INFO_NULL,
};
