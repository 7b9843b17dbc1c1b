/* SPDX-License-Identifier: MIT */
/* What the translator's emitter writes is decoded again. */
#include "backends/swbt/bt/emit.h"

#include <CUnit/CUnit.h>
#include <string.h>

static u8 buffer[16384];
static u8 *const code = buffer + 64;
static struct emit e;

static void start(void)
{
	memset(buffer, 0xcc, sizeof(buffer));
	e = (struct emit){ .p = code };
}

/* One instruction has been written since start(), which reads TEXT at address 0. */
static void expect(const char *text)
{
	char got[96];
	struct insn i;

	CU_ASSERT_EQUAL_FATAL(decode(&i, code, INSN_MAX, MODE_LONG64), 0);
	CU_ASSERT_EQUAL(i.length, e.p - code);
	insn_format(&i, 0, got, sizeof(got));
	CU_ASSERT_STRING_EQUAL(got, text);
	if (strcmp(got, text))
		printf("\n  %s is not %s", got, text);
	start();
}

static struct emit_mem sum(u8 base, u8 index, u8 scale, s32 disp)
{
	return (struct emit_mem){ base, index, scale, disp };
}

static void test_moves(void)
{
	start();
	emit_mov(&e, W64, R13, RSP), expect("mov r13, rsp");
	emit_mov(&e, W32, RCX, RCX), expect("mov ecx, ecx");
	emit_mov(&e, W32, RCX, R14), expect("mov ecx, r14d");
	emit_movzx16(&e, RCX, R13), expect("movzx ecx, r13w");
	emit_movzx16(&e, RCX, RCX), expect("movzx ecx, cx");
	emit_rorx(&e, W64, RCX, R13, 12), expect("rorx rcx, r13, 0x0C");
	emit_rorx(&e, W32, RCX, RCX, 16), expect("rorx ecx, ecx, 0x10");
	emit_rorx(&e, W64, R13, RSP, 60), expect("rorx r13, rsp, 0x3C");
	emit_shlx(&e, RCX, R13, RAX), expect("shlx rcx, r13, rax");
	emit_shrx(&e, R13, RCX, R9), expect("shrx r13, rcx, r9");
	emit_sarx(&e, R14, RCX, R13), expect("sarx r14, rcx, r13");
	emit_not(&e, R13), expect("not r13");
}

static void test_constants(void)
{
	start();
	emit_const(&e, RCX, 5), expect("mov ecx, 0x05");
	emit_const(&e, R13, 0xffffffff), expect("mov r13d, 0xFFFFFFFF");
	emit_const(&e, R13, ~0ull), expect("mov r13, 0xFFFFFFFFFFFFFFFF");
	emit_const(&e, RCX, 0xffffffff80000000), expect("mov rcx, 0xFFFFFFFF80000000");
	emit_const(&e, R13, 0xffff800000000000), expect("mov r13, 0xFFFF800000000000");
}

static void test_memory(void)
{
	start();
	emit_load(&e, W64, R13, at(R15, 104)), expect("mov r13, [r15+0x68]");
	emit_load(&e, W32, RAX, at(R12, 0)), expect("mov eax, [r12]");
	emit_load(&e, W64, RCX, sum(R15, RCX, 8, 0x400000)),
		expect("mov rcx, [r15+rcx*8+0x400000]");
	emit_load(&e, W64, RCX, sum(R15, RCX, 8, 0)), expect("mov rcx, [r15+rcx*8]");
	emit_load(&e, W64, RBX, sum(RBP, RCX, 1, 0)), expect("mov rbx, [rbp+rcx*1]");
	emit_load(&e, W64, RBX, sum(R13, RCX, 1, 0)), expect("mov rbx, [r13+rcx*1]");
	emit_store(&e, W64, RSP, sum(RSP, RCX, 1, -8)), expect("mov [rsp+rcx*1-0x08], rsp");
	emit_store(&e, W32, R9, at(RCX, -128)), expect("mov [rcx-0x80], r9d");
	emit_load8(&e, RCX, sum(R15, R13, 1, 8)), expect("movzx ecx, byte ptr [r15+r13*1+0x08]");
	emit_store8(&e, RCX, at(R15, 300)), expect("mov [r15+0x12C], cl");
	emit_load(&e, W64, RCX, sum(REG_NONE, RCX, 8, 0)), expect("mov rcx, [rcx*8]");
	emit_load_gs(&e, RCX, sum(R15, RCX, 8, 64)), expect("mov rcx, gs:[r15+rcx*8+0x40]");
	emit_pext_mem(&e, RCX, R13, at(R15, 0x88)), expect("pext rcx, r13, [r15+0x88]");
	emit_pext_mem(&e, R9, RAX, sum(RBX, R12, 4, 0)), expect("pext r9, rax, [rbx+r12*4]");
	emit_store_imm(&e, W64, -2, at(RCX, 128)),
		expect("mov qword ptr [rcx+0x80], 0xFFFFFFFFFFFFFFFE");
	emit_store_imm(&e, W32, 7, sum(RCX, R13, 1, 0)), expect("mov dword ptr [rcx+r13*1], 0x07");
	emit_add_mem(&e, W64, R9, sum(RSP, RCX, 1, 8)), expect("add [rsp+rcx*1+0x08], r9");
	emit_lea(&e, W64, RCX, at(RCX, INT32_MIN)), expect("lea rcx, [rcx-0x80000000]");
	emit_lea(&e, W32, R13, sum(RAX, R14, 4, 1)), expect("lea r13d, [rax+r14*4+0x01]");
	emit_lea(&e, W64, R13, sum(REG_NONE, RDI, 8, -4)), expect("lea r13, [rdi*8-0x04]");
	emit_lea(&e, W64, RSP, at(RSP, 8)), expect("lea rsp, [rsp+0x08]");
	emit_jmp_mem(&e, sum(R15, RCX, 8, 64)), expect("jmp [r15+rcx*8+0x40]");
	emit_jmp_mem(&e, at(R15, 8)), expect("jmp [r15+0x08]");
}

static void test_branches(void)
{
	u8 *fix;

	start();
	fix = emit_jrcxz(&e);
	*fix = 0x7f;
	expect("jrcxz 0x0000000000000081");
	fix = emit_jmp8(&e);
	*fix = 0;
	expect("jmp 0x0000000000000002");
	fix = emit_jmp32(&e);
	emit_fix32(fix, code + 0x1234);
	expect("jmp 0x0000000000001234");
	fix = emit_jcc32(&e, 5);
	emit_fix32(fix, code - 6);
	expect("jnz 0xFFFFFFFFFFFFFFFA");
	emit_jmp_to(&e, code + 64);
	expect("jmp 0x0000000000000040");
}

/* A branch over three bytes. */
static void test_landing(void)
{
	u8 *fix;

	start();
	fix = emit_jrcxz(&e);
	e.p += 3;
	emit_land8(&e, fix);
	CU_ASSERT_EQUAL(code[1], 3);
	start();
	fix = emit_jmp32(&e);
	e.p += 3;
	emit_land32(&e, fix);
	CU_ASSERT_EQUAL(code[1], 3);
}

CU_TestInfo tests_emit[] = { { "moves", test_moves },
			     { "constants", test_constants },
			     { "memory operands", test_memory },
			     { "branches", test_branches },
			     { "landing", test_landing },
			     CU_TEST_INFO_NULL };
