/* SPDX-License-Identifier: MIT */
/* Stores to pages with translated code: beside it, and into it (bt/smc.c). */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

#define TIMES 100

PAIR_ASM(beside, 64,
	 "1: movl %r12d, 0x800(%rdi)\n"
	 "addq %r12, 0x808(%rdi)\n"
	 "pushq %r12\n"
	 "movups %xmm0, 0x900(%rdi)\n"
	 "decl %r12d\n"
	 "jnz 1b");
/* The next instruction; the one after it; one that was already run. */
PAIR_ASM(ahead, 64,
	 "1: movb %r12b, 2f+1(%rip)\n"
	 "2: movl $0x100, %eax\n"
	 "addl %eax, %ebx\n"
	 "movw %r12w, 3f+2(%rip)\n"
	 "nop\n"
	 "3: addl $0x1000000, %esi\n"
	 "4: xorl $0x55, %edx\n"
	 "rorl $3, %edx\n"
	 "movb %bl, 4b+2(%rip)\n"
	 "decl %r12d\n"
	 "jnz 1b");
/* INC and DEC in turn, by an instruction that is the code's own. */
PAIR_ASM(opcode, 64,
	 "1: xorb $8, 2f+1(%rip)\n"
	 "2: incl %eax\n"
	 "lock xorb $8, 3f+1(%rip)\n"
	 "3: incl %ebx\n"
	 "decl %r12d\n"
	 "jnz 1b");
/* Bytes of two pages at once, with code on both. */
PAIR_ASM(two_pages, 64,
	 "1: movl $0x40c0ff40, %eax\n" /* inc %eax with REX; REX of the next */
	 "btl $0, %r12d\n"
	 "jc 2f\n"
	 "movl $0x40c8ff40, %eax\n"
	 "2: movl %eax, 3f+2(%rip)\n"
	 "jmp 3f\n"
	 ".org two_pages + 0xffc, 0x90\n"
	 "3: nop\n nop\n .byte 0x40, 0xff, 0xc0, 0x40\n"
	 "incl %ebx\n"
	 "decl %r12d\n"
	 "jnz 1b");
/* An instruction whose first byte ends a page: its constant, in the next one, by a store from the
 * page before and by one from behind it. */
PAIR_ASM(straddle, 64,
	 "1: movb %r12b, 2f+4(%rip)\n"
	 "jmp 2f\n"
	 ".org straddle + 0xfff, 0x90\n"
	 "2: movl $0x100, %eax\n"
	 "addl %eax, %ebx\n"
	 "movb %bl, 2b+2(%rip)\n"
	 "decl %r12d\n"
	 "jnz 1b");
/* A store to the code that follows at once, in the next page; and from there to what comes again.
 */
PAIR_ASM(next_page, 64,
	 "jmp 1f\n"
	 ".org next_page + 0xff0, 0x90\n"
	 "1: addl $0x1000, %esi\n"
	 "movb %r12b, 2f+1(%rip)\n"
	 ".org next_page + 0x1000, 0x90\n"
	 "2: movl $0x100, %eax\n"
	 "addl %eax, %ebx\n"
	 "movb %bl, 1b+3(%rip)\n"
	 "decl %r12d\n"
	 "jnz 1b");
PAIR_ASM(ahead32, 32,
	 "1: movb %cl, 0x400000 + (2f+1-ahead32)\n"
	 "2: movl $0x100, %eax\n"
	 "addl %eax, %ebx\n"
	 "movl %ebx, 0x400800\n"
	 "xorb $8, 0x400000 + (3f-ahead32)\n"
	 "3: incl %edx\n"
	 "decl %ecx\n"
	 "jnz 1b");
/* An accessed bit: the code's page becomes a page table by way of a PML4, a PDPT and a PD made of
 * the first pages of data, and what is to be moved to RDX is the entry that the load goes by. */
PAIR_ASM(accessed, 64,
	 "movl $0x20000000, %edi\n"
	 "movl $0x2003, %eax\n movq %rax, (%rdi)\n"
	 "movl $0x207003, %eax\n movq %rax, 8(%rdi)\n"
	 "movl $0x20e003, %eax\n movq %rax, 0x1000(%rdi)\n"
	 "movl $0x100003, %eax\n movq %rax, 0x2000(%rdi)\n"
	 "movl $0x200000, %eax\n movq %rax, %cr3\n"
	 "movabsq $0x8000040000, %rsi\n"
	 "jmp 2f\n"
	 ".org accessed + 0x1fb, 0x90\n"
	 "2: movq (%rsi), %rbx\n"
	 "movabsq $0x200003, %rdx\n"
	 "incl %ecx\n");

static const struct bt_stats *stats(const struct pair *p)
{
	return &bt_of(vm_vcpu(p->bt))->stats;
}

static void test_beside(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[RDI] = PAIR_CODE;
	p.s.gpr[RSP] = PAIR_CODE + 0xf00;
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, beside);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_EQUAL(stats(&p)->invalidations, 0);
	/* Without the dispatcher's or the step engine's help. */
	CU_ASSERT(stats(&p)->resumed > 4 * (TIMES - 10));
	CU_ASSERT(stats(&p)->steps < 40);
	pair_down(&p);
}

static void test_into(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, ahead);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT(stats(&p)->invalidations >= TIMES);
	pair_state(&p);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, opcode);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_state(&p);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, two_pages);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_down(&p);
}

static void test_next_page(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, straddle);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT(stats(&p)->invalidations >= TIMES);
	pair_state(&p);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, next_page);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT(stats(&p)->invalidations >= 3 * TIMES);
	pair_down(&p);
}

/* A function on a page of its own is overwritten, and that page used for data, and for code again.
 */
PAIR_ASM(left, 64,
	 "call 9f\n"
	 "movl %ebx, 9f(%rip)\n"
	 "1: movl %r12d, 9f+64(%rip)\n"
	 "addq %r12, 9f+72(%rip)\n"
	 "decl %r12d\n"
	 "jnz 1b\n"
	 "movb $0xc3, 9f(%rip)\n"
	 "call 9f\n"
	 "movl $0xc3c0ff, 9f(%rip)\n"
	 "call 9f\n"
	 "jmp 5f\n"
	 ".org left + 0x1000, 0x90\n"
	 "9: ret\n"
	 ".org left + 0x1100, 0x90\n"
	 "5: nop");

static void test_left(void)
{
	const struct vcpu *v;
	struct pair p;

	pair_up(&p, true);
	v = vm_vcpu(p.bt);
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, left);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT(stats(&p)->exits[EXIT_WRITE] + stats(&p)->steps < 30);
	CU_ASSERT_EQUAL(v->code_pages[(PAIR_CODE_AT + 0x1000) >> 12], BT_CODE_WRITES);
	pair_down(&p);
}

static void test_prot32(void)
{
	struct pair p;

	pair_up(&p, false);
	p.s.gpr[RCX] = TIMES;
	PAIR_RUN(&p, ahead32);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_down(&p);
}

static void test_accessed(void)
{
	struct pair p;

	pair_up(&p, true);
	pair_state(&p);
	PAIR_RUN(&p, accessed);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_EQUAL(p.s.gpr[RDX], 0x200023);
	pair_down(&p);
}

CU_TestInfo tests_bt_smc[] = { { "beside code", test_beside },
			       { "into code", test_into },
			       { "into the next page's code", test_next_page },
			       { "into 32-bit code", test_prot32 },
			       { "by accessed bits", test_accessed },
			       { "code that is no more", test_left },
			       CU_TEST_INFO_NULL };
