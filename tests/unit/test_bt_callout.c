/* SPDX-License-Identifier: MIT */
/* Call-outs: what goes on behind one, and what does not because something has changed. */
#include "backends/swbt/hostfault.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

#define TIMES 50

PAIR_ASM(leaf1, 64,
	 "1: movl $1, %eax\n"
	 "xorl %ecx, %ecx\n"
	 "cpuid\n"
	 "decl %r12d\n"
	 "jnz 1b");
PAIR_ASM(invalidate, 64,
	 "1: invlpg (%rdi)\n"
	 "decl %r12d\n"
	 "jnz 1b");
PAIR_ASM(switch_task, 64,
	 "movq %cr0, %rax\n"
	 "orl $8, %eax\n"
	 "addps %xmm0, %xmm1\n"
	 "movq %rax, %cr0\n"
	 "addps %xmm0, %xmm1");
PAIR_ASM(forbid, 64,
	 "movq %cr4, %rax\n"
	 "orl $0x10000, %eax\n"
	 "movq %rax, %cr4\n"
	 "rdfsbase %rbx\n"
	 "andl $~0x10000, %eax\n"
	 "movq %rax, %cr4\n"
	 "rdfsbase %rcx");
PAIR_ASM(load, 64, "movl 8(%rdi), %eax");
PAIR_ASM(store, 64, "addl %eax, 8(%rdi)");
PAIR_ASM(load_xmm, 64, "movaps 8(%rdi), %xmm0");
PAIR_ASM(store_xmm, 64, "movaps %xmm0, 8(%rdi)");
PAIR_ASM(store_ymm, 64, "vmovaps %ymm0, 8(%rdi)");
PAIR_ASM(undefined, 64, "nop\nud2");
PAIR_ASM(clears_ac, 64,
	 "1: fxsave (%rsi)\n"
	 "movq (%rdi), %rax\n"
	 "addq %rax, %rbx\n"
	 "addl %eax, 16(%r8)\n"
	 "movq (%rdi), %rax\n"
	 "adcq %rax, %rbx\n"
	 "decl %r12d\n"
	 "jnz 1b");
PAIR_ASM(direction, 64,
	 "std\n"
	 "invlpg (%rdi)\n"
	 "lodsb\n"
	 "cpuid\n"
	 "lodsb\n"
	 "pushfq\n"
	 "cld\n"
	 "invlpg (%rdi)\n"
	 "lodsb\n"
	 "popfq\n"
	 "invlpg (%rdi)\n"
	 "lodsb\n"
	 "cld\n"
	 "lodsb");
PAIR_ASM(table, 64,
	 "movq %rax, 0x20000008\n"
	 "movq %rbx, 0x20000010\n"
	 "addl $0x7fffffff, %ecx\n"
	 "lidt 0x20000008\n"
	 "sidt 0x20000020\n"
	 "lidt 0x20000006\n"
	 "sidt 0x20000036");
PAIR_ASM(base, 32,
	 "movl %fs:(%eax), %ebx\n"
	 "movl $0x12345678, (%ecx)");

static struct bt_stats *stats(const struct pair *p)
{
	return &bt_of(vm_vcpu(p->bt))->stats;
}

static void test_behind(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, leaf1);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_EQUAL(stats(&p)->exits[EXIT_CALL], TIMES + 1); /* and HLT */
	CU_ASSERT_EQUAL(stats(&p)->resumed, TIMES);
	CU_ASSERT_EQUAL(stats(&p)->steps, 0);
	/* The page itself may be another one now. */
	pair_state(&p);
	p.s.gpr[R12] = TIMES;
	p.s.gpr[RDI] = PAIR_CODE;
	stats(&p)->resumed = 0;
	PAIR_RUN(&p, invalidate);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_EQUAL(stats(&p)->resumed, 0);
	CU_ASSERT_EQUAL(stats(&p)->steps, 0);
	pair_down(&p);
}

static void test_key(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 2; n++) {
		pair_state(&p);
		PAIR_RUN(&p, switch_task);
		CU_ASSERT_EQUAL(p.end, EMU_FAULT);
		CU_ASSERT_EQUAL(p.exc.vector, NM);
		pair_state(&p);
		PAIR_RUN(&p, forbid);
		CU_ASSERT_EQUAL(p.end, EMU_FAULT);
		CU_ASSERT_EQUAL(p.exc.vector, UD);
	}
	pair_down(&p);
}

static void fault(struct pair *p, const u8 *code, size_t len, u64 at, enum vector vector, u64 steps)
{
	u64 before = stats(p)->exits[EXIT_STEP];

	pair_state(p);
	p->s.gpr[RDI] = at;
	stats(p)->steps = 0;
	pair_run(p, code, len);
	CU_ASSERT_EQUAL(p->end, EMU_FAULT);
	CU_ASSERT_EQUAL(p->exc.vector, vector);
	CU_ASSERT_EQUAL(vm_vcpu(p->bt)->exc.cr2, p->exc.cr2);
	CU_ASSERT_EQUAL(vm_vcpu(p->bt)->exc.error, p->exc.error);
	CU_ASSERT_EQUAL(stats(p)->exits[EXIT_STEP] - before, steps);
}

#define FAULT(p, name, ...) fault(p, name, (size_t)(name##_end - name), __VA_ARGS__)

static void test_faults(void)
{
	const u64 nowhere = PAIR_DATA + 0x180000;
	struct pair p;

	pair_up(&p, true);
	FAULT(&p, load, nowhere, PF, 0);
	FAULT(&p, store, nowhere, PF, 0);
	FAULT(&p, store, PAIR_RO, PF, 0);
	/* What begins on one page and goes on in the next. */
	FAULT(&p, load, nowhere - 10, PF, 1);
	FAULT(&p, load, PAIR_RO - 10, PF, 1);
	FAULT(&p, load, 0x800000000000, GP, 0);
	/* Alignment comes first. */
	FAULT(&p, load_xmm, nowhere, GP, 0);
	FAULT(&p, load_xmm, nowhere + 8, PF, 0);
	/* So much so that no page becomes dirty: all of RAM is compared. */
	FAULT(&p, store_xmm, PAIR_DATA, GP, 0);
	if (__builtin_cpu_supports("avx"))
		FAULT(&p, store_ymm, PAIR_DATA + 8, GP, 0);
	FAULT(&p, undefined, 0, UD, 0);
	pair_down(&p);
}

/* A base of zero is not one for ever. */
static void test_base(void)
{
	struct pair p;

	pair_up(&p, false);
	for (unsigned int n = 0; n < 3; n++) {
		pair_state(&p);
		p.s.seg[SEG_FS].base = n * 0x1000;
		PAIR_RUN(&p, base);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	}
	pair_down(&p);
}

/* C code has cleared AC; translated code must not rest on it: the operand lies on two pages. */
static void test_ac(void)
{
	struct pair p;

	for (unsigned int n = 0; n < 2; n++) {
		pair_up(&p, true);
		p.s.gpr[R12] = TIMES;
		p.s.gpr[RDI] = PAIR_DATA + 3 * PAGE_SIZE - 3;
		p.s.gpr[RSI] = PAIR_DATA;
		p.s.gpr[R8] = PAIR_DEVICE;
		vm_vcpu(p.bt)->bt_config.adaptive = n;
		PAIR_RUN(&p, clears_ac);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
		CU_ASSERT(stats(&p)->unaligned + stats(&p)->foreseen > 0);
		pair_down(&p);
	}
}

/* LIDT from an address that is known, aligned and not: 6 bytes of the base in RAX, 2 in RBX. */
static void test_table(void)
{
	static const u16 top[] = { 0, 0xffff, 1, 0x8000, 0x7fff };
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 2 * ARRAY_SIZE(top); n++) {
		pair_state(&p);
		p.s.gpr[RAX] = 0x123456789abcdef0 | (u64)(n & 1) << 63;
		p.s.gpr[RBX] = top[n / 2];
		PAIR_RUN(&p, table);
		CU_ASSERT_EQUAL(vm_vcpu(p.bt)->s.idt.base, p.s.idt.base);
		CU_ASSERT_EQUAL(vm_vcpu(p.bt)->s.idt.limit, p.s.idt.limit);
	}
	pair_down(&p);
}

static void test_direction(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[RAX] = 1;
	PAIR_RUN(&p, direction);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_down(&p);
}

/* With AC set, C code goes on behind an unaligned access, without it. */
static void test_alignment(void)
{
	static u64 words[2] = { 0x1122334455667788, 0x99aabbccddeeff00 };
	u64 before, flags, value;
	struct pair p;

	pair_up(&p, true); /* catches signals */
	before = hostfault_unaligned;
	__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov (%2), %0; pushfq; pop %1"
			 : "=&r"(value), "=&r"(flags)
			 : "r"((u8 *)words + 1)
			 : "cc", "memory");
	CU_ASSERT_EQUAL(value, 0x0011223344556677);
	CU_ASSERT_FALSE(flags & RFLAGS_AC);
	CU_ASSERT_EQUAL(hostfault_unaligned, before + 1);
	pair_down(&p);
}

CU_TestInfo tests_bt_callout[] = { { "code behind a call", test_behind },
				   { "a key that changes", test_key },
				   { "faults without a step", test_faults },
				   { "bases of FS", test_base },
				   { "unaligned accesses in C", test_alignment },
				   { "AC after C", test_ac },
				   { "DF across call-outs", test_direction },
				   { "tables", test_table },
				   CU_TEST_INFO_NULL };
