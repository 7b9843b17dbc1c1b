/* SPDX-License-Identifier: MIT */
/* What the translator says of its own work, checked with a guest that is known by heart. */
#include "backends/backends.h"
#include "backends/swbt/bt/bt.h"
#include "common/boot/boot.h"
#include "common/csv.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* MORE: what else is to be in its configuration, or NULL. */
static struct vm *machine_with(const char *engine, const struct backend_values *options,
			       const struct vm_config *more)
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
	if (more) {
		config.count_blocks = more->count_blocks;
		config.account = more->account;
	}
	if (vm_create(&vm, &config, &err) ||
	    boot_load_image(&vm->ram, &image, &params, &entry, &err) ||
	    swbt_backend.set_state(vm, &entry, &err))
		CU_FAIL_FATAL("no machine");
	return vm;
}

static struct vm *machine(const char *engine, const struct backend_values *options)
{
	return machine_with(engine, options, NULL);
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

/* An entry of the page table alone counts as one with a walk does: once. */
static void test_fills(void)
{
	static const u8 load[] = {
		0xa1, 0x00, 0x00, 0x30, 0x00, 0xeb, 0xf9
	}; /* mov eax, [300000h] */
	struct vm *vm = machine("bt", NULL);
	struct vcpu *v = vm_vcpu(vm);
	u64 *fills = &vm->traps.c[TRAP_TLB_FILL].count, before;

	v->bt_config.chain = false;
	v->bt_config.block_insns = 1;
	memcpy(ram_at(&vm->ram, CODE, sizeof(load)), load, sizeof(load));
	bt_execute(v);
	bt_execute(v);
	before = *fills;
	bt_execute(v);
	CU_ASSERT_EQUAL(*fills, before);
	bt_execute(v);
	pagetable_flush(&bt_of(v)->pages, true);
	bt_execute(v);
	CU_ASSERT_EQUAL(*fills, before + 1);
	CU_ASSERT_EQUAL(v->s.rip, CODE + 5);
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

/* ---- files ----------------------------------------------------------------------------------- */

static const struct csv_key key = { .run_id = "r", .backend = "swbt", .engine = "bt" };

/* A machine that has run with option NAME=PATH, and whose records are closed. */
static struct vm *record(const char *name, const char *path)
{
	struct backend_values options = { 0 };
	struct error err = { "" };
	struct vm *vm;

	CU_ASSERT_EQUAL(backendopt_set(&options, &swbt_backend, "bt", name, path, &err), 0);
	vm = machine("bt", &options);
	CU_ASSERT_EQUAL_FATAL(swbt_backend.open_records(vm, &err), 0);
	run(vm);
	CU_ASSERT_EQUAL(swbt_backend.close_records(vm, &key, &err), 0);
	return vm;
}

/* The same in a file PATH: what is in it then, to be freed. */
static char *record_text(const char *name, const char *path)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	vm_destroy(record(name, path));
	f = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_TRUE(getdelim(&text, &len, EOF, f) > 0);
	fclose(f);
	return text;
}

#define FOLDER "/tmp/fvb-records-XXXXXX"

/* The value of METRIC in row RANK ("": it has none) of a statistics file, or -1. */
static double value(const char *text, const char *metric, const char *rank)
{
	char row[100], *end = NULL;
	const char *p;

	snprintf(row, sizeof(row), ",%s,", metric);
	for (p = strstr(text, row); p; p = strstr(p + 1, row)) {
		p = strchr(p + strlen(row), ',') + 1; /* the unit */
		if (strncmp(p, rank, strlen(rank)) || p[strlen(rank)] != ',')
			continue;
		return strtod(strrchr(strndupa(p, strcspn(p, "\n")), ',') + 1, &end);
	}
	return -1;
}

static void test_stats(void)
{
	char dir[] = FOLDER, path[64], *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/stats.csv", dir);
	text = record_text("bt-stats", path);
	CU_ASSERT_EQUAL(strncmp(text, "run_id,", 7), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\nr,swbt,bt,,,,,,,blocks,blocks,,,,"));
	/* The loop: 1000 calls, and all but the first few come there by themselves. */
	CU_ASSERT_TRUE(value(text, "executions", "") >= 3 * CALLS);
	CU_ASSERT_TRUE(value(text, "indirect_hits", "") >= 2 * CALLS - 10);
	CU_ASSERT_TRUE(value(text, "indirect_hits", "") <= 2 * CALLS + 10);
	CU_ASSERT_TRUE(value(text, "chain_hits", "") >= CALLS - 10);
	CU_ASSERT_TRUE(value(text, "chain_hits", "") <= CALLS + 10);
	CU_ASSERT_TRUE(value(text, "dispatched", "") <= 20);
	CU_ASSERT_TRUE(value(text, "host_bytes_per_guest_byte", "") > 1);
	CU_ASSERT_TRUE(value(text, "decode_cycles_per_instruction", "") > 0);
	CU_ASSERT_TRUE(value(text, "emit_cycles_per_instruction", "") > 0);
	/* The function, after the write to it. */
	CU_ASSERT_EQUAL(value(text, "invalidations", ""), 1);
	CU_ASSERT_EQUAL(value(text, "retranslations", ""), 1);
	CU_ASSERT_TRUE(value(text, "hot.executions", "1") >= CALLS - 2);
	CU_ASSERT_TRUE(value(text, "hot.executions", "3") >= CALLS - 2);
	CU_ASSERT_TRUE(value(text, "hot.executions", "1") <= CALLS + 2);
	CU_ASSERT_EQUAL(value(text, "hot.instructions", "1") +
				value(text, "hot.instructions", "2") +
				value(text, "hot.instructions", "3"),
			4 + 2 + 1);
	CU_ASSERT_EQUAL(value(text, "hot.executions", "21"), -1);
	/* Each instruction becomes one at least, and what may miss more. */
	CU_ASSERT_TRUE(value(text, "hot.straight_instructions", "1") >
		       value(text, "hot.instructions", "1"));
	CU_ASSERT_TRUE(value(text, "hot.host_instructions", "1") >
		       value(text, "hot.straight_instructions", "1"));
	CU_ASSERT_TRUE(value(text, "hot.host_bytes", "1") >
		       value(text, "hot.host_instructions", "1"));
	CU_ASSERT_TRUE(value(text, "hot.translation_cycles", "1") > 0);
	CU_ASSERT_TRUE(value(text, "executed_host_instructions_per_instruction", "") > 1);
	free(text);
	unlink(path);
	rmdir(dir);
}

struct found {
	const char *name;
	u64 value;
};

static void find_one(void *arg, const char *name, u64 value)
{
	struct found *f = arg;

	if (!strcmp(name, f->name))
		f->value = value;
}

static u64 counter(struct vm *vm, const char *name)
{
	struct found f = { name, 0 };

	swbt_backend.counters(vm, find_one, &f);
	return f.value;
}

/* Without any file: blocks count for a benchmark, and those that are there are counted. */
static void test_expansion(void)
{
	struct vm_config more = { .count_blocks = true, .account = true };
	struct vm *vm = machine_with("bt", NULL, &more);
	u64 insns;

	run(vm);
	/* Blocks of 1, 2 and 4 instructions a round, taken as if each ran to its end. */
	insns = counter(vm, "swbt.bt.executed.guest_instructions");
	CU_ASSERT_TRUE(insns >= 7 * CALLS - 10 && insns <= 7 * CALLS + 50);
	CU_ASSERT_TRUE(counter(vm, "swbt.bt.executed.host_instructions") > insns);
	insns = counter(vm, "swbt.bt.live.guest_instructions");
	CU_ASSERT_TRUE(insns >= 10 && insns <= counter(vm, "swbt.bt.instructions"));
	CU_ASSERT_TRUE(counter(vm, "swbt.bt.live.straight_instructions") > insns);
	CU_ASSERT_TRUE(counter(vm, "swbt.bt.live.host_instructions") >
		       counter(vm, "swbt.bt.live.straight_instructions"));
	CU_ASSERT_TRUE(counter(vm, "swbt.bt.live.host_bytes") <= counter(vm, "swbt.bt.host_bytes"));
	vm_destroy(vm);
	vm = machine("bt", NULL);
	run(vm);
	CU_ASSERT_EQUAL(counter(vm, "swbt.bt.executed.guest_instructions"), 0);
	CU_ASSERT_EQUAL(counter(vm, "swbt.bt.live.guest_instructions"), 0);
	vm_destroy(vm);
}

static void test_dump(void)
{
	char dir[] = FOLDER, path[64], *text;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dump", dir);
	text = record_text("bt-dump", path);
	CU_ASSERT_EQUAL(strncmp(text, "block 1: rip 0x100000, gpa 0x100000, 32-bit, ", 45), 0);
	/* Guest and host side by side: ECX is in R14. */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n0x100005  mov ecx, 0x3e8 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "mov r14d, 0x3e8\n"));
	/* The function, as it was and as it is. */
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n0x100040  mov edx, 0x01 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\n0x100040  mov edx, 0x02 "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ": jump to 0x10000f, can be linked\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, ": unknown target of 0x10000f\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "; leave\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "; entry for writing\n"));
	free(text);
	unlink(path);
	rmdir(dir);
}

/* tools/perf/Documentation/jitdump-specification.txt */
struct jit_load {
	u32 pid, tid;
	u64 vma, address, length, number;
};

/* The rest of a JIT_CODE_LOAD record of SIZE bytes. Is it about a block that there is? */
static bool check_load(struct vm *vm, FILE *f, u32 size, u32 number)
{
	char name[64], host[4096];
	struct jit_load l;
	struct block *b;

	CU_ASSERT_EQUAL(fread(&l, sizeof(l), 1, f), 1);
	CU_ASSERT_EQUAL(l.vma, l.address);
	CU_ASSERT_EQUAL(l.number, number);
	CU_ASSERT_TRUE_FATAL(l.length < sizeof(host) && size - 56 - l.length < sizeof(name));
	CU_ASSERT_EQUAL(fread(name, size - 56 - l.length, 1, f), 1);
	CU_ASSERT_EQUAL(fread(host, l.length, 1, f), 1);
	b = block_at(bt_of(vm_vcpu(vm)), (const u8 *)(uintptr_t)l.address);
	if (!b)
		return false;
	CU_ASSERT_EQUAL((uintptr_t)b->host, l.address);
	CU_ASSERT_EQUAL(b->host_length, l.length);
	CU_ASSERT_EQUAL(strtoul(name, NULL, 16), b->rip);
	CU_ASSERT_PTR_NOT_NULL(strstr(name, "/32"));
	return true;
}

static void test_jitdump(void)
{
	char dir[] = FOLDER, path[64];
	u32 word[10], head[2] = { ~0u }, seen = 0, there = 0;
	struct vm *vm;
	u64 time = 0;
	FILE *f;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/jit-%d.dump", dir, getpid());
	vm = record("bt-jitdump", dir);
	f = fopen(path, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	CU_ASSERT_EQUAL(fread(word, sizeof(word), 1, f), 1);
	CU_ASSERT_EQUAL(word[0], 0x4a695444);
	CU_ASSERT_EQUAL(word[1], 1);
	CU_ASSERT_EQUAL(word[2], 40);
	CU_ASSERT_EQUAL(word[3], 62); /* EM_X86_64 */
	CU_ASSERT_EQUAL(word[5], (u32)getpid());
	while (fread(head, sizeof(head), 1, f) == 1) {
		u64 then = time;

		CU_ASSERT_EQUAL(fread(&time, 8, 1, f), 1);
		CU_ASSERT_TRUE(time >= then);
		if (!head[0])
			there += check_load(vm, f, head[1], seen++);
	}
	fclose(f);
	CU_ASSERT_EQUAL(head[0], 3); /* JIT_CODE_CLOSE */
	CU_ASSERT_EQUAL(seen, bt_of(vm_vcpu(vm))->stats.blocks);
	CU_ASSERT_EQUAL(there, seen);
	vm_destroy(vm);
	unlink(path);
	rmdir(dir);
}

static void test_unwritable(void)
{
	static const char *const names[] = { "bt-stats", "bt-dump", "bt-jitdump" };
	struct error err;

	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		struct backend_values options = { 0 };
		struct vm *vm;

		CU_ASSERT_EQUAL(backendopt_set(&options, &swbt_backend, "bt", names[n],
					       "/nonexistent/x", &err),
				0);
		vm = machine("bt", &options);
		CU_ASSERT_EQUAL(swbt_backend.open_records(vm, &err), -ENOENT);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot write /nonexistent/x"));
		vm_destroy(vm);
	}
}

CU_TestInfo tests_bt_records[] = {
	{ "traps of translation", test_traps },
	{ "fills of the page table are traps", test_fills },
	{ "none without translation", test_step },
	{ "--bt-stats: executions, hits, the hottest blocks", test_stats },
	{ "host code for guest code, counted", test_expansion },
	{ "--bt-dump: guest and host code", test_dump },
	{ "--bt-jitdump: records as perf reads them", test_jitdump },
	{ "files that cannot be written", test_unwritable },
	CU_TEST_INFO_NULL,
};
