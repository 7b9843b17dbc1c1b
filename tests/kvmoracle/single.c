/* SPDX-License-Identifier: MIT */
/* Part 1: one random instruction in every mode. */
#include "backends/swbt/emulate.h"
#include "tests/kvmoracle/setup.h"

#include <string.h>

#define CODE_AT (W_CODE + 0x800)

/* Time and chance differ by themselves. */
static bool deterministic(const struct insn *i)
{
	/* And of XSETBV, the rig's KVM learns nothing. */
	static const char *const no[] = {
		"rdrand", "rdseed", "rdtsc", "rdtscp", "rdpmc", "xsetbv"
	};
	const char *name = insn_mnemonic(i);

	for (size_t n = 0; n < ARRAY_SIZE(no); n++)
		if (!strcmp(name, no[n]))
			return false;
	return true;
}

/* Where Intel and AMD differ: 66h before a near branch in 64-bit code, F2h and F3h before LOOPcc.
 */
static bool vendors_differ(const struct insn *i)
{
	bool prefix = false;

	for (unsigned int n = 0; n < i->opcode_at; n++)
		prefix |= i->raw[n] == 0x66 || i->raw[n] == 0xf2 || i->raw[n] == 0xf3;
	if (!prefix || i->class != INSN_EMULATE)
		return false;
	return i->emulate == EMU_loop ||
	       (i->mode == MODE_LONG64 &&
		(i->emulate == EMU_jmp || i->emulate == EMU_jcc || i->emulate == EMU_call ||
		 i->emulate == EMU_ret || i->emulate == EMU_jcxz));
}

/* It would never end. */
static bool jumps_to_itself(const struct insn *i)
{
	return i->class == INSN_EMULATE && i->op[0].type == OPERAND_IMM &&
	       i->length + i->op[0].imm < INSN_MAX;
}

/* Among the data are instructions that no manual and every emulator has. */
static bool jumps_into_data(const struct ko_case *c)
{
	const struct insn *i = &c->insn;
	u64 to = c->before.rip + i->length + i->op[0].imm;

	if (i->class != INSN_EMULATE || i->op[0].type != OPERAND_IMM)
		return false;
	if (i->mode != MODE_LONG64)
		to = (i->opsize == 2 ? to & 0xffff : (u32)to) + c->before.seg[SEG_CS].base;
	return to - W_DATA < DATA_SIZE;
}

static u64 data_address(struct gen *g)
{
	switch (gen_below(g, 8)) {
	case 0: /* across two pages, into the next that is not there, or around the limits */
		return W_DATA + gen_below(g, 6) * 0x1000 - gen_below(g, 33);
	case 1:
		return gen_value(g);
	default:
		return W_DATA + gen_below(g, DATA_SIZE) / 8 * 8 +
		       (gen_one_in(g, 3) ? gen_below(g, 8) : 0);
	}
}

static void random_registers(const struct setup *s, struct ko_case *c, struct gen *g)
{
	struct cpu_state *st = &c->before;
	u64 sp = (gen_one_in(g, 4) ? W_DATA + 0x1000 : W_USTACK + 0xf00) - gen_below(g, 64) * 4;

	for (unsigned int n = 0; n < NR_GPR; n++) {
		st->gpr[n] =
			gen_one_in(g, 3) ? data_address(g) - st->seg[SEG_DS].base : gen_value(g);
		if (!setup_long(s))
			st->gpr[n] = n < 8 ? (u32)st->gpr[n] : 0;
	}
	st->gpr[RSP] = (u32)(sp - st->seg[SEG_SS].base);
	if (gen_one_in(g, 16))
		st->gpr[RSP] = (u32)gen_value(g);
	/* Frames of long mode do without SS's base: not where the tables are, which are not mapped.
	 */
	if (setup_long(s) && st->gpr[RSP] - W_PML4 < W_KSTACK + 0x100 - W_PML4)
		st->gpr[RSP] += W_KSTACK - W_PML4;
	st->rflags = RFLAGS_FIXED | (gen_u64(g) & (RFLAGS_ARITH | RFLAGS_IF | RFLAGS_IOPL));
	if (gen_one_in(g, 2))
		st->rflags |= RFLAGS_IOPL;
	if (gen_one_in(g, 16))
		st->rflags |= RFLAGS_TF;
	if (gen_one_in(g, 16))
		st->rflags |= RFLAGS_NT;
	if (gen_one_in(g, 8))
		st->rflags |= gen_u64(g) & (RFLAGS_AC | RFLAGS_ID | RFLAGS_RF);
	if (s->mode == MODE_VM86)
		st->rflags |=
			RFLAGS_VM | (gen_one_in(g, 8) ? gen_u64(g) & (RFLAGS_VIF | RFLAGS_VIP) : 0);
}

/* Let the memory operand of I be at ADDRESS, by its base register or its displacement. */
static void aim(struct ko_case *c, struct gen *g)
{
	struct insn *i = &c->insn;
	static struct vcpu v; /* for its registers */
	u64 want = data_address(g), ea, delta;

	if (i->mem_aligned && !gen_one_in(g, 8))
		want &= ~63ull;
	want -= c->before.seg[i->mem_seg].base;

	memcpy(v.s.gpr, c->before.gpr, sizeof(v.s.gpr));
	ea = insn_ea(i, &v, c->before.rip);
	delta = want - ea;
	if (i->mem_base < NR_GPR && i->mem_base != RSP) {
		u64 *r = &c->before.gpr[i->mem_base];

		*r = i->addrsize == 8 ? *r + delta : (u32)(*r + delta);
	} else if (i->disp_len >= 2) {
		s64 disp = i->mem_disp + (s64)delta;

		memcpy(c->bytes + i->disp_at, &disp, i->disp_len);
	}
}

/* I/O goes to ports where nobody listens, or to one that does. */
static void aim_port(struct ko_case *c, struct gen *g)
{
	const struct insn *i = &c->insn;

	c->before.gpr[RDX] = (c->before.gpr[RDX] & ~0xffffull) | (0x3000 + gen_below(g, 32));
	if (i->imm_len == 1)
		c->bytes[i->imm_at] = (u8)(0xc0 + gen_below(g, 16));
}

/* MSRs that are time, or the interrupt controller's. */
static void aim_msr(struct ko_case *c, struct gen *g)
{
	static const u32 good[] = { 0x174,	0x175,	    0x176,	0x277,	    0xc0000080,
				    0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
				    0xc0000101, 0xc0000102, 0xc0000103 };

	c->before.gpr[RCX] = good[gen_below(g, ARRAY_SIZE(good))];
	if (c->before.gpr[RCX] != 0xc0000080 && !gen_one_in(g, 4))
		c->before.gpr[RDX] = gen_one_in(g, 2) ? 0 : (u32)gen_value(g);
}

static bool is_io(const struct insn *i)
{
	return i->class == INSN_EMULATE && (i->emulate == EMU_in || i->emulate == EMU_out ||
					    i->emulate == EMU_ins || i->emulate == EMU_outs);
}

static bool try_single(const struct setup *s, struct ko_case *c, struct gen *g)
{
	struct insn *i = &c->insn;

	gen_bytes(g, s->mode, c->bytes);
	if (decode(i, c->bytes, INSN_MAX, s->mode)) {
		if (!gen_one_in(g, 64))
			return false;
		memset(i, 0, sizeof(*i));
		i->length = 4; /* for show */
		return true;
	}
	if (!deterministic(i) || vendors_differ(i) || jumps_to_itself(i) || jumps_into_data(c) ||
	    (i->class == INSN_UNDEFINED && !gen_one_in(g, 32)))
		return false;
	random_registers(s, c, g);
	if (i->has_mem && !i->mem_vsib)
		aim(c, g);
	if (i->rep || i->repne)
		c->before.gpr[RCX] = (c->before.gpr[RCX] & ~0xffffffffull) | gen_below(g, 40);
	if (is_io(i))
		aim_port(c, g);
	if (i->class == INSN_EMULATE && (i->emulate == EMU_rdmsr || i->emulate == EMU_wrmsr))
		aim_msr(c, g);
	return true;
}

void single_make(struct ko_case *c, struct gen *g)
{
	const struct setup *s = &setups[gen_below(g, nr_setups)];
	u32 at = gen_one_in(g, 16) ? W_CODE + 0x1000 - gen_below(g, 15) : CODE_AT;

	setup_make(s, c, g);
	c->before.rip = at - c->before.seg[SEG_CS].base;
	random_registers(s, c, g);
	while (!try_single(s, c, g))
		;
	state_avx(&c->before, g);
	state_fpu(&c->before, g);
	state_msrs(&c->before, g);
	memcpy(c->world.bytes + at, c->bytes, c->insn.length);
}
