/* SPDX-License-Identifier: MIT */
/* A device writes into code that has been translated: into the block that asks it to, just ahead.
 */
#include "backends/backends.h"
#include "common/vm.h"

#include <CUnit/CUnit.h>
#include <endian.h>
#include <string.h>

#define CODE	   0x1000u
#define STACK	   0x8000u
#define DESCRIPTOR 0x3000u
#define SELECT	   8u /* fw_cfg DMA control */
#define READ	   2u

static const u8 code[] = {
	0xba, 0x18, 0x05, 0x00, 0x00, /* mov edx, 0x518: the address's lower half */
	0xb8, 0x00, 0x00, 0x30, 0x00, /* mov eax, DESCRIPTOR, big-endian */
	0xef,			      /* out dx, eax */
	0x90, 0x90, 0x90, 0x90,	      /* becomes "QEMU": push ecx; inc ebp; dec ebp; push ebp */
	0xf4			      /* hlt */
};
#define TARGET (CODE + 11)

static void run_with(const char *engine)
{
	struct vm_config config = {
		.backend = &swbt_backend, .engine = engine, .mem_size = 2 * MiB, .cpu = "host"
	};
	/* Control with item 0, the signature; length; address: all big-endian. */
	const struct {
		u32 control, length;
		u64 address;
	} descriptor = { htobe32(SELECT | READ), htobe32(4), htobe64(TARGET) };
	struct error err = { "" };
	struct cpu_state s;
	struct vm *vm;

	CU_ASSERT_EQUAL_FATAL(vm_create(&vm, &config, &err), 0);
	ram_write(&vm->ram, CODE, code, sizeof(code));
	ram_write(&vm->ram, DESCRIPTOR, &descriptor, sizeof(descriptor));
	cpu_state_reset(&s);
	s.cr0 = CR0_PE | CR0_ET;
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		s.seg[n] = segment_flat(16, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s.seg[SEG_CS] = segment_flat(8, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 11);
	s.gpr[RSP] = STACK;
	s.rip = CODE;
	CU_ASSERT_EQUAL(vm->backend->set_state(vm, &s, &err), 0);
	CU_ASSERT_EQUAL(vm->backend->run(vm), RUN_HALTED);
	vm->backend->get_state(vm, &s, &err);
	CU_ASSERT_EQUAL(s.rip, CODE + sizeof(code));
	CU_ASSERT_EQUAL(s.gpr[RSP], STACK - 8);
	CU_ASSERT_EQUAL(memcmp(ram_at(&vm->ram, TARGET, 4), "QEMU", 4), 0);
	vm_destroy(vm);
}

static void test_ahead(void)
{
	run_with("bt");
	run_with("step");
}

CU_TestInfo tests_bt_dma[] = { { "DMA into the running block", test_ahead }, CU_TEST_INFO_NULL };
