/* SPDX-License-Identifier: MIT */
/* Instructions that keep being slow are translated as call-outs, and back (bt/adapt.h). */
#include "backends/swbt/bt/tunables.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

PAIR_ASM(divide, 64,
	 "1: movl $1, %eax\n"
	 "xorl %edx, %edx\n"
	 "divl %ebx\n"
	 "decl %r12d\n"
	 "jnz 1b");
PAIR_ASM(device, 64,
	 "1: movl (%rdi), %eax\n"
	 "addl %eax, %ebx\n"
	 "decl %r12d\n"
	 "jnz 1b");

static const struct bt_stats *stats(const struct pair *p)
{
	return &bt_of(vm_vcpu(p->bt))->stats;
}

static void run_divide(struct pair *p, u64 by, u64 times, enum emulate_result end)
{
	pair_state(p);
	p->s.gpr[RBX] = by;
	p->s.gpr[R12] = times;
	PAIR_RUN(p, divide);
	CU_ASSERT_EQUAL(p->end, end);
}

static void test_divide(void)
{
	struct pair p;

	pair_up(&p, true);
	for (unsigned int n = 0; n < 3 * BT_ADAPT_AFTER; n++)
		run_divide(&p, 0, 1, EMU_FAULT);
	CU_ASSERT_EQUAL(stats(&p)->faults, BT_ADAPT_AFTER);
	CU_ASSERT_EQUAL(stats(&p)->adapted, 1);
	CU_ASSERT_EQUAL(p.exc.vector, DE);
	/* No fault for long: as before. */
	run_divide(&p, 1, 2 * BT_ADAPT_CALLS, EMU_HALT);
	CU_ASSERT_EQUAL(stats(&p)->adapted_back, 1);
	CU_ASSERT(stats(&p)->exits[EXIT_CALL] < 2 * BT_ADAPT_CALLS);
	/* The next is enough this time. */
	run_divide(&p, 0, 1, EMU_FAULT);
	run_divide(&p, 0, 1, EMU_FAULT);
	CU_ASSERT_EQUAL(stats(&p)->faults, BT_ADAPT_AFTER + 1);
	CU_ASSERT_EQUAL(stats(&p)->adapted, 2);
	pair_down(&p);
}

static void test_device(void)
{
	struct pair p;

	pair_up(&p, true);
	p.s.gpr[RDI] = PAIR_DEVICE;
	p.s.gpr[R12] = BT_ADAPT_CALLS / 2;
	PAIR_RUN(&p, device);
	CU_ASSERT_EQUAL(p.end, EMU_HALT);
	/* The instruction itself comes first, for what is RAM. */
	CU_ASSERT_EQUAL(stats(&p)->exits[EXIT_READ], BT_ADAPT_CALLS / 2);
	CU_ASSERT_EQUAL(stats(&p)->adapted, 1);
	CU_ASSERT(stats(&p)->resumed >= BT_ADAPT_CALLS / 2 - 2 * BT_ADAPT_AFTER);
	CU_ASSERT(stats(&p)->steps < 2 * BT_ADAPT_AFTER);
	pair_state(&p);
	p.s.gpr[R12] = BT_ADAPT_CALLS;
	PAIR_RUN(&p, device);
	CU_ASSERT(stats(&p)->exits[EXIT_READ] < BT_ADAPT_CALLS / 2 + 2 * BT_ADAPT_AFTER);
	pair_down(&p);
}

static void test_off(void)
{
	struct pair p;

	pair_up(&p, true);
	vm_vcpu(p.bt)->bt_config.adaptive = false;
	for (unsigned int n = 0; n < 3 * BT_ADAPT_AFTER; n++)
		run_divide(&p, 0, 1, EMU_FAULT);
	CU_ASSERT_EQUAL(stats(&p)->faults, 3 * BT_ADAPT_AFTER);
	CU_ASSERT_EQUAL(stats(&p)->adapted, 0);
	pair_down(&p);
}

CU_TestInfo tests_bt_adapt[] = { { "DIV that faults, and does not", test_divide },
				 { "loads from a device", test_device },
				 { "switched off", test_off },
				 CU_TEST_INFO_NULL };
