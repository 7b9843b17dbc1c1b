/* SPDX-License-Identifier: MIT */
/*
 * PUSH of segment registers by two bytes; in real mode, where a segment's base is 16 times its
 * selector, MOV and POP to them. SDM vol. 3B 21.1.1.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"

#define SEG_AT(n, f) \
	at(R15, (s32)(offsetof(struct vcpu, s.seg[0].f) + (n) * sizeof(struct segment)))

/* What real mode makes of any data segment, but for its size. */
#define REAL_DATA (ATTR_P | ATTR_S | 3)

/* Does a load of SEG change its selector and base and nothing else, not even the key? SS opens no
 * interrupt window, so that is left to C. */
static bool loadable(const struct tr *t, u8 seg)
{
	if (!(t->key & KEY_REAL) || !(t->key & KEY_CPL0) || seg == SEG_CS || seg == SEG_SS)
		return false;
	return (t->key >> KEY_SEGMENT(seg) & 3) == CLASS_64K;
}

/* A load of segments that were left by protected mode may change their attributes. */
static void check_attributes(struct tr *t, u8 seg)
{
	emit_load(&t->e, W32, RCX, SEG_AT(seg, attr));
	emit_lea(&t->e, W64, RCX, at(RCX, -(s32)REAL_DATA));
	tr_unless_rcxz(t, tr_call_out(t));
}

/* SEG = R13, 16 bits. */
static void load(struct tr *t, u8 seg)
{
	struct emit_mem twice = { .base = RCX, .index = RCX, .scale = 1 };

	emit_lea(&t->e, W64, RCX, (struct emit_mem){ .base = R13, .index = R13, .scale = 1 });
	emit_lea(&t->e, W64, RCX, twice);
	emit_lea(&t->e, W64, RCX, twice);
	emit_lea(&t->e, W64, RCX, twice);
	tr_commit(t);
	emit_store16(&t->e, R13, SEG_AT(seg, selector));
	emit_store(&t->e, W64, RCX, SEG_AT(seg, base));
}

static enum gen gen_to_segment(struct tr *t)
{
	const struct operand *from = &t->i->op[1];
	u8 seg = t->i->op[0].reg;
	struct ea ea;

	if (!loadable(t, seg))
		return GEN_STEP;
	check_attributes(t, seg);
	if (from->type == OPERAND_GPR) {
		emit_movzx16(&t->e, R13, tr_gpr(t, from->reg, R13));
	} else {
		if (!tr_ea(t, &ea) || !tr_lookup(t, &ea, 2, false, tr_needs_check(t, 2)))
			return GEN_STEP;
		emit_load16(&t->e, R13, tr_operand(t, &ea));
	}
	load(t, seg);
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

static enum gen gen_pop_segment(struct tr *t)
{
	u8 seg = t->i->op[0].reg;
	struct ea ea;

	if (!loadable(t, seg) || !tr_stack_usable(t))
		return GEN_STEP;
	check_attributes(t, seg);
	ea = tr_stack(t, 0, 2);
	if (!tr_lookup(t, &ea, 2, false, tr_needs_check(t, 2)))
		return GEN_STEP;
	emit_load16(&t->e, R13, tr_operand(t, &ea));
	load(t, seg);
	tr_move_rsp(t, 2);
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

static enum gen gen_push_segment(struct tr *t)
{
	struct ea ea;

	if (!tr_stack_usable(t))
		return GEN_STEP;
	ea = tr_stack(t, -2, 2);
	if (!tr_lookup(t, &ea, 2, true, tr_needs_check(t, 2)))
		return GEN_STEP;
	emit_lea(&t->e, W64, RCX, tr_operand(t, &ea));
	emit_load16(&t->e, R13, SEG_AT(t->i->op[0].reg, selector));
	tr_commit(t);
	emit_store16(&t->e, R13, at(RCX, 0));
	tr_move_rsp(t, -2);
	tr_trap(t, TRAP_DESC);
	return GEN_NEXT;
}

enum gen gen_segment(struct tr *t)
{
	if (t->i->emulate == EMU_mov_to_seg)
		return gen_to_segment(t);
	/* Words of four bytes are written as the vendor likes. */
	if (t->i->stacksize != 2)
		return GEN_STEP;
	return t->i->emulate == EMU_pop_seg ? gen_pop_segment(t) : gen_push_segment(t);
}
