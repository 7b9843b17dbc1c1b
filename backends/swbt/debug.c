/* SPDX-License-Identifier: MIT */
#include "backends/swbt/debug.h"

#include "backends/swbt/emulate.h"

#define CR4_DE BIT64(3)

/* Values of an R/W field. */
#define ON_EXECUTION BIT(0)
#define ON_WRITE     BIT(1)
#define ON_PORT	     BIT(2)
#define ON_ACCESS    BIT(3)

static u64 hits(const struct vcpu *v, u64 at, u32 size, u32 types)
{
	static const u8 lengths[] = { 1, 2, 8, 4 };
	u64 found = 0;

	for (unsigned int n = 0; n < ARRAY_SIZE(v->s.dr); n++) {
		u32 control = (u32)(v->s.dr7 >> (16 + 4 * n));
		u32 len = lengths[control >> 2 & 3];
		u64 first = v->s.dr[n] & ~(u64)(len - 1);

		if (v->s.dr7 >> 2 * n & 3 && types & BIT(control & 3) &&
		    (at - first < len || first - at < size))
			found |= BIT64(n);
	}
	return found;
}

static u64 linear_of(const struct vcpu *v, enum seg seg, u64 ea)
{
	if (v->mode != MODE_LONG64)
		return (u32)(ea + v->s.seg[seg].base);
	return ea + (seg >= SEG_FS ? v->s.seg[seg].base : 0);
}

u64 debug_at_code(const struct vcpu *v)
{
	return hits(v, linear_of(v, SEG_CS, v->s.rip), 1, ON_EXECUTION);
}

u64 debug_at_data(const struct vcpu *v, u64 linear, u32 size, bool write)
{
	return hits(v, linear, size, write ? ON_ACCESS | ON_WRITE : ON_ACCESS);
}

static u64 at_port(const struct vcpu *v, const struct insn *i, const struct operand *port)
{
	if (!(v->s.cr4 & CR4_DE))
		return 0;
	return hits(v, port && port->type == OPERAND_IMM ? port->imm & 0xff : (u16)v->s.gpr[RDX],
		    i->opsize == 8 ? 4 : i->opsize, ON_PORT);
}

u64 debug_at_stack(const struct vcpu *v, u64 at, u32 size, bool write)
{
	return debug_at_data(v, linear_of(v, SEG_SS, at), size, write);
}

static u64 at_string(const struct vcpu *v, const struct insn *i, enum seg seg, u8 reg, bool write)
{
	if ((i->rep || i->repne) && !gpr_get(v, RCX, i->addrsize, false))
		return 0;
	return debug_at_data(v, linear_of(v, seg, gpr_get(v, reg, i->addrsize, false)), i->opsize,
			     write);
}

static u64 at_operand(const struct vcpu *v, const struct insn *i)
{
	if (!i->has_mem || i->mem_address_only || i->mem_vsib)
		return 0;
	return debug_at_data(v, linear_of(v, i->mem_seg, insn_ea(i, v, v->s.rip)), i->mem_size,
			     i->mem_write);
}

u64 debug_at_routine(const struct vcpu *v, const struct insn *i)
{
	switch (i->emulate) {
	case EMU_in:
		return at_port(v, i, &i->op[1]);
	case EMU_out:
		return at_port(v, i, &i->op[0]);
	case EMU_ins:
		return at_port(v, i, NULL) | at_string(v, i, SEG_ES, RDI, true);
	case EMU_outs:
		return at_port(v, i, NULL) | at_string(v, i, i->mem_seg, RSI, false);
	case EMU_movs:
		return at_string(v, i, i->mem_seg, RSI, false) | at_string(v, i, SEG_ES, RDI, true);
	case EMU_cmps:
		return at_string(v, i, i->mem_seg, RSI, false) |
		       at_string(v, i, SEG_ES, RDI, false);
	case EMU_stos:
		return at_string(v, i, SEG_ES, RDI, true);
	case EMU_scas:
		return at_string(v, i, SEG_ES, RDI, false);
	case EMU_lods:
		return at_string(v, i, i->mem_seg, RSI, false);
	default:
		return at_operand(v, i);
	}
}
