/* SPDX-License-Identifier: MIT */
/*
 * PUSH, POP, LEAVE. RSP moves after the access, which is all that can fault.
 *
 * Pushes or pops of registers in a row, as functions begin and end with them, share a look-up if
 * all of them lie on one page, and move RSP once, behind the last. Only the first can fault: the
 * page is there, and the others are as aligned as the first. The address that a RET behind pops is
 * going to want is loaded to R13 with the last of them. From its commit point on, a kick lets
 * the host step to the end of the run. A run whose words keep lying on two pages is translated as
 * single instructions (adapt.h); so is one that needs a call-out, since that would come back into
 * the middle.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"

static u8 word(const struct tr *t)
{
	return t->i->stacksize;
}

static enum emit_width width(const struct tr *t)
{
	return t->long64 ? W64 : W32;
}

/* A word of two bytes goes without its upper half, or keeps the register's. */
static void store_word(struct tr *t, u8 reg, struct emit_mem m)
{
	if (word(t) == 2)
		emit_store16(&t->e, reg, m);
	else
		emit_store(&t->e, width(t), reg, m);
}

static void load_word(struct tr *t, u8 reg, struct emit_mem m)
{
	if (word(t) == 2)
		emit_merge16(&t->e, reg, m);
	else
		emit_load(&t->e, width(t), reg, m);
}

/* Look up the place below the stack for one word; R13 is not used in 64-bit mode. */
static bool push_place(struct tr *t, struct ea *ea)
{
	*ea = tr_stack(t, -(s32)word(t), word(t));
	return tr_lookup(t, ea, word(t), true, tr_needs_check(t, word(t)));
}

/* VALUE as a word, of any register's, at M. */
static void store_constant(struct tr *t, u64 value, struct emit_mem m)
{
	if (word(t) == 4 || (word(t) == 8 && value == (u64)(s64)(s32)value)) {
		tr_commit(t);
		emit_store_imm(&t->e, width(t), (s32)value, m);
		return;
	}
	if (m.base == R13 || m.index == R13) {
		emit_lea(&t->e, W64, RCX, m);
		m = at(RCX, 0);
	}
	emit_const(&t->e, R13, value);
	tr_commit(t);
	store_word(t, R13, m);
}

bool tr_push_return(struct tr *t)
{
	struct emit_mem m;
	struct ea ea;

	if (!push_place(t, &ea))
		return false;
	m = tr_operand(t, &ea);
	store_constant(t, bt_rip(t->key, t->next), m);
	tr_move_rsp(t, -(s32)word(t));
	return true;
}

static enum gen push_memory(struct tr *t)
{
	struct emit_mem m;
	struct ea ea;

	if (!tr_ea(t, &ea) || !tr_lookup(t, &ea, word(t), false, tr_needs_check(t, word(t))))
		return GEN_STEP;
	load_word(t, R13, tr_operand(t, &ea));
	emit_store(&t->e, W64, R13, FRAME_AT(target));
	if (!push_place(t, &ea))
		return GEN_STEP;
	m = tr_operand(t, &ea);
	emit_lea(&t->e, W64, RCX, m);
	emit_load(&t->e, W64, R13, FRAME_AT(target));
	tr_commit(t);
	store_word(t, R13, at(RCX, 0));
	tr_move_rsp(t, -(s32)word(t));
	return GEN_NEXT;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* How long the PUSH or POP at P, OPCODE plus the register, is; 0: something else, or it is RSP's.
 */
static u32 word_length(const struct tr *t, const u8 *p, u32 left, u8 opcode)
{
	bool extended = t->long64 && left > 1 && *p == 0x41; /* REX.B */

	if (!left)
		return 0;
	p += extended;
	return (*p & 0xf8) == opcode && (extended || (*p & 7) != RSP) ? 1 + extended : 0;
}

/* How many there are from the present instruction on. */
static u8 count_run(struct tr *t, u8 opcode)
{
	u32 at = t->rip & PAGE_MASK, most = t->v->bt_config.block_insns - t->n, len;
	u8 nr = 0;

	if (!t->v->bt_config.elide || t->adapt || t->b->gpa2 || t->segmented)
		return 0;
	for (; nr < most && nr < BT_RUN; nr++, at += len) {
		len = word_length(t, t->page + at, PAGE_SIZE - at, opcode);
		if (!len || (!nr && len != t->i->length))
			break;
	}
	t->run.returns =
		opcode == 0x58 && nr > 1 && nr < most && at < PAGE_SIZE && t->page[at] == 0xc3;
	return nr;
}

/* The present word: RSP still is where it was before the first; R13 the first's address in 32-bit
 * code. */
static struct emit_mem run_word(const struct tr *t, bool push)
{
	s32 size = word(t), n = t->run.done;

	if (!t->long64)
		return (struct emit_mem){ RCX, R13, 1, push ? -n * size : n * size };
	return (struct emit_mem){ RSP, RCX, 1, push ? -(n + 1) * size : n * size };
}

static void move_word(struct tr *t, bool push)
{
	struct emit_mem m = run_word(t, push);
	u8 reg = t->i->op[0].reg;

	if (push) {
		u8 host = tr_gpr(t, reg, R13);

		tr_commit(t);
		emit_store(&t->e, width(t), host, m);
		return;
	}
	tr_commit(t);
	if (!displaced(reg)) {
		emit_load(&t->e, width(t), host_of(reg), m);
		return;
	}
	emit_load(&t->e, W64, R13, m);
	emit_store(&t->e, W64, R13, GPR_AT(reg));
}

static enum gen go_on_run(struct tr *t, bool push)
{
	move_word(t, push);
	if (t->run.done++)
		t->commit = cache_write(&t->bt->cache, t->b->host); /* no way back */
	if (t->run.done == t->run.nr) {
		if (t->run.returns)
			emit_load(&t->e, width(t), R13, run_word(t, false));
		tr_move_rsp(t, (push ? -(s32)word(t) : word(t)) * t->run.nr);
		t->run = (struct run){ .returns = t->run.returns };
	}
	return GEN_NEXT;
}

/* The first of NR. */
static enum gen start_run(struct tr *t, bool push, u8 nr)
{
	bool returns = t->run.returns;
	u32 size = (nr + (u32)returns) * word(t);
	struct ea ea = tr_stack(t, push ? -(s32)size : 0, size);

	tr_check_page(t, &ea, size);
	ea = tr_stack(t, push ? -(s32)word(t) : 0, word(t));
	if (!tr_lookup(t, &ea, word(t), push, false))
		return GEN_STEP;
	t->run = (struct run){ .nr = nr, .returns = returns };
	return go_on_run(t, push);
}

/* ---- single ones ----------------------------------------------------------------------------- */

static enum gen gen_push(struct tr *t)
{
	const struct operand *op = &t->i->op[0];
	struct emit_mem m;
	struct ea ea;
	u8 host, nr;

	if (t->run.nr)
		return go_on_run(t, true);
	if (op->type == OPERAND_MEM)
		return push_memory(t);
	nr = op->type == OPERAND_GPR ? count_run(t, 0x50) : 0;
	if (nr > 1)
		return start_run(t, true, nr);
	if (!push_place(t, &ea))
		return GEN_STEP;
	m = tr_operand(t, &ea);
	if (op->type == OPERAND_IMM) {
		store_constant(t, op->imm, m);
	} else {
		host = tr_gpr(t, op->reg, R13);
		tr_commit(t);
		store_word(t, host, m);
	}
	tr_move_rsp(t, -(s32)word(t));
	return GEN_NEXT;
}

static enum gen gen_pop(struct tr *t)
{
	const struct operand *op = &t->i->op[0];
	struct ea ea;
	u8 nr;

	if (op->type != OPERAND_GPR)
		return GEN_STEP;
	if (t->run.nr)
		return go_on_run(t, false);
	nr = count_run(t, 0x58);
	if (nr > 1)
		return start_run(t, false, nr);
	if (op->reg == RSP && word(t) == 2 && !(t->key & KEY_STACK16))
		return GEN_STEP; /* moves the upper half, too */
	ea = tr_stack(t, 0, word(t));
	if (!tr_lookup(t, &ea, word(t), false, tr_needs_check(t, word(t))))
		return GEN_STEP;
	tr_commit(t);
	if (displaced(op->reg)) {
		emit_load(&t->e, W64, R13, tr_operand(t, &ea));
		tr_commit(t);
		emit_store(&t->e, W64, R13, GPR_AT(op->reg));
	} else {
		load_word(t, host_of(op->reg), tr_operand(t, &ea));
	}
	if (op->reg != RSP)
		tr_move_rsp(t, word(t));
	return GEN_NEXT;
}

static enum gen gen_leave(struct tr *t)
{
	struct ea ea = tr_stack_at(t, RBP, 0, word(t));

	if (!tr_lookup(t, &ea, word(t), false, tr_needs_check(t, word(t))))
		return GEN_STEP;
	load_word(t, R13, tr_operand(t, &ea));
	tr_commit(t);
	if (t->key & KEY_STACK16)
		emit_byte(&t->e, 0x66);
	emit_lea(&t->e, width(t), RSP, at(RBP, word(t)));
	if (word(t) == 2)
		emit_byte(&t->e, 0x66);
	emit_mov(&t->e, width(t), RBP, R13);
	return GEN_NEXT;
}

enum gen gen_stack(struct tr *t)
{
	if (!tr_stack_usable(t) || (t->long64 && t->i->stacksize != 8))
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
