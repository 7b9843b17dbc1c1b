/* SPDX-License-Identifier: MIT */
/* Ways to find a page's entry that take less than the usual one (bt/translate_mem.c). */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

/* Where displacements from the vCPU reach an entry, and where they do not: data at its place, and
 * PAIR_MIDDLE and PAIR_HIGH above it. */
PAIR_ASM(constants, 64,
	 "movq 0x20000010, %rax\n addq %rax, 0x20001018\n movl $7, 0x20002020\n"
	 "movabsq 0x20020003028, %rax\n movabsq %rax, 0x20020004030\n"
	 "movq 0xffffffffa0005038, %rbx\n addq %rbx, 0xffffffffa0006040\n"
	 "movl $9, 0xffffffffa0007048\n movb 0xffffffffa0000fff, %cl\n"
	 "movq 0xffffffffa0000ffd, %rdx\n movq %rdx, 0x20001ffc\n movq 0xffffffffa0100000, %r13\n"
	 "movq %r13, 0xffffffffa0100000");

static void test_constants(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 3; n++) {
		PAIR_RUN(&p, constants);
		CU_ASSERT_EQUAL(p.end, EMU_FAULT); /* at the last one, which may not be written */
		CU_ASSERT_EQUAL(p.exc.vector, PF);
		CU_ASSERT_EQUAL(p.exc.error, 3);
		pair_state(&p);
	}
	pair_down(&p);
}

/* Elements of arrays that begin at a page, by registers of all kinds, and what is no such array. */
PAIR_ASM(
	arrays, 64,
	"movl 0x20000000(,%rdx,4), %eax\n addl $0x7fffffff, %ebp\n adcl %eax, 0x20003000(,%rdx,4)\n"
	"movq 0x20000000(,%rcx,8), %r8\n movq %r8, 0x20001000(,%r13,8)\n"
	"movb 0x20002000(,%rdx,1), %bl\n addb %bl, 0x20002000(,%r14,2)\n"
	"movsd 0x20004000(,%rdx,8), %xmm1\n movsd %xmm1, 0x20006000(,%rdx,8)\n"
	"movaps 0x20007000(,%r13,8), %xmm2\n movups %xmm2, 0x20008008(,%rdx,8)\n"
	"movl 0x20000000(,%edx,4), %esi\n pushq 0x20009000(,%rdx,8)\n popq %r11\n"
	"cmpxchgq %r8, 0x2000a000(,%rdx,8)\n xchgq %r9, 0x2000b000(,%rdx,8)\n"
	"incq %rdx\n addq $2, %rcx\n addq $2, %r13\n decl %r12d\n jnz arrays");
PAIR_ASM(array_load, 64, "addl $0x7fffffff, %ebp\n adcq 0x20000000(,%rdx,8), %rax\n incq %rbx");
PAIR_ASM(array_store, 64,
	 "movq %rdx, %rcx\n addl $0x7fffffff, %ebp\n adcq %rax, 0x20000000(,%rcx,8)\n incq %rbx");
PAIR_ASM(array_bytes, 64,
	 "addq $1, %rsi\n adcq %rax, 0x20000000(,%rdx)\n adcl 0x20001000(,%rdx,2), %eax");
PAIR_ASM(array_low, 64,
	 "movl 0(,%rdx,4), %eax\n movl %eax, 0(,%rdx,4)\n movl -0x1000(,%rdx,4), %eax");

static void arrays_from(struct pair *p, u64 first, u64 n)
{
	pair_state(p);
	p->s.gpr[RDX] = p->s.gpr[RCX] = p->s.gpr[R14] = first;
	p->s.gpr[R13] = first & ~1ull;
	p->s.gpr[R12] = n;
	PAIR_RUN(p, arrays);
}

static void test_arrays(void)
{
	/* Times 8: inside, its last byte, behind all pages, where they may not be written, a
	 * device; beyond 2^44, where entries wrap, not canonical; code. */
	static const u64 at[] = { 0,
				  0x1ff,
				  PAIR_PAGES * 0x200 - 1,
				  PAIR_PAGES * 0x200,
				  (PAIR_RO - PAIR_DATA) / 8,
				  (PAIR_DEVICE - PAIR_DATA) / 8,
				  BIT64(41),
				  BIT64(61) + 5,
				  BIT64(41) - (PAIR_DATA - PAIR_CODE) / 8,
				  0 - (u64)(PAIR_DATA - PAIR_CODE - PAGE_SIZE) / 8,
				  BIT64(44),
				  BIT64(44) - 1,
				  (PAIR_MIDDLE + 0x18) / 8,
				  PAIR_HIGH / 8,
				  0 - (u64)1 };
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 3; n++)
		arrays_from(&p, n * 0x1f0, 40);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	for (size_t n = 0; n < ARRAY_SIZE(at); n++)
		for (unsigned int k = 0; k < 3; k++) {
			pair_state(&p);
			p.s.gpr[RDX] = at[n];
			PAIR_RUN(&p, array_load);
			pair_state(&p);
			p.s.gpr[RDX] = at[n];
			PAIR_RUN(&p, array_store);
			pair_state(&p);
			p.s.gpr[RDX] = at[n] * 2 + PAIR_DATA / 4;
			PAIR_RUN(&p, array_low);
		}
	pair_down(&p);
}

/* Over the end of a page, often. */
static void test_crossing_arrays(void)
{
	struct pair p;

	pair_up(&p, true);
	for (u64 n = 0xff0; n < 0x1008; n++)
		for (unsigned int k = 0; k < 6; k++) {
			pair_state(&p);
			p.s.gpr[RDX] = n;
			PAIR_RUN(&p, array_bytes);
		}
	pair_down(&p);
}

/* Accesses off one register, which moves, with stores and branches between them. */
PAIR_ASM(group, 64,
	 "movq 8(%rdi), %rax\n addl $0x7fffffff, %ebp\n adcq 0x10(%rdi), %rax\n movw (%rdi), %cx\n"
	 "addq $8, %rdi\n jc 1f\n incl %ebx\n 1: subl 0x14(%rdi), %edx\n movq %rax, 8(%rdi)\n"
	 "leaq 0x10(%rdi), %rdi\n xorb -7(%rdi), %sil\n movl $5, (%rdi)\n sbbq %rdx, -0x10(%rdi)\n"
	 "subq $0x18, %rdi\n cvtsi2sdl (%rdi), %xmm1\n movsd %xmm1, 0x20(%rdi)\n"
	 "movq 0x28(%rdi), %r13\n movq 0x30(%rdi), %rcx\n divl 0x20(%rdi)");
/* Most of them are not alike. */
PAIR_ASM(mixture, 64,
	 "movq 8(%rdi), %rax\n movq (%rsi), %rbx\n movq 0x10(%rdi), %rdx\n movups (%rdi), %xmm0\n"
	 "movq 8(%rdi), %rax\n movq 0x10(%rdi), %rdx\n movq 0x18(%rdi), %rdi\n andq $0xff8, %rdi\n"
	 "orq $0x20000000, %rdi\n movq (%rdi), %r8\n movq 8(%rdi), %r9\n movq 0x10(%rdi), %r10\n"
	 "shlq %cl, 0x18(%rdi)\n movq 0x20(%rdi), %r11\n xchgq %r11, 0x28(%rdi)\n"
	 "movb %ah, 0x30(%rdi)\n movq (%rdi), %rax\n movq 8(%rdi), %rdx\n cpuid\n"
	 "movq 0x10(%rdi), %rax\n xorl %eax, %eax\n xorl %ebx, %ebx\n xorl %ecx, %ecx\n xorl %edx, "
	 "%edx");

static void group_at(struct pair *p, u64 rdi)
{
	for (unsigned int n = 0; n < 7; n++) {
		pair_state(p);
		p->s.gpr[RDI] = rdi;
		PAIR_RUN(p, group);
	}
}

static void test_group(void)
{
	struct pair p;

	pair_up(&p, true);
	for (u64 n = 0; n < 0x40; n++)
		group_at(&p, PAIR_DATA + PAGE_SIZE - n);
	pair_down(&p);
	pair_up(&p, true);
	/* The last pages of their kind, one that may not be written, a device, nothing. */
	for (u64 n = 0; n < 0x40; n += 8) {
		group_at(&p, PAIR_DATA + PAIR_PAGES * PAGE_SIZE - n);
		group_at(&p, PAIR_RO + n);
		group_at(&p, PAIR_RO - n);
		group_at(&p, PAIR_DEVICE + 0x10 - n);
		group_at(&p, PAIR_CODE + PAGE_SIZE - n);
		group_at(&p, PAIR_HIGH + PAIR_DATA + n);
		group_at(&p, BIT64(44) + PAIR_DATA + n);
		group_at(&p, 0x20 - n);
	}
	pair_down(&p);
}

static void test_mixture(void)
{
	struct pair p;

	pair_up(&p, true);
	for (u64 n = 0; n < 0x40; n += 8)
		for (unsigned int k = 0; k < 4; k++) {
			pair_state(&p);
			p.s.gpr[RDI] = PAIR_DATA + PAGE_SIZE - n;
			PAIR_RUN(&p, mixture);
		}
	pair_down(&p);
}

static u64 host_bytes(bool elide)
{
	struct pair p;
	u64 n;

	pair_up(&p, true);
	vm_vcpu(p.bt)->bt_config.elide = elide;
	pair_state(&p);
	p.s.gpr[RDI] = PAIR_DATA;
	PAIR_RUN(&p, group);
	n = bt_of(vm_vcpu(p.bt))->stats.host_bytes;
	pair_down(&p);
	return n;
}

static void test_off(void)
{
	/* Ten look-ups of some 24 bytes. */
	CU_ASSERT(host_bytes(true) + 150 < host_bytes(false));
}

/* HLT over what comes next, by a store between loads off the same register. */
PAIR_ASM(modify, 64,
	 "leaq 3f(%rip), %rdi\n andq $-8, %rdi\n movq 8(%rdi), %rax\n addq 16(%rdi), %rax\n"
	 "subq (%rdi), %rbx\n movb $0xf4, 15(%rdi)\n addq (%rdi), %rcx\n addq 8(%rdi), %rcx\n"
	 "incl %edx\n .fill 24, 1, 0x90\n 3: .fill 24, 1, 0x90\n incl %edx");
/* A page's entry changed between loads off the same register. */
PAIR_ASM(remap, 64,
	 "movq (%rsi), %r8\n movq 8(%rsi), %r9\n movq 16(%rsi), %r10\n"
	 "movq (%rdi), %rax\n movq 8(%rdi), %rbx\n movq 16(%rdi), %rdx\n movq %rbx, (%rdi)\n"
	 "movq 24(%rdi), %rcx\n invlpg (%rsi)\n addq (%rsi), %r8\n addq 8(%rsi), %r9\n"
	 "addq 16(%rsi), %r10\n movq $0, (%rdi)\n movq 8(%rdi), %rbx\n movq 16(%rdi), %rdx\n"
	 "invlpg (%rsi)\n addq 8(%rdi), %rbx\n addq (%rsi), %r8\n addq 8(%rsi), %r9\n addq "
	 "16(%rsi), "
	 "%r10");

static void test_changes(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 8; n++) {
		pair_state(&p);
		PAIR_RUN(&p, modify);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
		pair_state(&p);
		p.s.gpr[RDI] = PAIR_LARGE + 0x6000; /* of PAIR_DATA's pages */
		p.s.gpr[RSI] = PAIR_DATA;
		PAIR_RUN(&p, remap);
		CU_ASSERT_EQUAL(p.end, EMU_FAULT);
		CU_ASSERT_EQUAL(p.exc.cr2, PAIR_DATA);
	}
	pair_down(&p);
}

CU_TestInfo tests_bt_elide[] = {
	{ "constant addresses", test_constants },	    { "arrays at pages", test_arrays },

	{ "over the end of a page", test_crossing_arrays }, { "one register", test_group },
	{ "one register and others", test_mixture },	    { "without", test_off },
	{ "code and mappings change", test_changes },	    CU_TEST_INFO_NULL
};
