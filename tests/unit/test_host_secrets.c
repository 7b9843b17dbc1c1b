/* SPDX-License-Identifier: MIT */
/* What the host's processor knows about this process and would tell a guest that asks. */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

/* A division by zero that stays pending, so that AMD's processors, too, store where it was. */
#define DIVIDE                                    \
	"movl $0x20000000, %ebx\n"                \
	"movw $0x37b, (%rbx); movq $0, 8(%rbx)\n" \
	"fninit; fldcw (%rbx); fld1; fdivl 8(%rbx)\n"

PAIR_ASM(fxsave_code, 64,
	 DIVIDE "fxsave64 0x100(%rbx); fxsave 0x300(%rbx)\n"
		"movq 0x108(%rbx), %rax; movq 0x110(%rbx), %rcx\n"
		"movq 0x308(%rbx), %rdx; movq 0x310(%rbx), %rsi");
PAIR_ASM(fnstenv_code, 64,
	 DIVIDE "fnstenv 0x100(%rbx); fnsave 0x200(%rbx)\n"
		"movl 0x10c(%rbx), %eax; movl 0x114(%rbx), %ecx\n"
		"movl 0x20c(%rbx), %edx; movl 0x214(%rbx), %esi");
PAIR_ASM(fnstenv16_code, 64,
	 DIVIDE "data16 fnstenv 0x100(%rbx); fninit; fld1; data16 fnsave 0x200(%rbx)\n"
		"movq 0x106(%rbx), %rax; movzwl 0x206(%rbx), %ecx\n"
		"movl 0x20a(%rbx), %edx; xorl %esi, %esi");

static void check(const u8 *code, size_t len)
{
	struct pair p;

	pair_up(&p, true);
	pair_state(&p);
	pair_run(&p, code, len);
	CU_ASSERT_EQUAL(p.s.gpr[RAX], 0);
	CU_ASSERT_EQUAL(p.s.gpr[RCX], 0);
	CU_ASSERT_EQUAL(p.s.gpr[RDX], 0);
	CU_ASSERT_EQUAL(p.s.gpr[RSI], 0);
	pair_down(&p);
}

/* FIP and FDP are addresses of the code cache and of guest RAM in the host. */
static void test_x87_pointers(void)
{
	check(fxsave_code, (size_t)(fxsave_code_end - fxsave_code));
	check(fnstenv_code, (size_t)(fnstenv_code_end - fnstenv_code));
	check(fnstenv16_code, (size_t)(fnstenv16_code_end - fnstenv16_code));
}

/* RDSSP is a NOP to guests, and never reaches the host. */
static void test_shadow_stack(void)
{
	static const u8 rdssp[INSN_MAX] = { 0xf3, 0x48, 0x0f, 0x1e, 0xc8 }; /* RDSSPQ RAX */
	static const u8 endbr[INSN_MAX] = { 0xf3, 0x0f, 0x1e, 0xfa };
	static const u8 imul[INSN_MAX] = { 0x0f, 0xaf, 0xc8 };
	struct insn i;

	CU_ASSERT_EQUAL_FATAL(decode(&i, rdssp, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_EQUAL(i.class, INSN_PLAIN);
	CU_ASSERT_TRUE(insn_is_hint(&i));
	CU_ASSERT_EQUAL_FATAL(decode(&i, endbr, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_TRUE(insn_is_hint(&i));
	CU_ASSERT_EQUAL_FATAL(decode(&i, imul, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_FALSE(insn_is_hint(&i));
}

CU_TestInfo tests_host_secrets[] = { { "x87 pointers", test_x87_pointers },
				     { "shadow stack pointer", test_shadow_stack },
				     CU_TEST_INFO_NULL };
