/* SPDX-License-Identifier: MIT */
/* Operands that lie on two pages, again and again (bt/translate_cross.c). */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

#define TIMES 24

/* Registers and flags that every instruction below may use, RDI at the operand. */
#define LOOP64(name, text) \
	PAIR_ASM(name, 64, "1: addl $0x7fffffff, %ebp\n" text "\ndecl %r12d\njnz 1b")

LOOP64(load, "movq (%rdi), %rax\n movl (%rdi), %ebx\n movw (%rdi), %dx\n movq (%rdi), %r13\n"
	     "movslq (%rdi), %rcx\n movzwl (%rdi), %r14d\n adcq (%rdi), %r8\n cmpq (%rdi), %r9\n"
	     "sbbl (%rdi), %r10d\n imulq $3, (%rdi), %r11\n bsrq (%rdi), %r15");
LOOP64(store, "movq %rbp, (%rdi)\n movl %r12d, (%rdi)\n movw %r12w, (%rdi)\n"
	      "movq %r13, (%rdi)\n movl $0x12345678, (%rdi)\n movq %rcx, (%rdi)\n"
	      "movq $-5, (%rdi)\n movw $77, (%rdi)");
LOOP64(change, "adcq %r12, (%rdi)\n incl (%rdi)\n negw (%rdi)\n lock xaddq %rax, (%rdi)\n"
	       "xchgl %ebx, (%rdi)\n xchgq %r14, (%rdi)\n lock cmpxchgl %edx, (%rdi)\n"
	       "sbbq $1000, (%rdi)\n setc %bl\n cmpxchg8b (%rdi)\n btsq $9, (%rdi)\n"
	       "movb $3, %cl\n rclq %cl, (%rdi)\n shldl %cl, %eax, (%rdi)\n xaddw %r13w, (%rdi)");
LOOP64(vector, "movq (%rdi), %xmm1\n movd (%rdi), %xmm2\n addsd (%rdi), %xmm3\n"
	       "movss (%rdi), %xmm4\n movhps (%rdi), %xmm5\n movhps %xmm5, (%rdi)\n"
	       "movq %xmm2, (%rdi)\n movd %xmm1, (%rdi)\n fninit\n fildq (%rdi)\n fistpq (%rdi)\n"
	       "movups (%rdi), %xmm6\n movups %xmm6, (%rdi)\n paddq %xmm6, %xmm1");
PAIR_ASM(stack, 64,
	 "movq %rdi, %rsp\n"
	 "1: pushq %rax\n popq %rbx\n pushq $5\n pushq (%rsp)\n popq %rcx\n popq %rcx\n"
	 "call 2f\n 2: popq %rdx\n decl %r12d\n jnz 1b");
LOOP64(second, "movq (%rdi), %rax\n movq %rbp, (%rdi)");

static void each_place(struct pair *p, const u8 *code, size_t len)
{
	for (unsigned int off = 1; off < 8; off++) {
		pair_state(p);
		p->s.gpr[RDI] = PAIR_DATA + 3 * PAGE_SIZE - off;
		p->s.gpr[R12] = TIMES;
		pair_run(p, code, len);
		CU_ASSERT_EQUAL(p->end, EMU_HALT);
	}
}
#define EACH_PLACE(p, name) each_place(p, name, (size_t)(name##_end - name))

static u64 calls(const struct pair *p)
{
	return bt_of(vm_vcpu(p->bt))->stats.exits[EXIT_CALL];
}

static void test_all(bool alignment)
{
	struct pair p;

	pair_up(&p, true);
	vm_vcpu(p.bt)->bt_config.alignment = alignment;
	EACH_PLACE(&p, load);
	CU_ASSERT(bt_of(vm_vcpu(p.bt))->stats.adapted > 10);
	EACH_PLACE(&p, store);
	EACH_PLACE(&p, change);
	EACH_PLACE(&p, vector);
	EACH_PLACE(&p, stack);
	pair_down(&p);
}

static void test_reported(void)
{
	test_all(false);
}

static void test_checked(void)
{
	test_all(true);
}

/* Once it is known, nothing leaves. */
static void test_stays(void)
{
	struct pair p;
	u64 before;

	pair_up(&p, true);
	p.s.gpr[RDI] = PAIR_DATA + 5 * PAGE_SIZE - 3;
	p.s.gpr[R12] = TIMES;
	PAIR_RUN(&p, second);
	before = calls(&p);
	pair_state(&p);
	p.s.gpr[RDI] = PAIR_DATA + 5 * PAGE_SIZE - 3;
	p.s.gpr[R12] = 50 * TIMES;
	PAIR_RUN(&p, second);
	CU_ASSERT(calls(&p) - before < 6);
	pair_down(&p);
}

/* The second page is missing, may not be written, is a device. */
static void test_faults(void)
{
	static const u64 places[] = { PAIR_DATA + PAIR_PAGES * PAGE_SIZE, PAIR_RO,
				      PAIR_RO + PAGE_SIZE, PAIR_DEVICE, 0x800000000000 };
	struct pair p;

	for (size_t n = 0; n < ARRAY_SIZE(places); n++) {
		pair_up(&p, true);
		EACH_PLACE(&p, second);
		for (unsigned int k = 0; k < 12; k++) {
			pair_state(&p);
			p.s.gpr[RDI] = places[n] - 5;
			p.s.gpr[R12] = TIMES;
			PAIR_RUN(&p, second);
			CU_ASSERT_EQUAL(p.end, EMU_FAULT);
		}
		EACH_PLACE(&p, second);
		pair_down(&p);
	}
}

PAIR_ASM(load32, 32,
	 "1: addl $0x7fffffff, %ebp\n movl (%edi), %eax\n adcl (%edi), %ebx\n"
	 "movw (%edi), %dx\n incl (%edi)\n movl %ebp, (%edi)\n xchgw %cx, (%edi)\n"
	 "decl %esi\n jnz 1b");
PAIR_ASM(constant32, 32, "movl 0x20000fff, %eax\n addl %eax, 0x20001ffe\n incw 0x20002fff");
PAIR_ASM(constant64, 64,
	 "movl 0x20000fff, %eax\n addq %rax, 0x20001ffe\n incw 0x20002fff\n"
	 "movups 0x20002ff7, %xmm3\n movq %xmm3, %rbx");

static void test_prot32(void)
{
	struct pair p;

	pair_up(&p, false);
	for (unsigned int off = 1; off < 4; off++) {
		pair_state(&p);
		p.s.gpr[RDI] = PAIR_DATA + 3 * PAGE_SIZE - off;
		p.s.gpr[RSI] = TIMES;
		PAIR_RUN(&p, load32);
	}
	for (unsigned int n = 0; n < 3; n++) {
		pair_state(&p);
		PAIR_RUN(&p, constant32);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	}
	pair_down(&p);
}

static void test_constant(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 3; n++) {
		pair_state(&p);
		PAIR_RUN(&p, constant64);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	}
	pair_down(&p);
}

LOOP64(fixed, "movq 0x20003004, %rax\n addq %rax, 0x2000500c\n movq %rbp, %gs:4\n"
	      "adcq %gs:0x14, %rbx\n xchgq %rbx, 0x20003014\n cmpq $77, %gs:4\n"
	      "adcq $0, %rax\n movq %gs:0xffc, %rcx\n movq %rcx, 0x20006ffe");

/* At fixed places, the host reports operands once. */
static void test_fixed(void)
{
	struct pair p;
	u64 before;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 30; n++) {
		pair_state(&p);
		p.s.seg[SEG_GS].base = PAIR_DATA + 9 * PAGE_SIZE + (n % 4 == 3 ? 4 : 0);
		p.s.gpr[R12] = TIMES;
		before = bt_of(vm_vcpu(p.bt))->stats.unaligned;
		PAIR_RUN(&p, fixed);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	}
	CU_ASSERT_EQUAL(bt_of(vm_vcpu(p.bt))->stats.unaligned, before);
	for (u64 n = bt_of(vm_vcpu(p.bt))->oldest; n != bt_of(vm_vcpu(p.bt))->newest; n++)
		CU_ASSERT_FALSE(block_nr(bt_of(vm_vcpu(p.bt)), n)->unaligned);
	pair_down(&p);
}

CU_TestInfo tests_bt_cross[] = {
	{ "found by the host", test_reported }, { "found by checks", test_checked },
	{ "without leaving", test_stays },	{ "second pages that fault", test_faults },
	{ "32-bit code", test_prot32 },		{ "constant addresses", test_constant },
	{ "never aligned", test_fixed },	CU_TEST_INFO_NULL
};
