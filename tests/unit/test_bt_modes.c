/* SPDX-License-Identifier: MIT */
/*
 * As test_bt.c for 16-bit code and for segments that are not flat: random sequences, by the
 * step engine and in blocks, up to an instruction that faults or the end.
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

#define SEQUENCES 400
#define LENGTH	  40
#define ROOM	  (LENGTH * INSN_MAX + 16)
#define MOST	  4000 /* blocks that a sequence may take */

/* Linear and physical: there is no paging. Most sequences go on in the next page. */
#define CODE   0x80e00u
#define DATA   0x10000u
#define MEMORY 0x40000u

struct sequence {
	u32 length;
	u8 bytes[ROOM];
	struct cpu_state after;
	struct exception exc;
	enum emulate_result result;
	u64 memory; /* a hash */
};

static struct sequence sequences[SEQUENCES];

/* ---- state ----------------------------------------------------------------------------------- */

/* Data of every class, and some that is hardly usable. */
static struct segment random_segment(struct gen *g, enum cpu_mode mode)
{
	static const u32 limits[] = { 0xffff, 0xffff, 0xffff, 0xffffffff, 0x1ffff, 0x7fff };
	struct segment s = segment_flat(16, ATTR_P | ATTR_S | 3);

	s.base = DATA + gen_below(g, 0x2000) * 16;
	s.limit = limits[gen_below(g, mode == MODE_REAL ? 4 : ARRAY_SIZE(limits))];
	if (mode == MODE_REAL)
		return s;
	if (gen_one_in(g, 2))
		s.attr |= ATTR_DB;
	if (gen_one_in(g, 8))
		s.base += gen_below(g, 16);
	if (gen_one_in(g, 8))
		s.base = 0;
	if (gen_one_in(g, 16))
		s.attr ^= gen_one_in(g, 2) ? 2 : 4; /* read-only; expands down */
	return s;
}

/* The end of a 64 KiB segment is not far, or it is; nothing gets there. */
static struct segment random_code(struct gen *g, enum cpu_mode mode)
{
	struct segment s = segment_flat(8, ATTR_P | ATTR_S | 11);

	s.base = CODE -
		 (gen_one_in(g, 4) ? 0xfc00 + gen_below(g, 8) * 16 : gen_below(g, 0xf00) * 16);
	s.limit = mode == MODE_PROT32 ? 0xffffffff : 0xffff;
	if (mode == MODE_PROT32)
		s.attr |= ATTR_DB | ATTR_G;
	return s;
}

/* The machine as sequence N finds it. */
static void begin(struct vm *vm, enum cpu_mode mode, u64 n)
{
	struct cpu_state s;
	struct error err;
	struct gen g;

	gen_seed(&g, 7, n);
	cpu_state_reset(&s);
	s.cr0 = (mode == MODE_REAL ? 0 : CR0_PE) | CR0_NE | CR0_MP | CR0_ET;
	s.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	s.xcr0 = fpu_host_components() & 0xe7;
	for (unsigned int k = SEG_ES; k <= SEG_GS; k++)
		s.seg[k] = random_segment(&g, mode);
	s.seg[SEG_CS] = random_code(&g, mode);
	for (unsigned int k = 0; k < 8; k++)
		s.gpr[k] = gen_one_in(&g, 2) ? gen_below(&g, 0x10000) : (u32)gen_value(&g);
	s.gpr[RSP] = gen_one_in(&g, 8) ? gen_below(&g, 16) : gen_below(&g, 0x10000) & ~1u;
	if (gen_one_in(&g, 4))
		s.gpr[RSP] |= 0x50000;
	s.rflags = RFLAGS_FIXED | (gen_u64(&g) & (RFLAGS_ARITH & ~RFLAGS_DF));
	s.rip = CODE - s.seg[SEG_CS].base;
	sequence_fill(vm, &g, DATA, MEMORY);
	CU_ASSERT_EQUAL_FATAL(swbt_backend.set_state(vm, &s, &err), 0);
}

/* ---- making sequences ------------------------------------------------------------------------ */

static bool welcome(const struct insn *i)
{
	if (!sequence_may_have(i))
		return false;
	if (i->class == INSN_PLAIN)
		return true;
	switch (i->class == INSN_EMULATE ? i->emulate : EMU_hlt) {
	case EMU_push:
	case EMU_pop:
	case EMU_leave:
	case EMU_pusha:
	case EMU_lahf:
	case EMU_stos:
	case EMU_lods:
	case EMU_movs:
	case EMU_push_seg:
	case EMU_mov_from_seg:
	case EMU_xlat:
	case EMU_cli:
	case EMU_sti:
	case EMU_pushf:
	case EMU_popf:
		return true;
	case EMU_mov_to_seg:
	case EMU_pop_seg: /* elsewhere there are no descriptors */
		return (i->mode == MODE_REAL || i->mode == MODE_VM86) && i->op[0].reg != SEG_SS;
	case EMU_jmp:
	case EMU_call:
	case EMU_jcc:
	case EMU_loop:
	case EMU_jcxz:
		return i->op[0].type == OPERAND_IMM && !i->op[0].imm &&
		       i->opsize == (i->mode == MODE_PROT32 ? 4 : i->opsize);
	default:
		return false;
	}
}

static bool among_code(u64 linear)
{
	return (u32)linear + 64 > CODE - 0x1000 && (u32)linear < CODE + 0x2000;
}

static bool string_at_code(const struct vcpu *v, const struct insn *i, enum seg seg, enum gpr reg)
{
	return among_code(gpr_get(v, reg, i->addrsize, false) + v->s.seg[seg].base);
}

/* Code ahead is not the same while a sequence is made and when it is run: nobody may look. */
static bool looks_at_code(const struct vcpu *v, const struct insn *i)
{
	if (i->class == INSN_EMULATE &&
	    (i->emulate == EMU_movs || i->emulate == EMU_lods || i->emulate == EMU_stos))
		return string_at_code(v, i, i->mem_seg, RSI) || string_at_code(v, i, SEG_ES, RDI);
	if (!i->has_mem || i->mem_address_only)
		return false;
	return among_code(insn_ea(i, v, v->s.rip) + v->s.seg[i->mem_seg].base);
}

static void candidate(struct gen *g, enum cpu_mode mode, u8 *b)
{
	u8 reg = (u8)gen_below(g, 8);
	u32 value = gen_below(g, 0x10000);

	memset(b, 0, INSN_MAX);
	if (gen_one_in(g, 4))
		*b++ = 0x66;
	switch (gen_below(g, 13)) {
	case 0: /* mov r, pointer */
		b[0] = 0xb8 | (reg == RSP ? RBX : reg);
		memcpy(b + 1, &value, 4);
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
	case 5: /* mov, add with memory */
		b[0] = (u8)(gen_one_in(g, 2) ? 0x88 | gen_below(g, 4) : gen_below(g, 4));
		b[1] = (u8)(gen_u64(g) & 0xbf);
		memcpy(b + 2, &value, 2);
		break;
	case 6: /* push, pop, lea with memory; push of a constant; leave */
		b[0] = "\xff\x8f\x8d\x68\x6a\xc9"[gen_below(g, 6)];
		b[1] = (u8)(b[0] == 0xff ? 0x30 | reg : b[0] == 0x8f ? reg : gen_u64(g) & 0x7f);
		memcpy(b + 2, &value, 2);
		break;
	case 7: /* push, pop of segments; mov to and from them; pushf, popf, cli, sti */
		b[0] = (u8) "\x06\x07\x1e\x1f\x8c\x8e\x9c\x9d\xfa\xfb"[gen_below(g, 10)];
		b[1] = (u8)(gen_u64(g) & 0xdf);
		memcpy(b + 2, &value, 2);
		break;
	default:
		gen_bytes(g, mode, b);
		break;
	}
}

/* PUSHA has pushed some registers, #XM has set MXCSR: such a fault cannot be as if it never was. */
static bool left_traces(const struct vcpu *v, const struct insn *i)
{
	return v->exc.vector == XM || (i->class == INSN_EMULATE && i->emulate == EMU_pusha);
}

/* Nothing is loaded that reaches code, or memory that is not looked at afterwards; nor TF. */
static bool astray(const struct vcpu *v)
{
	bool real = v->mode == MODE_REAL || v->mode == MODE_VM86;

	for (unsigned int seg = SEG_ES; real && seg <= SEG_GS; seg++)
		if (seg != SEG_CS && v->s.seg[seg].base - DATA > 0x20000)
			return true;
	return v->s.rflags & RFLAGS_TF;
}

/* Append what does not fault, executing it on the way; now and then one that does is the last. */
static void make(struct vm *vm, enum cpu_mode mode, u64 n)
{
	struct vcpu *v = vm_vcpu(vm);
	struct sequence *q = &sequences[n];
	struct cpu_state before;
	struct gen g;

	gen_seed(&g, 10 + mode, n);
	*q = (struct sequence){ .result = EMU_NEXT };
	for (unsigned int tries = 0; tries < 12 * LENGTH && q->length + INSN_MAX < ROOM; tries++) {
		u8 *host = ram_at(&vm->ram, CODE + q->length, INSN_MAX);
		u8 bytes[INSN_MAX + 1];
		struct insn i;

		candidate(&g, mode, bytes);
		if (decode(&i, bytes, INSN_MAX, v->mode) || !welcome(&i) || looks_at_code(v, &i))
			continue;
		memcpy(host, bytes, INSN_MAX);
		before = v->s;
		q->result = step_execute(v);
		fpu_put(v);
		if (q->result != EMU_FAULT && astray(v)) {
			v->s = before;
			vcpu_derive(v);
			continue;
		}
		if (q->result == EMU_FAULT && !left_traces(v, &i) && !gen_one_in(&g, 16)) {
			q->result = EMU_NEXT;
			continue;
		}
		memcpy(q->bytes + q->length, bytes, i.length);
		q->length += i.length;
		if (q->result == EMU_FAULT)
			break;
		CU_ASSERT_EQUAL_FATAL(bt_linear(v), CODE + q->length);
	}
	if (q->result != EMU_FAULT) {
		q->bytes[q->length] = 0xf4; /* HLT */
		memcpy(ram_at(&vm->ram, CODE, ROOM), q->bytes, ROOM);
		*(u8 *)ram_at(&vm->ram, bt_linear(v), 1) = 0xf4;
		q->result = step_execute(v);
	}
	q->exc = v->exc;
	rig_state(vm, &q->after);
	q->memory = sequence_hash(vm, DATA, MEMORY);
}

static void make_all(enum cpu_mode mode)
{
	struct vm *vm = rig_vm("step", 8 * MiB);

	for (u64 n = 0; n < SEQUENCES; n++) {
		begin(vm, mode, n);
		make(vm, mode, n);
	}
	vm_destroy(vm);
}

/* ---- running them ---------------------------------------------------------------------------- */

static enum emulate_result run(struct vm *vm, const struct sequence *q)
{
	struct vcpu *v = vm_vcpu(vm);
	enum emulate_result r = EMU_JUMPED;

	mem_note_write(v, CODE, ROOM);
	memcpy(ram_at(&vm->ram, CODE, ROOM), q->bytes, ROOM);
	for (unsigned int n = 0; n < MOST && (r == EMU_JUMPED || r == EMU_NEXT); n++)
		r = bt_execute(v);
	fpu_put(v);
	return r;
}

static bool same(struct vm *vm, const struct sequence *q, enum emulate_result r)
{
	struct vcpu *v = vm_vcpu(vm);
	struct cpu_state after;
	const char *what;

	rig_state(vm, &after);
	what = cpu_state_differs(&after, &q->after);
	if (r == q->result && !what && sequence_hash(vm, DATA, MEMORY) == q->memory &&
	    (r != EMU_FAULT || v->exc.vector == q->exc.vector))
		return true;
	printf("\n  mode %u, sequence %u: result %u for %u, %s, rip %llx for %llx", v->mode,
	       (unsigned int)(q - sequences), r, q->result, what ? what : "memory",
	       (unsigned long long)after.rip, (unsigned long long)q->after.rip);
	return false;
}

/* Returns how many instructions were translated. */
static u64 check(enum cpu_mode mode, const struct bt_config *config)
{
	struct vm *vm = rig_vm("bt", 8 * MiB);
	struct vcpu *v = vm_vcpu(vm);
	u64 insns;

	v->bt_config.block_insns = config->block_insns;
	v->bt_config.chain = config->chain;
	v->bt_config.alignment = config->alignment;
	for (u64 n = 0; n < SEQUENCES; n++) {
		enum emulate_result r;

		begin(vm, mode, n);
		r = run(vm, &sequences[n]);
		CU_ASSERT_TRUE(same(vm, &sequences[n], r));
	}
	insns = bt_of(v)->stats.insns;
	vm_destroy(vm);
	return insns;
}

static void all_ways(enum cpu_mode mode)
{
	static const struct bt_config ways[] = {
		{ .block_insns = BT_BLOCK_INSNS, .chain = true },
		{ .block_insns = 1 },
		{ .block_insns = BT_BLOCK_INSNS, .chain = true, .alignment = true },
	};

	make_all(mode);
	for (size_t n = 0; n < ARRAY_SIZE(ways); n++)
		CU_ASSERT_TRUE(check(mode, &ways[n]) > 10 * SEQUENCES);
}

static void test_prot32(void)
{
	all_ways(MODE_PROT32);
}

static void test_prot16(void)
{
	all_ways(MODE_PROT16);
}

static void test_real(void)
{
	all_ways(MODE_REAL);
}

static void test_vm86(void)
{
	all_ways(MODE_VM86);
}

CU_TestInfo tests_bt_modes[] = { { "sequences of 32-bit code in segments", test_prot32 },
				 { "sequences of 16-bit code in segments", test_prot16 },
				 { "sequences of real-mode code", test_real },
				 { "sequences of virtual-8086 code", test_vm86 },
				 CU_TEST_INFO_NULL };
