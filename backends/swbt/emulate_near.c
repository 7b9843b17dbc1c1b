/* SPDX-License-Identifier: MIT */
/* Near control transfers and the stack. SDM vol. 2; vol. 1 section 6.2 to 6.4. */
#include "backends/swbt/debug.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/mem.h"

static enum emulate_result jumped(int r)
{
	return r ? EMU_FAULT : EMU_JUMPED;
}

static u64 next_rip(const struct vcpu *v, const struct insn *i)
{
	return (v->s.rip + i->length) & v->ip_mask;
}

static u64 relative(const struct vcpu *v, const struct insn *i)
{
	return v->s.rip + i->length + i->op[0].imm;
}

/* Condition CC (the low four bits of the opcode) on RFLAGS. SDM vol. 1 appendix B. */
static bool condition(u64 f, unsigned int cc)
{
	bool sf_of = !(f & RFLAGS_SF) != !(f & RFLAGS_OF);
	bool r;

	switch (cc >> 1) {
	case 0:
		r = f & RFLAGS_OF;
		break;
	case 1:
		r = f & RFLAGS_CF;
		break;
	case 2:
		r = f & RFLAGS_ZF;
		break;
	case 3:
		r = f & (RFLAGS_CF | RFLAGS_ZF);
		break;
	case 4:
		r = f & RFLAGS_SF;
		break;
	case 5:
		r = f & RFLAGS_PF;
		break;
	case 6:
		r = sf_of;
		break;
	default:
		r = sf_of || f & RFLAGS_ZF;
		break;
	}
	return r != (cc & 1);
}

enum emulate_result emu_jcc(struct vcpu *v, const struct insn *i)
{
	if (!condition(v->s.rflags, i->raw[i->opcode_at] & 15))
		return EMU_NEXT;
	return jumped(near_jump(v, relative(v, i), i->opsize));
}

enum emulate_result emu_jmp(struct vcpu *v, const struct insn *i)
{
	u64 target;

	if (i->op[0].type == OPERAND_IMM)
		target = relative(v, i);
	else if (operand_get(v, i, 0, &target))
		return EMU_FAULT;
	return jumped(near_jump(v, target, i->opsize));
}

enum emulate_result emu_call(struct vcpu *v, const struct insn *i)
{
	u64 target, rsp = v->s.gpr[RSP], rip = v->s.rip;

	if (i->op[0].type == OPERAND_IMM)
		target = relative(v, i);
	else if (operand_get(v, i, 0, &target))
		return EMU_FAULT;
	/* The target is checked before the stack is written: either faults alone. */
	if (near_jump(v, target, i->opsize))
		return EMU_FAULT;
	target = v->s.rip;
	v->s.rip = rip;
	if (push_at(v, &rsp, next_rip(v, i), i->opsize))
		return EMU_FAULT;
	v->s.gpr[RSP] = rsp;
	v->s.rip = target;
	return EMU_JUMPED;
}

enum emulate_result emu_ret(struct vcpu *v, const struct insn *i)
{
	u64 target, rsp = v->s.gpr[RSP];

	if (pop_at(v, &rsp, &target, i->opsize) || near_jump(v, target, i->opsize))
		return EMU_FAULT;
	set_rsp(v, rsp + (i->nr_operands ? (u16)i->op[0].imm : 0));
	return EMU_JUMPED;
}

/* The count register is as wide as addresses are. */
static u64 count_of(const struct vcpu *v, const struct insn *i)
{
	return gpr_get(v, RCX, i->addrsize, false);
}

enum emulate_result emu_jcxz(struct vcpu *v, const struct insn *i)
{
	return count_of(v, i) ? EMU_NEXT : jumped(near_jump(v, relative(v, i), i->opsize));
}

enum emulate_result emu_loop(struct vcpu *v, const struct insn *i)
{
	/* E0 LOOPNE, E1 LOOPE, E2 LOOP */
	u8 opcode = i->raw[i->opcode_at];
	u64 count = count_of(v, i) - 1, rcx = v->s.gpr[RCX];
	bool zf = v->s.rflags & RFLAGS_ZF;

	gpr_set(v, RCX, i->addrsize, false, count);
	if (!count_of(v, i) || (opcode == 0xe0 && zf) || (opcode == 0xe1 && !zf))
		return EMU_NEXT;
	if (near_jump(v, relative(v, i), i->opsize)) {
		v->s.gpr[RCX] = rcx;
		return EMU_FAULT;
	}
	return EMU_JUMPED;
}

enum emulate_result emu_push(struct vcpu *v, const struct insn *i)
{
	u64 value, rsp = v->s.gpr[RSP];

	if (operand_get(v, i, 0, &value) || push_at(v, &rsp, value, i->stacksize))
		return EMU_FAULT;
	v->s.gpr[RSP] = rsp;
	return EMU_NEXT;
}

enum emulate_result emu_pop(struct vcpu *v, const struct insn *i)
{
	u64 value, old = v->s.gpr[RSP], rsp = old;

	if (pop_at(v, &rsp, &value, i->stacksize))
		return EMU_FAULT;
	/* POP to memory addressed by RSP uses its value after the increment. */
	set_rsp(v, rsp);
	if (operand_set(v, i, 0, value)) {
		v->s.gpr[RSP] = old;
		return EMU_FAULT;
	}
	return EMU_NEXT;
}

enum emulate_result emu_pusha(struct vcpu *v, const struct insn *i)
{
	u64 rsp = v->s.gpr[RSP];

	for (unsigned int r = RAX; r <= RDI; r++)
		if (push_at(v, &rsp, v->s.gpr[r], i->stacksize))
			return EMU_FAULT;
	v->s.gpr[RSP] = rsp;
	return EMU_NEXT;
}

enum emulate_result emu_popa(struct vcpu *v, const struct insn *i)
{
	u64 rsp = v->s.gpr[RSP], value[8];

	for (int r = RDI; r >= RAX; r--)
		if (pop_at(v, &rsp, &value[r], i->stacksize))
			return EMU_FAULT;
	for (int r = RDI; r >= RAX; r--)
		if (r != RSP)
			gpr_set(v, (u8)r, i->stacksize, false, value[r]);
	set_rsp(v, rsp);
	return EMU_NEXT;
}

enum emulate_result emu_enter(struct vcpu *v, const struct insn *i)
{
	u16 room = (u16)i->op[0].imm;
	u8 level = i->op[1].imm & 31;
	u64 rsp = v->s.gpr[RSP], rbp = v->s.gpr[RBP], frame, link;
	struct mmu_tlb_entry *entry;

	if (push_at(v, &rsp, rbp, i->stacksize))
		return EMU_FAULT;
	frame = rsp;
	for (unsigned int n = 1; n < level; n++) {
		rbp -= i->stacksize;
		link = 0;
		if (mem_read(v, SEG_SS, rbp & stack_mask(v), &link, i->stacksize) ||
		    push_at(v, &rsp, link, i->stacksize))
			return EMU_FAULT;
		debug_note_stack(v, rbp & stack_mask(v), i->stacksize, false);
	}
	if (level && push_at(v, &rsp, frame, i->stacksize))
		return EMU_FAULT;
	rsp -= room;
	/* The new top of the stack must be writable, though nothing is written there. */
	if (mem_linear(v, SEG_SS, rsp & stack_mask(v), i->stacksize, ACC_WRITE, &link) ||
	    mmu_translate(v, link, ACC_WRITE, &entry))
		return EMU_FAULT;
	gpr_set(v, RBP, i->stacksize, false, frame);
	set_rsp(v, rsp);
	return EMU_NEXT;
}

enum emulate_result emu_leave(struct vcpu *v, const struct insn *i)
{
	u64 rsp = (v->s.gpr[RSP] & ~stack_mask(v)) | (v->s.gpr[RBP] & stack_mask(v)), value;

	if (pop_at(v, &rsp, &value, i->stacksize))
		return EMU_FAULT;
	gpr_set(v, RBP, i->stacksize, false, value);
	set_rsp(v, rsp);
	return EMU_NEXT;
}
