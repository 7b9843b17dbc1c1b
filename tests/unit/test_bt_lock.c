/* SPDX-License-Identifier: MIT */
/* LOCK and XCHG with memory in translated code: without the bus lock, save for fences. */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

PAIR_ASM(locked64, 64,
	 "lock xaddq %rax, (%rdi)\n"
	 "lock cmpxchgq %rbx, 8(%rsi)\n"
	 "lock btsq $3, (%rdx)\n"
	 "lock incl (%r14, %rcx)\n"
	 "lock orb $5, 3(%r13)\n"
	 "lock cmpxchg16b 16(%rbp)");
PAIR_ASM(exchange_add, 64,
	 "xaddq %rax, (%rdi)\n lahf\n"
	 "lock xaddl %ecx, 8(%rsi)\n adcq $0, %rbx\n"
	 "xaddw %dx, (%r14, %r12)\n pushfq\n"
	 "xaddb %ah, 3(%rbp)\n xaddb %bpl, 7(%rdi)\n"
	 "xaddq %r14, 16(%r8)\n xaddq %r9, (%r9)\n xaddq %r15, 0x20000100\n"
	 "xaddl %eax, %ebx");
PAIR_ASM(fence_or, 64, "lock orl $0, -4(%rsp)");
PAIR_ASM(fence_add, 64, "lock addl $0, (%rsp)");
PAIR_ASM(exchange64, 64,
	 "xchgq %rax, (%rdi)\n"
	 "xchgl %ecx, 8(%rsi)\n"
	 "xchgw %dx, (%r14, %rbx)\n"
	 "xchgb %ah, 3(%rbp)\n"
	 "xchgb %bpl, 7(%rdi)\n"
	 "xchgq %r14, 16(%r8)\n"
	 "xchgq %r9, (%r9)\n"
	 "xchgl %r12d, 0x20000080\n"
	 "xchgq %rsi, %fs:0x20000100\n"
	 "xchgq %rsp, (%rbp)\n"
	 "xchgq %rdi, (%rdi)");
PAIR_ASM(exchange32, 32,
	 "xchgl %eax, (%edi)\n"
	 "xchgw %cx, 8(%esi, %edx, 2)\n"
	 "xchgb %bl, 0x20000080\n"
	 "xchgl %ebp, (%ebp)");
PAIR_ASM(exchange_ro, 64, "movl $5, %eax\nxchgl %eax, 0x20100000");

static const struct block *only_block(struct pair *p)
{
	const struct bt *bt = bt_of(vm_vcpu(p->bt));

	return block_nr(bt, bt->newest - 1);
}

/* On the straight way; displacements are small here, so no other byte is F0. */
static bool has_lock(const struct block *b)
{
	for (u32 n = 0; n < b->cold; n++)
		if (b->host[n] == 0xf0 && (!n || b->host[n - 1] != 0x7b) &&
		    (!n || b->host[n - 1] != 0xfb))
			return true;
	return false;
}

static void test_locked(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[RCX] = 0x10;
	PAIR_RUN(&p, locked64);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	CU_ASSERT_FALSE(has_lock(only_block(&p)));
	pair_down(&p);
}

static void test_fence(void)
{
	struct pair p;

	pair_up(&p, true);
	PAIR_RUN(&p, fence_or);
	CU_ASSERT_TRUE(has_lock(only_block(&p)));
	pair_state(&p);
	PAIR_RUN(&p, fence_add);
	CU_ASSERT_TRUE(has_lock(only_block(&p)));
	pair_down(&p);
}

static void test_exchange(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[RBX] = 0x21;
	PAIR_RUN(&p, exchange64);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_state(&p);
	p.s.gpr[R12] = 0x21;
	p.s.rflags |= RFLAGS_OF;
	PAIR_RUN(&p, exchange_add);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_state(&p);
	PAIR_RUN(&p, exchange_ro);
	CU_ASSERT_EQUAL(p.end, EMU_FAULT);
	CU_ASSERT_EQUAL(p.s.gpr[RAX], 5);
	pair_down(&p);
	pair_up(&p, false);
	p.s.gpr[RDX] = 0x21;
	PAIR_RUN(&p, exchange32);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	pair_down(&p);
}

CU_TestInfo tests_bt_lock[] = { { "LOCK is dropped", test_locked },
				{ "fences are kept", test_fence },
				{ "XCHG with memory", test_exchange },
				CU_TEST_INFO_NULL };
