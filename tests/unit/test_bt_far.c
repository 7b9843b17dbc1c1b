/* SPDX-License-Identifier: MIT */
/* Far transfers in real mode: the same code by several CS and IP (bt/bt.h, bt_target). */
#include "backends/swbt/bt/bt.h"
#include "backends/backends.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define CODE   0x7c00u
#define SHARED 0x10020u
#define TIMES  1000u

#define BLOB(name, text)                                                                         \
	extern const u8 name[], name##_end[];                                                    \
	__asm__(".pushsection .rodata\n.code16\n" #name ":\n" text "\n" #name "_end:\n.code64\n" \
		".popsection")

/* CX times by both names that SHARED has; INT 40h leads elsewhere. */
BLOB(calls, "1: lcall $0x1000, $0x20\n lcall $0xff0, $0x120\n"
	    "cmpw $0, %si\n jz 2f\n int $0x40\n 2: decw %cx\n jnz 1b\n hlt");
/* BX += IP, by way of a near CALL, RET and JMP whose targets depend on CS; DX counts. */
BLOB(shared, "call 3f\n call 4f\n 1: popw %ax\n addw %ax, %bx\n addw $2f - 1b, %ax\n jmpw *%ax\n"
	     "hlt\n 2: incw %dx\n lret\n 3: ret\n 4: jmp 1b");
/* The same as an interrupt's handler, right behind. */
BLOB(handler, "call 1f\n 1: popw %ax\n addw %ax, %bx\n incw %dx\n iret");
#define HANDLER (SHARED + 0x40)

static void put(struct vm *vm, u64 gpa, const u8 *from, const u8 *end)
{
	memcpy(ram_at(&vm->ram, gpa, (u64)(end - from)), from, (size_t)(end - from));
}

static void run(struct vm *vm, bool interrupts)
{
	struct vcpu *v = vm_vcpu(vm);
	struct cpu_state s;
	struct error err;

	cpu_state_reset(&s);
	s.seg[SEG_CS].selector = 0;
	s.seg[SEG_CS].base = 0;
	s.rip = CODE;
	s.gpr[RSP] = s.gpr[RBP] = 0x7000;
	s.gpr[RBX] = s.gpr[RDX] = 0;
	s.gpr[RCX] = TIMES;
	s.gpr[RSI] = interrupts;
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, &err), 0);
	CU_ASSERT_EQUAL(v->engine->run(v), RUN_HALTED);
	CU_ASSERT_EQUAL(v->s.gpr[RSP], 0x7000);
}

static void test_names(void)
{
	static const u16 vector[] = { 0x60, 0x1000 };
	const u64 ips = 0x26 + 0x126;
	struct vm *vm = rig_vm("bt", 4 * MiB);
	struct vcpu *v = vm_vcpu(vm);

	put(vm, CODE, calls, calls_end);
	put(vm, SHARED, shared, shared_end);
	put(vm, HANDLER, handler, handler_end);
	memcpy(ram_at(&vm->ram, 0x40 * 4, 4), vector, 4);
	run(vm, false);
	CU_ASSERT_EQUAL(v->s.gpr[RBX], (u16)(TIMES * ips));
	CU_ASSERT_EQUAL(v->s.gpr[RDX], 2 * TIMES);
	/* The dispatcher knows nothing of most of them. */
	CU_ASSERT(bt_of(v)->stats.found < 100);
	run(vm, true);
	CU_ASSERT_EQUAL(v->s.gpr[RBX], (u16)(TIMES * (ips + 0x63)));
	CU_ASSERT_EQUAL(v->s.gpr[RDX], 3 * TIMES);
	CU_ASSERT(bt_of(v)->stats.found < 200);
	/* What has changed is no target by any name: ADD becomes SUB. */
	mem_note_write(v, SHARED, 64);
	*(u8 *)ram_at(&vm->ram, SHARED + 7, 1) = 0x29;
	run(vm, false);
	CU_ASSERT_EQUAL(v->s.gpr[RBX], (u16)(0 - TIMES * ips));
	vm_destroy(vm);
}

CU_TestInfo tests_bt_far[] = { { "code with several names", test_names }, CU_TEST_INFO_NULL };
