/* SPDX-License-Identifier: MIT */
/*
 * Short rows of random instructions, so that what the translator does over several of them is
 * tested: look-ups done once, flags that are dead, exits, links. A register that addresses memory
 * is set before the first instruction; once an instruction has used or written it, further ones get
 * their address by displacement, or the address that there happens to be.
 */
#include "backends/swbt/emulate.h"
#include "tests/oracle/case.h"

#include <string.h>

/*
 * An EVEX instruction with RSP as a general register and EVEX.X set, which says nothing there: on a
 * Zen 5 it reads RSP as it was before the pushes just ahead of it (62 21 ff 48 2a ec behind PUSH).
 */
static bool stale_rsp(const struct insn *i)
{
	if (i->encoding != ENC_EVEX || i->raw[i->opcode_at - 3] & 0x40)
		return false;
	for (unsigned int n = 0; n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].reg == RSP)
			return true;
	return false;
}

/* Flags and registers that the manuals leave undefined must not become others' input by way of
 * routines that leave other values than the host does. */
static bool wanted(const struct insn *i)
{
	static const char *const no[] = { "rdrand", "rdseed", "fnstenv", "fnsave",
					  "fldenv", "frstor", "rdpid" };

	for (size_t n = 0; n < ARRAY_SIZE(no); n++)
		if (!strcmp(insn_mnemonic(i), no[n]))
			return false;
	/* An address that no one has chosen may be one of this process's own relative to FS. */
	if (i->rep || i->repne || i->mem_vsib || stale_rsp(i) || i->mem_seg == SEG_FS)
		return false;
	switch (i->class == INSN_EMULATE ? i->emulate : NR_EMULATE) {
	case EMU_push:
	case EMU_pop:
	case EMU_leave:
	case EMU_lahf:
	case EMU_sahf:
	case EMU_lods:
	case EMU_stos:
	case EMU_movs:
	case EMU_cmps:
	case EMU_scas:
		return true;
	case NR_EMULATE:
		return i->class == INSN_PLAIN;
	default:
		return false;
	}
}

/* Conditional and other branches to the next instruction, pushes and pops: likelier than chance. */
static void candidate(struct gen *g, u8 *b)
{
	memset(b, 0, INSN_MAX);
	switch (gen_below(g, 10)) {
	case 0:
		b[0] = (u8)(0x70 | gen_below(g, 16));
		break;
	case 1:
		b[0] = gen_one_in(g, 2) ? 0xe8 : 0xe9;
		break;
	case 2:
		b[0] = (u8)(0x50 | gen_below(g, 16));
		break;
	default:
		gen_bytes(g, MODE_LONG64, b);
		break;
	}
}

static bool is_branch(const struct insn *i)
{
	if (i->class != INSN_EMULATE || i->op[0].type != OPERAND_IMM || i->op[0].imm ||
	    i->opsize != 8)
		return false;
	return i->emulate == EMU_jcc || i->emulate == EMU_jmp || i->emulate == EMU_call;
}

static u64 good_address(struct gen *g, const struct insn *i)
{
	return case_address(g, i->mem_size, i->mem_aligned || gen_one_in(g, 2), !gen_one_in(g, 24));
}

/* By displacement; what cannot be reached is left as it is. */
static void aim_displacement(struct test_case *c, const struct insn *i, u8 *bytes, u64 want, u64 at)
{
	u64 disp = want;

	if (i->mem_base == REG_PC)
		disp -= at + i->length;
	else if (i->mem_base != REG_NONE)
		disp -= c->before.gpr[i->mem_base];
	if (i->mem_index != REG_NONE)
		disp -= c->before.gpr[i->mem_index] * i->mem_scale;
	if (i->disp_len == 8 || (i->disp_len == 4 && (u64)(s64)(s32)disp == disp))
		memcpy(bytes + i->disp_at, &disp, i->disp_len);
}

/* FIXED: registers whose first values are somebody's address, or which are no longer what they
 * were. */
static void aim(struct test_case *c, struct gen *g, struct insn *i, u8 *bytes, u32 *fixed, u64 at)
{
	u64 want = good_address(g, i);
	bool base = i->mem_base < NR_GPR, index = i->mem_index < NR_GPR;

	if (index && !(*fixed & BIT(i->mem_index))) {
		c->before.gpr[i->mem_index] = gen_below(g, 256);
		*fixed |= BIT(i->mem_index);
	}
	if (!base || *fixed & BIT(i->mem_base)) {
		aim_displacement(c, i, bytes, want, at);
		return;
	}
	c->before.gpr[i->mem_base] = want - (u64)i->mem_disp;
	if (index && i->mem_index != i->mem_base)
		c->before.gpr[i->mem_base] -= c->before.gpr[i->mem_index] * i->mem_scale;
	*fixed |= BIT(i->mem_base);
}

/* A store into the code, or a load of it, does not do the same natively. */
static bool add(struct test_case *c, struct gen *g, u32 *fixed)
{
	u8 *bytes = c->bytes + c->length;
	u64 at = c->before.rip + c->length;
	struct insn i;

	candidate(g, bytes);
	if (decode(&i, bytes, INSN_MAX, MODE_LONG64) || (!wanted(&i) && !is_branch(&i)))
		return false;
	if (i.gpr_written & BIT(RSP) && i.class == INSN_PLAIN)
		return false;
	if (i.has_mem && !i.mem_address_only && (i.mem_seg == SEG_FS || i.addrsize != 8))
		return false;
	if (i.has_mem && !i.mem_address_only)
		aim(c, g, &i, bytes, fixed, at);
	if (decode(&i, bytes, INSN_MAX, MODE_LONG64))
		return false;
	*fixed |= i.gpr_written;
	c->insns[c->nr++] = i;
	c->length += i.length;
	return true;
}

void sequence_make(struct test_case *c, const struct world *w, struct gen *g)
{
	unsigned int n = 2 + gen_below(g, MAX_INSNS - 1);
	u32 fixed = BIT(RSP) | BIT(RSI) | BIT(RDI);

	case_registers(g, w, &c->before);
	c->before.gpr[RSP] = DATA + 0x800 + gen_below(g, 64) * 8;
	c->before.gpr[RSI] = DATA + 0x400 + gen_below(g, 64);
	c->before.gpr[RDI] = DATA + 0x1400 + gen_below(g, 64);
	while (c->nr < n)
		add(c, g, &fixed);
	c->insn = c->insns[0];
}
