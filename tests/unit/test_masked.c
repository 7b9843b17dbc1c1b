/* SPDX-License-Identifier: MIT */
/* Operands under a mask that are partly on a page that is not there, in a confined process. */
#include "backends/backends.h"
#include "common/sandbox.h"
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOLE (PAIR_DATA + PAIR_PAGES * PAGE_SIZE) /* not mapped, nor is the next page */

/* YMM0: only the lower four elements count. RDI: the element that is the first one missing. */
PAIR_ASM(code, 64,
	 "vpcmpeqd %xmm0, %xmm0, %xmm0\n vmaskmovps -16(%rdi), %ymm0, %ymm1\n"
	 "vmaskmovps %ymm1, %ymm0, -16(%rdi)\n vpslldq $12, %ymm0, %ymm2\n"
	 "vmaskmovps -32(%rdi), %ymm2, %ymm3\n vmaskmovps %ymm3, %ymm2, -17(%rdi)\n"
	 "vmaskmovps (%rsi), %ymm0, %ymm4\n");

static bool has_avx(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2");
}

/* The last instruction faults: its elements are those on the missing page. */
static int confined(struct pair *p)
{
	if (sandbox_enter(NULL, NULL))
		return 1;
	pair_run(p, code, (size_t)(code_end - code));
	return p->end == EMU_FAULT && p->exc.vector == PF && p->exc.cr2 == HOLE ? 0 : 2;
}

static void test_confined(void)
{
	int status = -1;
	struct pair p;
	pid_t child;

	if (!has_avx())
		return;
	pair_up(&p, true);
	pair_state(&p);
	p.s.gpr[RDI] = p.s.gpr[RSI] = HOLE;
	child = fork();
	if (!child)
		_exit(confined(&p));
	CU_ASSERT(child > 0 && waitpid(child, &status, 0) == child);
	CU_ASSERT_EQUAL(status, 0);
	/* And here, where the two machines' results are looked at. */
	pair_run(&p, code, (size_t)(code_end - code));
	CU_ASSERT_EQUAL(p.end, EMU_FAULT);
	pair_down(&p);
}

CU_TestInfo tests_masked[] = { { "without a change of protections", test_confined },
			       CU_TEST_INFO_NULL };
