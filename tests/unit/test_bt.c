/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of instructions, one at a time by the step engine and in blocks by the
 * translator: registers, flags, vector state and memory must be the same.
 */
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/step.h"
#include "backends/backends.h"
#include "tests/unit/sequence_rig.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define SEQUENCES 150
#define LENGTH	  70
#define ROOM	  (LENGTH * INSN_MAX + 16)
#define MOST	  4000 /* blocks that a sequence may take */

/* Linear. Pages of data and stack are not neighbours in RAM. */
#define CODE_PAGE 0x400000u
#define CODE	  (CODE_PAGE + 0xe00) /* most sequences go on in the next page */
#define DATA	  0x20000000u
#define PAGES	  24u
/* Guest-physical. */
#define TABLES	 0x1000u
#define CODE_AT	 0x100e00u
#define PAGES_AT 0x200000u

struct sequence {
	u64 number;
	u32 length;
	u8 bytes[ROOM];
	struct cpu_state after;
	u64 memory; /* a hash */
};

static struct sequence sequences[SEQUENCES];

/* ---- state ----------------------------------------------------------------------------------- */

static void put(struct vm *vm, u64 gpa, u64 value, unsigned int bytes)
{
	memcpy(ram_at(&vm->ram, gpa, bytes), &value, bytes);
}

static u64 page_at(u64 n)
{
	return PAGES_AT + n * 7 % PAGES * PAGE_SIZE;
}

static void map(struct vm *vm, bool wide, u64 linear, u64 gpa, u64 flags)
{
	if (wide) {
		put(vm, TABLES + (linear >> 39 & 511) * 8, (TABLES + 0x1000) | 3, 8);
		put(vm, TABLES + 0x1000 + (linear >> 30 & 511) * 8, (TABLES + 0x2000) | 3, 8);
		put(vm, TABLES + 0x2000 + (linear >> 21 & 511) * 8,
		    (TABLES + 0x3000 + (linear >> 28) * 0x1000) | 3, 8);
		put(vm, TABLES + 0x3000 + (linear >> 28) * 0x1000 + (linear >> 12 & 511) * 8,
		    gpa | flags, 8);
	} else {
		u64 table = TABLES + 0x3000 + (linear >> 28) * 0x1000;

		put(vm, TABLES + (linear >> 22 & 1023) * 4, table | 3, 4);
		put(vm, table + (linear >> 12 & 1023) * 4, gpa | flags, 4);
	}
}

static void set_up(struct vm *vm, bool wide)
{
	memset(ram_at(&vm->ram, TABLES, 0x8000), 0, 0x8000);
	map(vm, wide, CODE_PAGE, CODE_AT & ~PAGE_MASK, 1);
	map(vm, wide, CODE_PAGE + PAGE_SIZE, (CODE_AT & ~PAGE_MASK) + PAGE_SIZE, 1);
	for (u64 n = 0; n < PAGES; n++)
		map(vm, wide, DATA + n * PAGE_SIZE, page_at(n), 3);
}

static u64 pointer(struct gen *g)
{
	return DATA + PAGE_SIZE + gen_below(g, (PAGES - 2) * PAGE_SIZE);
}

/* The machine as sequence N finds it. */
static void begin(struct vm *vm, bool wide, u64 n)
{
	struct cpu_state s;
	struct error err;
	struct gen g;

	gen_seed(&g, 7, n);
	cpu_state_reset(&s);
	s.cr0 = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_ET;
	s.cr3 = TABLES;
	s.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE | (wide ? CR4_PAE : 0);
	s.efer = wide ? EFER_LME | EFER_LMA : 0;
	s.xcr0 = fpu_host_components() & 0xe7;
	for (unsigned int k = SEG_ES; k <= SEG_GS; k++)
		s.seg[k] = segment_flat(16, ATTR_P | ATTR_S | ATTR_DB | ATTR_G | 3);
	s.seg[SEG_CS] = segment_flat(8, ATTR_P | ATTR_S | ATTR_G | (wide ? ATTR_L : ATTR_DB) | 11);
	s.seg[SEG_FS].base = DATA + 0x1230;
	s.seg[SEG_GS].base = DATA + 0x3008;
	for (unsigned int k = 0; k < (wide ? NR_GPR : 8u); k++)
		s.gpr[k] = gen_one_in(&g, 2) ? pointer(&g) : (u32)gen_value(&g);
	s.gpr[RSP] = DATA + PAGES / 2 * PAGE_SIZE + gen_below(&g, 64) * 8;
	s.rflags = RFLAGS_FIXED | (gen_u64(&g) & (RFLAGS_ARITH & ~RFLAGS_DF));
	s.rip = CODE;
	sequence_fill(vm, &g, PAGES_AT, PAGES * PAGE_SIZE);
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, &err), 0);
}

/* ---- making sequences ------------------------------------------------------------------------ */

static bool welcome(const struct insn *i)
{
	if (!sequence_may_have(i))
		return false;
	switch (i->class) {
	case INSN_PLAIN:
		return true;
	case INSN_EMULATE:
		return i->emulate == EMU_push || i->emulate == EMU_pop || i->emulate == EMU_leave ||
		       i->emulate == EMU_lahf || i->emulate == EMU_sahf || i->emulate == EMU_stos;
	default:
		return false;
	}
}

/* Code ahead is not the same while a sequence is made and when it is run: nobody may look. */
static bool looks_at_code(const struct vcpu *v, const struct insn *i)
{
	u64 ea = insn_ea(i, v, v->s.rip);

	if (!i->has_mem || i->mem_address_only)
		return false;
	if (i->mem_seg >= SEG_FS || v->mode != MODE_LONG64)
		ea += v->s.seg[i->mem_seg].base;
	if (v->mode != MODE_LONG64)
		ea = (u32)ea;
	return ea + 64 > CODE_PAGE && ea < CODE_PAGE + 2 * PAGE_SIZE;
}

static void candidate(struct gen *g, bool wide, u64 rip, u8 *b)
{
	u64 value = pointer(g);
	u8 reg = (u8)gen_below(g, 8);
	s32 disp;

	memset(b, 0, INSN_MAX);
	switch (gen_below(g, 13)) {
	case 0: /* mov r, pointer */
		if (reg == RSP)
			value = DATA + PAGES / 2 * PAGE_SIZE;
		b[0] = (u8)(0x48 | (reg != RSP && gen_one_in(g, 2)));
		b[wide] = 0xb8 | reg;
		memcpy(b + 1 + wide, &value, wide ? 8 : 4);
		break;
	case 1: /* push */
		b[0] = 0x50 | reg;
		break;
	case 2: /* pop */
		b[0] = 0x58 | (reg == RSP ? RAX : reg);
		break;
	case 3: /* jcc, loop, jcxz to the next instruction */
		b[0] = (u8)(gen_one_in(g, 3) ? 0xe0 | gen_below(g, 4) : 0x70 | gen_below(g, 16));
		break;
	case 4: /* call and jmp the same */
		b[0] = gen_one_in(g, 2) ? 0xe8 : 0xe9;
		break;
	case 5: /* add r, [rip + disp] or the reverse; in 32-bit code [disp] */
		b[0] = 0x48;
		b[wide] = gen_one_in(g, 2) ? 0x01 : 0x03;
		b[wide + 1] = (u8)(reg << 3 | 5);
		disp = (s32)(wide ? value - (rip + 7) : value);
		memcpy(b + wide + 2, &disp, 4);
		break;
	default:
		gen_bytes(g, wide ? MODE_LONG64 : MODE_PROT32, b);
		break;
	}
}

/* A branch whose displacement is zero. */
static bool branch_to_next(const struct insn *i, bool wide)
{
	switch (i->emulate) {
	case EMU_jmp:
	case EMU_call:
	case EMU_jcc:
	case EMU_loop:
	case EMU_jcxz:
		return i->class == INSN_EMULATE && i->op[0].type == OPERAND_IMM && !i->op[0].imm &&
		       i->opsize == (wide ? 8 : 4);
	default:
		return false;
	}
}

/* Append what does not fault, executing it on the way. */
static void make(struct vm *vm, bool wide, u64 n)
{
	struct vcpu *v = vm_vcpu(vm);
	struct sequence *q = &sequences[n];
	struct gen g;

	gen_seed(&g, wide ? 1 : 2, n);
	*q = (struct sequence){ .number = n };
	for (unsigned int tries = 0; tries < 12 * LENGTH && q->length + INSN_MAX < ROOM; tries++) {
		u8 *host = ram_at(&vm->ram, CODE_AT + q->length, INSN_MAX);
		enum emulate_result r;
		struct insn i;
		u8 bytes[INSN_MAX];

		candidate(&g, wide, v->s.rip, bytes);
		if (decode(&i, bytes, INSN_MAX, v->mode))
			continue;
		if ((!welcome(&i) && !branch_to_next(&i, wide)) || looks_at_code(v, &i))
			continue;
		memcpy(host, bytes, INSN_MAX);
		r = step_execute(v);
		fpu_put(v);
		if (r == EMU_FAULT)
			continue;
		CU_ASSERT_EQUAL_FATAL(v->s.rip, CODE + q->length + i.length);
		memcpy(q->bytes + q->length, bytes, i.length);
		q->length += i.length;
	}
	q->bytes[q->length] = 0xf4; /* HLT */
	*(u8 *)ram_at(&vm->ram, CODE_AT + q->length, 1) = 0xf4;
	CU_ASSERT_EQUAL(step_execute(v), EMU_HALT);
	rig_state(vm, &q->after);
	q->memory = sequence_hash(vm, PAGES_AT, PAGES * PAGE_SIZE);
}

static void make_all(bool wide)
{
	struct vm *vm = rig_vm("step", 8 * MiB);

	set_up(vm, wide);
	for (u64 n = 0; n < SEQUENCES; n++) {
		begin(vm, wide, n);
		make(vm, wide, n);
	}
	vm_destroy(vm);
}

/* ---- running them ---------------------------------------------------------------------------- */

static bool run(struct vm *vm, const struct sequence *q)
{
	struct vcpu *v = vm_vcpu(vm);
	enum emulate_result r = EMU_JUMPED;

	mem_note_write(v, CODE_AT, ROOM);
	memcpy(ram_at(&vm->ram, CODE_AT, ROOM), q->bytes, ROOM);
	for (unsigned int n = 0; n < MOST && r == EMU_JUMPED; n++)
		r = bt_execute(v);
	fpu_put(v);
	return r == EMU_HALT;
}

static void check(bool wide, const struct bt_config *config)
{
	struct vm *vm = rig_vm("bt", 8 * MiB);
	struct vcpu *v = vm_vcpu(vm);
	struct cpu_state after;

	v->bt_config.block_insns = config->block_insns;
	v->bt_config.chain = config->chain;
	v->bt_config.alignment = config->alignment;
	v->bt_config.flush_always = config->flush_always;
	if (config->cache_size)
		bt_of(v)->cache.limit = config->cache_size;
	set_up(vm, wide);
	for (u64 n = 0; n < SEQUENCES; n++) {
		const struct sequence *q = &sequences[n];
		const char *what;
		bool ended;

		begin(vm, wide, n);
		ended = run(vm, q);
		CU_ASSERT_TRUE(ended);
		rig_state(vm, &after);
		what = cpu_state_differs(&after, &q->after);
		CU_ASSERT_PTR_NULL(what);
		CU_ASSERT_EQUAL(sequence_hash(vm, PAGES_AT, PAGES * PAGE_SIZE), q->memory);
		if (what || !ended)
			printf("\n  sequence %u: %s, rip %llx", (unsigned int)n, what,
			       (unsigned long long)after.rip);
	}
	vm_destroy(vm);
}

static void all_ways(bool wide)
{
	static const struct bt_config ways[] = {
		{ .block_insns = BT_BLOCK_INSNS, .chain = true },
		{ .block_insns = 1 },
		{ .block_insns = 1, .chain = true },
		{ .block_insns = BT_BLOCK_INSNS, .chain = true, .alignment = true },
		{ .block_insns = 3, .flush_always = true },
		{ .block_insns = BT_BLOCK_INSNS, .chain = true, .cache_size = BT_CACHE_MIN },
	};

	make_all(wide);
	for (size_t n = 0; n < ARRAY_SIZE(ways); n++)
		check(wide, &ways[n]);
}

static void test_long64(void)
{
	all_ways(true);
}

static void test_prot32(void)
{
	all_ways(false);
}

CU_TestInfo tests_bt[] = { { "sequences of 64-bit code", test_long64 },
			   { "sequences of 32-bit code", test_prot32 },
			   CU_TEST_INFO_NULL };
