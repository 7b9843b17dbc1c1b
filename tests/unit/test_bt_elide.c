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

CU_TestInfo tests_bt_elide[] = { { "constant addresses", test_constants }, CU_TEST_INFO_NULL };
