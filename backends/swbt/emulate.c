/* SPDX-License-Identifier: MIT */
/* What the routines share: registers, operands, stack, flags. */
#include "backends/swbt/emulate.h"

#include "backends/swbt/debug.h"
#include "backends/swbt/mem.h"

const struct emulate_routine emulate_routines[NR_EMULATE] = {
#define EMU(name, cause) [EMU_##name] = { #name, emu_##name, TRAP_##cause },
#include "backends/swbt/emulate.def"
#undef EMU
};

static inline u64 mask_of(u8 size)
{
	return size >= 8 ? ~0ull : BIT64(size * 8) - 1;
}

u64 gpr_get(const struct vcpu *v, u8 reg, u8 size, bool high)
{
	return (high ? v->s.gpr[reg] >> 8 : v->s.gpr[reg]) & mask_of(size);
}

void gpr_set(struct vcpu *v, u8 reg, u8 size, bool high, u64 value)
{
	u64 *r = &v->s.gpr[reg];

	if (size >= 4)
		*r = value & mask_of(size);
	else if (high)
		*r = (*r & ~0xff00ull) | (value & 0xff) << 8;
	else
		*r = (*r & ~mask_of(size)) | (value & mask_of(size));
}

int operand_get(struct vcpu *v, const struct insn *i, unsigned int n, u64 *value)
{
	const struct operand *op = &i->op[n];

	switch (op->type) {
	case OPERAND_GPR:
		*value = gpr_get(v, op->reg, op->size, op->high);
		return 0;
	case OPERAND_IMM:
		*value = op->imm;
		return 0;
	case OPERAND_MEM:
		*value = 0;
		return mem_read(v, i->mem_seg, insn_ea(i, v, v->s.rip), value, op->size);
	default:
		return raise_exc(v, UD);
	}
}

int operand_set(struct vcpu *v, const struct insn *i, unsigned int n, u64 value)
{
	const struct operand *op = &i->op[n];

	switch (op->type) {
	case OPERAND_GPR:
		gpr_set(v, op->reg, op->size, op->high, value);
		return 0;
	case OPERAND_MEM:
		return mem_write(v, i->mem_seg, insn_ea(i, v, v->s.rip), &value, op->size);
	default:
		return raise_exc(v, UD);
	}
}

u64 stack_mask(const struct vcpu *v)
{
	if (v->mode == MODE_LONG64)
		return ~0ull;
	return v->s.seg[SEG_SS].attr & ATTR_DB ? 0xffffffff : 0xffff;
}

void set_rsp(struct vcpu *v, u64 rsp)
{
	u64 mask = stack_mask(v);

	/* A 32-bit stack pointer is a 32-bit write: the upper half goes, as for any register. */
	if (mask == 0xffff)
		v->s.gpr[RSP] = (v->s.gpr[RSP] & ~mask) | (rsp & mask);
	else
		v->s.gpr[RSP] = rsp & mask;
}

int push_at(struct vcpu *v, u64 *rsp, u64 value, u8 size)
{
	u64 mask = stack_mask(v), at = (*rsp - size) & mask;
	int r = mem_write(v, SEG_SS, at, &value, size);

	if (r)
		return r;
	debug_note_stack(v, at, size, true);
	*rsp = (*rsp & ~mask) | at;
	return 0;
}

int pop_at(struct vcpu *v, u64 *rsp, u64 *value, u8 size)
{
	u64 mask = stack_mask(v);
	int r;

	*value = 0;
	r = mem_read(v, SEG_SS, *rsp & mask, value, size);
	if (r)
		return r;
	debug_note_stack(v, *rsp & mask, size, false);
	*rsp = (*rsp & ~mask) | ((*rsp + size) & mask);
	return 0;
}

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

int near_jump(struct vcpu *v, u64 target, u8 size)
{
	target &= mask_of(size);
	if (v->mode == MODE_LONG64 ? !canonical(target) : target > v->s.seg[SEG_CS].limit)
		return raise_err(v, GP, 0);
	v->s.rip = target;
	return 0;
}

void set_rflags(struct vcpu *v, u64 value, u64 mask)
{
	u64 ac = v->s.rflags & RFLAGS_AC;

	v->s.rflags = ((v->s.rflags & ~mask) | (value & mask) | RFLAGS_FIXED) &
		      ~(BIT64(3) | BIT64(5) | BIT64(15) | ~0x3fffffull);
	/* With SMAP, AC decides which pages a supervisor may touch. */
	if ((v->s.rflags & RFLAGS_AC) != ac)
		mmu_rights_changed(v);
}
