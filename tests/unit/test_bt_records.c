/* SPDX-License-Identifier: MIT */
/* What the translator says of its own work, checked with a guest that is known by heart. */
#include "backends/backends.h"
#include "backends/swbt/vcpu.h"
#include "common/boot/boot.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CODE  0x100000u
#define CALLS 1000u

/* Flat 32-bit code: CALLS indirect calls of a function, a write to its code, one more call. */
static const u8 guest[] = {
	0xbc,	       0x00, 0x00, 0x20, 0x00,		   /* mov esp, 200000h */
	0xb9,	       0xe8, 0x03, 0x00, 0x00,		   /* mov ecx, CALLS */
	0xb8,	       0x40, 0x00, 0x10, 0x00,		   /* mov eax, function */
	0xff,	       0xd0,				   /* again: call eax */
	0x49,						   /* dec ecx */
	0x75,	       0xfb,				   /* jnz again */
	0xc6,	       0x05, 0x41, 0x00, 0x10, 0x00, 0x02, /* mov byte [function + 1], 2 */
	0xff,	       0xd0,				   /* call eax */
	0xb0,	       0x00,				   /* mov al, 0 */
	0xe6,	       0xf4,				   /* out 0f4h, al */
	0xf4,						   /* hlt */
	[0x40] = 0xba, 0x01, 0x00, 0x00, 0x00,		   /* function: mov edx, 1 */
	0xc3,						   /* ret */
};

static struct vm *machine(const char *engine, const struct backend_values *options)
{
	const struct image image = { guest, sizeof(guest), "guest" };
	const struct boot_params params = { .format = BOOT_FLAT,
					    .mode = FLAT_PROTECTED,
					    .address = CODE };
	struct vm_config config = {
		.backend = &swbt_backend, .engine = engine, .mem_size = 8 * MiB, .cpu = "host"
	};
	struct error err = { "" };
	struct cpu_state entry;
	struct vm *vm = NULL;

	if (options)
		config.options = *options;
	if (vm_create(&vm, &config, &err) ||
	    boot_load_image(&vm->ram, &image, &params, &entry, &err) ||
	    swbt_backend.set_state(vm, &entry, &err))
		CU_FAIL_FATAL("no machine");
	return vm;
}

static void run(struct vm *vm)
{
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL(vm_vcpu(vm)->s.gpr[RDX], 2);
}

static u64 blocks;

static void find_blocks(void *arg, const char *name, u64 value)
{
	(void)arg;
	if (!strcmp(name, "swbt.bt.blocks"))
		blocks = value;
}

static void test_traps(void)
{
	struct vm *vm = machine("bt", NULL);
	const struct trap_counter *c = vm->traps.c;

	run(vm);
	blocks = 0;
	swbt_backend.counters(vm, find_blocks, NULL);
	CU_ASSERT_TRUE(blocks >= 4);
	CU_ASSERT_EQUAL(c[TRAP_TRANSLATE].count, blocks);
	CU_ASSERT_TRUE(c[TRAP_TRANSLATE].cycles > 0);
	/* Missed at first, and the one whose target was dropped; not each time. */
	CU_ASSERT_TRUE(c[TRAP_INDIRECT].count >= 2);
	CU_ASSERT_TRUE(c[TRAP_INDIRECT].count <= 8);
	CU_ASSERT_EQUAL(c[TRAP_INVALIDATE].count, 1);
	CU_ASSERT_TRUE(c[TRAP_INVALIDATE].cycles > 0);
	CU_ASSERT_TRUE(c[TRAP_TLB_FILL].count > 0);
	CU_ASSERT_EQUAL(c[TRAP_PORT_OUT].count, 1);
	vm_destroy(vm);
}

/* The translator's causes do not happen without it. */
static void test_step(void)
{
	struct vm *vm = machine("step", NULL);
	const struct trap_counter *c = vm->traps.c;

	run(vm);
	CU_ASSERT_EQUAL(c[TRAP_TRANSLATE].count, 0);
	CU_ASSERT_EQUAL(c[TRAP_INDIRECT].count, 0);
	CU_ASSERT_EQUAL(c[TRAP_INVALIDATE].count, 0);
	vm_destroy(vm);
}

CU_TestInfo tests_bt_records[] = {
	{ "traps of translation", test_traps },
	{ "none without translation", test_step },
	CU_TEST_INFO_NULL,
};
