/* SPDX-License-Identifier: MIT */
/* Chains of loads, with a guess where each page is (bt/translate_guess.c). */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

/* RCX nodes from RDI on, RBX bytes apart, the last of which points to RSI; then R12 steps. */
#define MAKE                                                                    \
	"movq %rdi, %rax\n"                                                     \
	"1: leaq (%rax, %rbx), %rdx\n movq %rdx, (%rax)\n movq %rdx, 8(%rax)\n" \
	"movq %rax, %r9\n movq %rdx, %rax\n loop 1b\n"                          \
	"movq %rsi, (%r9)\n movq %rsi, 8(%r9)\n movq %rdi, %rdx\n movq %rdi, %rcx\n"
PAIR_ASM(chase, 64,
	 MAKE "1: movq (%rdx), %rdx\n addl $0x7fffffff, %ebp\n adcq %rdx, %r8\n"
	      "movq 8(%rcx), %rcx\n decl %r12d\n jnz 1b");
PAIR_ASM(chase_small, 64,
	 "movl $0x20000000, %eax\n movq %rax, (%rax)\n"
	 "1: movq 0x18(%rdx), %rdx\n movl (%rax), %eax\n decl %r12d\n jnz 1b");

PAIR_ASM(table, 64,
	 "1: movzwl (%rdi), %ecx\n shrl %ecx\n addl $0x7fffffff, %ebp\n adcl 0x20000010(,%rcx,1), "
	 "%eax\n"
	 "movl 0x20000ff0(,%rcx,1), %ecx\n andl $0x7ff8, %ecx\n xorq 0x20000000(,%rcx,1), %rcx\n"
	 "shrq $52, %rcx\n movq 0x20000000(,%rcx,8), %rdx\n addq %rdx, %r8\n"
	 "movzwl %r8w, %r9d\n shrl %r9d\n movzwl 0x20000000(,%r9,1), %r10d\n movq (%rdi), %r13\n"
	 "movzbl %r13b, %r13d\n addq 0x20000000(,%r13,8), %r11\n"
	 "addq $7, %rdi\n decl %r12d\n jnz 1b");
PAIR_ASM(table_faults, 64,
	 "movl (%rdi), %ecx\n addq %rsi, %rcx\n movq (,%rcx,1), %rcx\n movl (%rbx), %r8d\n"
	 "imulq (,%r8,4), %r9");

PAIR_ASM(first, 64, "movq (%rdx), %rdx");

static const struct bt_stats *stats(const struct pair *p)
{
	return &bt_of(vm_vcpu(p->bt))->stats;
}

static void run(struct pair *p, u64 nodes, u64 apart, u64 last, u64 steps)
{
	pair_state(p);
	p->s.gpr[RCX] = nodes;
	p->s.gpr[RDI] = PAIR_DATA + 0x40;
	p->s.gpr[RSI] = last;
	p->s.gpr[RBX] = apart;
	p->s.gpr[R12] = steps;
	PAIR_RUN(p, chase);
}

/* All on one page: the guess holds. */
static void test_right(void)
{
	struct pair p;

	pair_up(&p, true);
	run(&p, 100, 0x20, PAIR_DATA + 0x40, 20000);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_EQUAL(stats(&p)->adapted, 0);
	CU_ASSERT(stats(&p)->exits[EXIT_READ] < 4);
	pair_down(&p);
}

/* A chain over NODES pages until both loads of the loop were translated TIMES times otherwise; on a
 * busy host that may take longer. */
static void run_wrong(struct pair *p, u64 nodes, unsigned int times)
{
	for (unsigned int n = 0; n < 50 && stats(p)->adapted < 2 * times; n++) {
		run(p, nodes, 0xff8, PAIR_DATA + 0x40, 5000);
		CU_ASSERT_EQUAL(p->end, EMU_HALT);
	}
	CU_ASSERT_EQUAL(stats(p)->adapted, 2 * times);
}

/* On a few pages, which are not neighbours: they are remembered, and others in their place. */
static void test_places(void)
{
	struct pair p;
	u64 left, exits;

	pair_up(&p, true);
	run_wrong(&p, 6, 1);
	run(&p, 6, 0xff8, PAIR_DATA + 0x40, 100);
	CU_ASSERT_NOT_EQUAL(vm_vcpu(p.bt)->frame.place[3], 1);
	left = vm_vcpu(p.bt)->frame.guesses;
	for (unsigned int n = 0; n < 3; n++) {
		exits = stats(&p)->exits[EXIT_READ];
		run(&p, 6, 0xff8 + 0x1000 * n, PAIR_DATA + 0x40, 20000);
		CU_ASSERT(stats(&p)->exits[EXIT_READ] - exits < 40);
	}
	CU_ASSERT(left - vm_vcpu(p.bt)->frame.guesses < 20);
	CU_ASSERT_EQUAL(stats(&p)->adapted, 2);
	pair_down(&p);
}

/* Each on another one of many: no more guesses after a while. */
static void test_wrong(void)
{
	struct pair p;
	u64 left;

	pair_up(&p, true);
	run_wrong(&p, PAIR_PAGES, 2);
	left = vm_vcpu(p.bt)->frame.guesses;
	run(&p, PAIR_PAGES, 0xff8, PAIR_DATA + 0x40, 20000);
	/* But for the block that runs into the loop. */
	CU_ASSERT(left - vm_vcpu(p.bt)->frame.guesses < 4);
	pair_down(&p);
}

static void test_off(void)
{
	struct pair p;
	u64 guess;

	pair_up(&p, true);
	vm_vcpu(p.bt)->bt_config.elide = false;
	guess = vm_vcpu(p.bt)->frame.guess[0];
	run(&p, PAIR_PAGES, 0xff8, PAIR_DATA + 0x40, 2000);
	CU_ASSERT_EQUAL(vm_vcpu(p.bt)->frame.guess[0], guess);
	pair_down(&p);
}

/* The last node points to nothing, to a device, over two pages, nowhere at all. */
static void test_ends(void)
{
	static const u64 ends[] = { 0,
				    PAIR_DATA + PAIR_PAGES * PAGE_SIZE,
				    PAIR_DEVICE,
				    PAIR_DATA + 2 * PAGE_SIZE - 5,
				    PAIR_DATA + 3,
				    PAIR_DATA + (1ull << 44),
				    0x800000000000,
				    0xffffffffffffffff };
	struct pair p;

	pair_up(&p, true);
	for (size_t n = 0; n < ARRAY_SIZE(ends); n++)
		for (unsigned int k = 0; k < 3; k++) {
			run(&p, 10, 0x40, ends[n], 30);
			run(&p, 10, 0x7f8, ends[n], 10);
		}
	pair_state(&p);
	p.s.gpr[R12] = 3;
	PAIR_RUN(&p, chase_small);
	pair_down(&p);
}

/* The very first, of a page that the guest does not have, but the host does. */
static void test_first(void)
{
	static const u64 secret = 0x5ec2e7;
	struct pair p;

	pair_up(&p, true);
	pair_state(&p);
	p.s.gpr[RDX] = (uintptr_t)&secret;
	PAIR_RUN(&p, first);
	CU_ASSERT_EQUAL(p.end, EMU_FAULT);
	pair_down(&p);
}

static void test_table(void)
{
	static const u64 ends[] = { 0, PAIR_DATA, PAIR_DEVICE, PAIR_RO, 0x800000000000 };
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 20; n++) {
		pair_state(&p);
		p.s.gpr[RDI] = PAIR_DATA + n * 8;
		p.s.gpr[R12] = 700;
		PAIR_RUN(&p, table);
		CU_ASSERT_EQUAL(p.end, EMU_HALT);
	}
	for (size_t n = 0; n < ARRAY_SIZE(ends); n++) {
		pair_state(&p);
		p.s.gpr[RSI] = ends[n];
		PAIR_RUN(&p, table_faults);
	}
	pair_down(&p);
}

CU_TestInfo tests_bt_guess[] = {
	{ "the first guess", test_first },  { "right guesses", test_right },
	{ "several guesses", test_places }, { "wrong guesses", test_wrong },
	{ "tables", test_table },	    { "without", test_off },
	{ "ends of a chain", test_ends },   CU_TEST_INFO_NULL
};
