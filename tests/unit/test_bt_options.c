/* SPDX-License-Identifier: MIT */
/* The translator's switches: each changes how it works, and none what the guest computes. */
#include "backends/backends.h"
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/options.h"
#include "common/boot/boot.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define CODE  0x100000u
#define TURNS 3000u

/* Flat 32-bit code: calls, a load and a store, and SMSW, TURNS times. */
static const u8 guest[] = {
	0xbc,	       0x00, 0x00, 0x20, 0x00,	     /* mov esp, 200000h */
	0xb9,	       0xb8, 0x0b, 0x00, 0x00,	     /* mov ecx, TURNS */
	0xe8,	       0x31, 0x00, 0x00, 0x00,	     /* again: call function */
	0x0f,	       0x01, 0xe3,		     /* smsw ebx */
	0x01,	       0x1d, 0x00, 0x00, 0x30, 0x00, /* add [300000h], ebx */
	0x49,					     /* dec ecx */
	0x75,	       0xef,			     /* jnz again */
	0xb0,	       0x00,			     /* mov al, 0 */
	0xe6,	       0xf4,			     /* out 0f4h, al */
	0xf4,					     /* hlt */
	[0x40] = 0x42,				     /* function: inc edx */
	0x50,	       0x53, 0x56, 0x57, 0x55,	     /* push eax, ebx, esi, edi, ebp */
	0x5d,	       0x5f, 0x5e, 0x5b, 0x58,	     /* pop ebp, edi, esi, ebx, eax */
	0xc3,					     /* ret */
};

struct ran {
	struct bt_config config;
	struct bt_stats stats;
	size_t cache;
	u64 sum;
};

static void run(struct ran *s, const char *name, const char *text)
{
	const struct image image = { guest, sizeof(guest), "guest" };
	const struct boot_params params = { .format = BOOT_FLAT,
					    .mode = FLAT_PROTECTED,
					    .address = CODE };
	struct vm_config config = { .backend = &swbt_backend, .mem_size = 8 * MiB, .cpu = "host" };
	struct error err = { "" };
	struct cpu_state entry;
	struct vm *vm = NULL;

	if (name)
		CU_ASSERT_EQUAL(
			backendopt_set(&config.options, &swbt_backend, NULL, name, text, &err), 0);
	if (vm_create(&vm, &config, &err) ||
	    boot_load_image(&vm->ram, &image, &params, &entry, &err) ||
	    swbt_backend.set_state(vm, &entry, &err))
		CU_FAIL_FATAL("no machine");
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_EXIT_PORT);
	CU_ASSERT_EQUAL((u32)vm_vcpu(vm)->s.gpr[RDX], TURNS);
	s->config = vm_vcpu(vm)->bt_config;
	s->stats = bt_of(vm_vcpu(vm))->stats;
	s->cache = bt_of(vm_vcpu(vm))->cache.size;
	s->sum = 0;
	memcpy(&s->sum, ram_at(&vm->ram, 0x300000, 4), 4);
	vm_destroy(vm);
}

/* EDX starts as 0, and the sum is the same, whatever is switched. */
static void test_same(void)
{
	struct ran usual, s;

	run(&usual, NULL, NULL);
	for (const struct backend_option *o = swbt_options; o->name; o++) {
		if (o->kind != OPTION_SWITCH)
			continue;
		run(&s, o->name, "on");
		CU_ASSERT_EQUAL(s.sum, usual.sum);
		run(&s, o->name, "off");
		CU_ASSERT_EQUAL(s.sum, usual.sum);
	}
}

static void test_effects(void)
{
	struct ran usual, s;

	run(&usual, NULL, NULL);
	CU_ASSERT_EQUAL(usual.cache, BT_CACHE_SIZE);
	CU_ASSERT_EQUAL(usual.stats.cache_flushes, 0);
	CU_ASSERT_TRUE(usual.stats.links > 0);
	CU_ASSERT_TRUE(usual.stats.insns > 2 * usual.stats.blocks);
	CU_ASSERT_TRUE(usual.stats.found < 100);
	CU_ASSERT_TRUE(usual.stats.exits[EXIT_CALL] < 100);
	run(&s, "bt-chain", "off");
	CU_ASSERT_EQUAL(s.stats.links, 0);
	CU_ASSERT_TRUE(s.stats.found > TURNS);
	run(&s, "bt-block", "1");
	CU_ASSERT_EQUAL(s.stats.insns, s.stats.blocks);
	run(&s, "bt-flush", "on");
	CU_ASSERT_TRUE(s.stats.cache_flushes > 0);
	run(&s, "bt-inline", "off");
	CU_ASSERT_TRUE(s.stats.exits[EXIT_CALL] >= TURNS);
	CU_ASSERT_TRUE(usual.config.adaptive && usual.config.return_cache);
	run(&s, "bt-adaptive", "off");
	CU_ASSERT_FALSE(s.config.adaptive);
	run(&s, "bt-return-cache", "off");
	CU_ASSERT_FALSE(s.config.return_cache);
	run(&s, "bt-elide", "off");
	CU_ASSERT_EQUAL(s.stats.insns, usual.stats.insns);
	CU_ASSERT_TRUE(s.stats.host_bytes > usual.stats.host_bytes);
	run(&s, "code-cache", "64K");
	CU_ASSERT_EQUAL(s.cache, 64 * KiB);
}

CU_TestInfo tests_bt_options[] = {
	{ "a guest computes the same", test_same },
	{ "what they change", test_effects },
	CU_TEST_INFO_NULL,
};
