/* SPDX-License-Identifier: MIT */
/* PUSH, POP, LEAVE. RSP moves after the access, which is all that can fault. */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"

static u8 word(const struct tr *t)
{
	return t->long64 ? 8 : 4;
}

static enum emit_width width(const struct tr *t)
{
	return t->long64 ? W64 : W32;
}

static void move_rsp(struct tr *t, s32 by)
{
	emit_lea(&t->e, width(t), RSP, at(RSP, by));
}

/* Look up the place below the stack for one word; R13 is not used in 64-bit mode. */
static bool push_place(struct tr *t, struct ea *ea)
{
	*ea = tr_stack(t, -(s32)word(t));
	return tr_lookup(t, ea, word(t), true, tr_needs_check(t, word(t)));
}

bool tr_push_return(struct tr *t)
{
	struct emit_mem m;
	struct ea ea;

	if (!push_place(t, &ea))
		return false;
	m = tr_operand(t, &ea);
	if (!t->long64 || t->next == (u64)(s64)(s32)t->next) {
		tr_commit(t);
		emit_store_imm(&t->e, width(t), (s32)t->next, m);
	} else {
		emit_const(&t->e, R13, t->next);
		tr_commit(t);
		emit_store(&t->e, W64, R13, m);
	}
	move_rsp(t, -(s32)word(t));
	return true;
}

static enum gen push_memory(struct tr *t)
{
	struct emit_mem m;
	struct ea ea;

	if (!tr_ea(t, &ea) || !tr_lookup(t, &ea, word(t), false, tr_needs_check(t, word(t))))
		return GEN_STEP;
	emit_load(&t->e, width(t), R13, tr_operand(t, &ea));
	emit_store(&t->e, W64, R13, FRAME_AT(target));
	if (!push_place(t, &ea))
		return GEN_STEP;
	m = tr_operand(t, &ea);
	emit_lea(&t->e, W64, RCX, m);
	emit_load(&t->e, W64, R13, FRAME_AT(target));
	tr_commit(t);
	emit_store(&t->e, width(t), R13, at(RCX, 0));
	move_rsp(t, -(s32)word(t));
	return GEN_NEXT;
}

static enum gen gen_push(struct tr *t)
{
	const struct operand *op = &t->i->op[0];
	struct emit_mem m;
	struct ea ea;
	u8 host;

	if (op->type == OPERAND_MEM)
		return push_memory(t);
	if (!push_place(t, &ea))
		return GEN_STEP;
	m = tr_operand(t, &ea);
	if (op->type == OPERAND_IMM) {
		tr_commit(t);
		emit_store_imm(&t->e, width(t), (s32)op->imm, m);
	} else {
		host = tr_gpr(t, op->reg, R13);
		tr_commit(t);
		emit_store(&t->e, width(t), host, m);
	}
	move_rsp(t, -(s32)word(t));
	return GEN_NEXT;
}

static enum gen gen_pop(struct tr *t)
{
	const struct operand *op = &t->i->op[0];
	struct ea ea;

	if (op->type != OPERAND_GPR)
		return GEN_STEP;
	ea = tr_stack(t, 0);
	if (!tr_lookup(t, &ea, word(t), false, tr_needs_check(t, word(t))))
		return GEN_STEP;
	tr_commit(t);
	if (displaced(op->reg)) {
		emit_load(&t->e, W64, R13, tr_operand(t, &ea));
		tr_commit(t);
		emit_store(&t->e, W64, R13, GPR_AT(op->reg));
	} else {
		emit_load(&t->e, width(t), host_of(op->reg), tr_operand(t, &ea));
	}
	if (op->reg != RSP)
		move_rsp(t, word(t));
	return GEN_NEXT;
}

static enum gen gen_leave(struct tr *t)
{
	struct ea ea = { .how = EA_DIRECT, .base = RBP };

	if (!t->long64) {
		emit_lea(&t->e, W32, R13, at(RBP, 0));
		ea.how = EA_R13;
	}
	if (!tr_lookup(t, &ea, word(t), false, tr_needs_check(t, word(t))))
		return GEN_STEP;
	emit_load(&t->e, width(t), R13, tr_operand(t, &ea));
	tr_commit(t);
	emit_lea(&t->e, width(t), RSP, at(RBP, word(t)));
	emit_mov(&t->e, width(t), RBP, R13);
	return GEN_NEXT;
}

enum gen gen_stack(struct tr *t)
{
	if (t->i->stacksize != word(t))
		return GEN_STEP;
	switch (t->i->emulate) {
	case EMU_push:
		return gen_push(t);
	case EMU_pop:
		return gen_pop(t);
	case EMU_leave:
		return gen_leave(t);
	default:
		return GEN_STEP;
	}
}
