/* SPDX-License-Identifier: MIT */
/*
 * Accesses off one register that share a look-up (bt/translate_share.c), with what comes between
 * them, at every place where the look-up of one does not hold for all. RDI and RSI point to pages
 * that lie elsewhere in the host, the stack is on a third; RBX is the distance from one to the
 * other.
 */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

#define HERE  (PAIR_DATA + 2 * PAGE_SIZE)
#define THERE (PAIR_DATA + 5 * PAGE_SIZE)

/* Two loads, TEXT, and two more. */
#define BETWEEN(name, text)                                      \
	PAIR_ASM(name, 64,                                       \
		 "movq (%rdi), %rax\n movq 8(%rdi), %rdx\n" text \
		 "\n movq 16(%rdi), %r8\n addq 24(%rdi), %r9\n movq %rax, (%rsi)")

/* Host registers that the code for these needs. */
BETWEEN(high_registers, "addq %r13, %r14\n subq %r15, %r13");
BETWEEN(shift, "shlq %cl, %rax");
BETWEEN(high_bytes, "addb %ah, %bh\n movb %dh, %al\n movb %ch, %dl\n addb %al, %ch");
BETWEEN(vectors, "paddd %xmm1, %xmm2\n movq %xmm2, %r11");
BETWEEN(multiply, "imulq %rdx, %rax\n mulq %rdx");
BETWEEN(flags, "lahf\n cld\n sahf\n cmc");
BETWEEN(push, "pushq %rax");
BETWEEN(pop, "popq %rax");
BETWEEN(push_here, "pushq 8(%rdi)");
BETWEEN(elsewhere, "movq (%rsi), %r10");
BETWEEN(elsewhere_too, "movq %rax, 8(%rsi)");
BETWEEN(string, "movq %rdi, %r10\n stosb\n movq %r10, %rdi");
BETWEEN(call_out, "movl %ebx, %r10d\n xorl %eax, %eax\n xorl %ecx, %ecx\n cpuid\n"
		  "xorl %eax, %eax\n movl %r10d, %ebx\n xorl %ecx, %ecx\n xorl %edx, %edx");

/* Accesses off the same register that are not of the same kind. */
BETWEEN(exchange, "xchgq %rax, 8(%rdi)");
BETWEEN(exchange_byte, "xchgb %al, 8(%rdi)");
BETWEEN(exchange_add, "xaddq %rax, 8(%rdi)");
BETWEEN(narrow, "movq 8(%edi), %r10");
BETWEEN(based, "movq %fs:8(%rdi), %r10");
BETWEEN(indexed, "movq 8(%rdi,%rbx), %r10");
BETWEEN(moved_in, "movq 8(%rdi), %r13\n addq %r13, 16(%rdi)");
BETWEEN(wide, "movups 1(%rdi), %xmm0\n movdqu 17(%rdi), %xmm1");
BETWEEN(no_access, "leaq 0x2000(%rdi), %r10\n prefetcht0 64(%rdi)\n nopl 64(%rdi)");

/* The register becomes another address, or the same. */
BETWEEN(goes_on, "addq $8, %rdi");
BETWEEN(goes_on_far, "addq $0x60, %rdi");
BETWEEN(goes_back, "subq $0x20, %rdi");
BETWEEN(goes_on_lea, "leaq 24(%rdi), %rdi");
BETWEEN(goes_back_lea, "leaq -24(%rdi), %rdi");
BETWEEN(goes_narrow, "addl $8, %edi");
BETWEEN(goes_narrow_lea, "leaq 8(%edi), %rdi");
BETWEEN(goes_by_index, "leaq (%rdi,%rbx), %rdi");
BETWEEN(goes_to_other, "leaq 8(%rsi), %rdi");
BETWEEN(copy, "movq %rsi, %rdi");
BETWEEN(copy_of_copy, "movq %rsi, %rbp\n movq %rbp, %rdi");
BETWEEN(flip, "xorq $0x1000, %rdi");
BETWEEN(flip_little, "xorq $0x40, %rdi");
BETWEEN(mask, "orq $0x1000, %rdi");
BETWEEN(add, "addq %rbx, %rdi");
BETWEEN(exchange_base, "xchgq %rdi, %rsi");
BETWEEN(shift_base, "rolq $8, %rdi\n rorq $8, %rdi\n incq %rdi\n notq %rdi\n notq %rdi");

/* Where the range begins and ends. */
BETWEEN(upwards, "movb 0x47(%rdi), %r10b");
BETWEEN(downwards, "movl -0x30(%rdi), %r10d\n movb -0x33(%rdi), %r11b");
BETWEEN(much, "movq 0x800(%rdi), %r10\n movq 0x1000(%rdi), %r11");
PAIR_ASM(down_first, 64,
	 "movq (%rdi), %rax\n movq -8(%rdi), %rdx\n movq -16(%rdi), %r8\n movq %rax, -24(%rdi)");
PAIR_ASM(beyond, 64,
	 "leaq -0x7ffffff8(%rdi), %rdi\n movq 0x7ffffff0(%rdi), %rax\n addq $8, %rdi\n"
	 "movq 0x7ffffff8(%rdi), %rdx\n addq $8, %rdi\n movq 0x7ffffff8(%rdi), %r8\n"
	 "movq 0x7ffffff0(%rdi), %r9");

/* The first one is special. */
PAIR_ASM(moved_first, 64,
	 "movq (%rdi), %r13\n addq %r13, 8(%rdi)\n movq 16(%rdi), %rax\n movq 24(%rdi), %rdx");
PAIR_ASM(loads_base, 64,
	 "movq %rsi, 8(%rdi)\n movq 8(%rdi), %rdi\n movq 8(%rdi), %rax\n movq 16(%rdi), %rdx\n"
	 "movq 24(%rdi), %r8");
PAIR_ASM(constant, 64,
	 "movq data(%rip), %rax\n movq data+8(%rip), %rdx\n movq data+16(%rip), %r8\n"
	 "movq data+24(%rip), %r9\n jmp 1f\n data: .quad 1, 2, 3, 4\n 1:");
PAIR_ASM(displaced_base, 64,
	 "movq %rdi, %r13\n movq (%r13), %rax\n movq 8(%r13), %rdx\n movq 16(%r13), %r8\n"
	 "movq %rdi, %rcx\n movq (%rcx), %r9\n movq 8(%rcx), %r10\n movq 16(%rcx), %r11");

/* Behind the last one the look-up is nobody's. */
PAIR_ASM(over, 64,
	 "movq (%rdi), %rax\n movq 8(%rdi), %rdx\n movq 16(%rdi), %r8\n movq (%rsi), %r9\n"
	 "movq 24(%rdi), %r10\n shlq %cl, %rax\n movq 24(%rdi), %r11\n movq %rax, 16(%rdi)");

/* Stores: the first one behind loads needs a right of its own. */
PAIR_ASM(stores, 64,
	 "movq (%rdi), %rax\n movq 8(%rdi), %rdx\n movq %rax, 16(%rdi)\n addq %rdx, 24(%rdi)\n"
	 "movq 16(%rdi), %r8\n movb $5, 32(%rdi)");
PAIR_ASM(store_first, 64,
	 "movq %rax, (%rdi)\n movq 8(%rdi), %rdx\n movq %rax, 16(%rdi)\n addq %rdx, 24(%rdi)");

/* In the middle: #DE, once the divisor is 0. */
PAIR_ASM(faults, 64,
	 "movq $0, 16(%rdi)\n movq %rbx, %rax\n xorl %edx, %edx\n jmp 1f\n"
	 "1: movq (%rdi), %r8\n movq %r8, 8(%rdi)\n addq $8, %rdi\n divq 8(%rdi)\n"
	 "movq 16(%rdi), %r9\n movq %rax, 24(%rdi)");

#define CODE(name)               \
	{                        \
		name, name##_end \
	}
static const struct {
	const u8 *code, *end;
} snippets[] = {
	CODE(high_registers),
	CODE(shift),
	CODE(high_bytes),
	CODE(vectors),
	CODE(multiply),
	CODE(flags),
	CODE(push),
	CODE(pop),
	CODE(push_here),
	CODE(elsewhere),
	CODE(elsewhere_too),
	CODE(string),
	CODE(call_out),
	CODE(exchange),
	CODE(exchange_byte),
	CODE(exchange_add),
	CODE(narrow),
	CODE(based),
	CODE(indexed),
	CODE(moved_in),
	CODE(wide),
	CODE(no_access),
	CODE(goes_on),
	CODE(goes_on_far),
	CODE(goes_back),
	CODE(goes_on_lea),
	CODE(goes_back_lea),
	CODE(goes_narrow),
	CODE(goes_narrow_lea),
	CODE(goes_by_index),
	CODE(goes_to_other),
	CODE(copy),
	CODE(copy_of_copy),
	CODE(flip_little),
	CODE(flip),
	CODE(mask),
	CODE(add),
	CODE(exchange_base),
	CODE(shift_base),
	CODE(upwards),
	CODE(downwards),
	CODE(much),
	CODE(down_first),
	CODE(beyond),
	CODE(moved_first),
	CODE(loads_base),
	CODE(constant),
	CODE(displaced_base),
	CODE(over),
	CODE(stores),
	CODE(store_first),
	CODE(faults),
};

static void run_at(struct pair *p, unsigned int n, u64 rdi)
{
	pair_state(p);
	p->s.gpr[RDI] = rdi;
	p->s.gpr[RSI] = (rdi & ~PAGE_MASK) + (THERE - HERE) + 0x300;
	p->s.gpr[RBX] = THERE - HERE;
	p->s.seg[SEG_FS].base = THERE - HERE;
	pair_run(p, snippets[n].code, (size_t)(snippets[n].end - snippets[n].code));
}

/* Has the host faulted, other than for what is not aligned? At a wrong address it does, and the
 * step engine, which is asked then, hides that. */
static bool host_faulted(const struct pair *p)
{
	const struct bt_stats *stats = &bt_of(vm_vcpu(p->bt))->stats;

	return stats->faults != stats->unaligned;
}

static void check_faults(const struct pair *p, unsigned int n)
{
	CU_ASSERT_EQUAL(host_faulted(p), snippets[n].code == faults);
}

/* In the middle of a page; where the low half of the address is one, too. */
static void test_places(void)
{
	struct pair p;

	for (unsigned int n = 0; n < ARRAY_SIZE(snippets); n++) {
		pair_up(&p, true);
		run_at(&p, n, HERE + 0x400);
		run_at(&p, n, PAIR_MIDDLE + HERE + 0x400);
		run_at(&p, n, PAIR_HIGH + HERE + 0x400);
		check_faults(&p, n);
		run_at(&p, n, HERE + 0x401);
		run_at(&p, n, HERE + 0x404);
		pair_down(&p);
	}
}

/* Around the ends of a page, where a few bytes matter. Each time from the beginning, since what
 * crosses often is translated otherwise. */
static void test_page_ends(void)
{
	static const u8 back[] = { 0, 8, 0x10, 0x18, 0x20, 0x28, 0x30, 0x48 };
	struct pair p;

	for (unsigned int n = 0; n < ARRAY_SIZE(snippets); n++)
		for (unsigned int k = 0; k < ARRAY_SIZE(back); k++) {
			pair_up(&p, true);
			run_at(&p, n, HERE + PAGE_SIZE - back[k]);
			run_at(&p, n, HERE + back[k]);
			check_faults(&p, n);
			run_at(&p, n, HERE + PAGE_SIZE - back[k] + 1);
			run_at(&p, n, HERE + back[k] + 1);
			pair_down(&p);
		}
}

/* What may not be written, what is a device, what is not there. */
static void test_faults(void)
{
	struct pair p;

	for (unsigned int n = 0; n < ARRAY_SIZE(snippets); n++) {
		pair_up(&p, true);
		for (unsigned int k = 0; k < 3; k++) {
			run_at(&p, n, PAIR_RO + 0x100);
			run_at(&p, n, PAIR_RO + PAGE_SIZE - 0x10);
			run_at(&p, n, PAIR_DEVICE);
			run_at(&p, n, PAIR_DATA + PAIR_PAGES * PAGE_SIZE - 0x10);
			run_at(&p, n, BIT64(44) + HERE);
			run_at(&p, n, BIT64(63) + HERE);
		}
		pair_down(&p);
	}
}

/* A store that changes what comes behind it, among those that share: INC becomes DEC. */
PAIR_ASM(rewrites, 64,
	 "movb $0xc5, 3f+2(%rip)\n leaq 2f(%rip), %rdi\n jmp 1f\n 1: movq (%rdi), %rax\n movq "
	 "8(%rdi), %rdx\n"
	 "2: movb $0xcd, 3f-2b+2(%rdi)\n 3: incq %rbp\n movq 16(%rdi), %r8\n movq 24(%rdi), %r9");

static void test_own_code(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int k = 0; k < 3; k++) {
		pair_state(&p);
		pair_run(&p, rewrites, (size_t)(rewrites_end - rewrites));
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	}
	pair_down(&p);
}

CU_TestInfo tests_bt_share[] = { { "places", test_places },
				 { "ends of a page", test_page_ends },
				 { "faults", test_faults },
				 { "own code", test_own_code },
				 CU_TEST_INFO_NULL };
