/* SPDX-License-Identifier: MIT */
/*
 * Near jumps, calls and returns. Direct ones are linked to the code of their target, behind a guard
 * if that is on another page (codepage.h). Indirect ones look among the space's targets, which a
 * change of mappings empties:
 *
 *	movzx	ecx, r13w			; R13: guest RIP
 *	mov	rcx, [r15 + rcx * 8 + minus_rip]
 *	lea	rcx, [rcx + r13]
 *	jrcxz	hit
 *	jmp	second
 * hit:	movzx	ecx, r13w
 * go:	jmp	[r15 + rcx * 8 + host]
 *
 * and off the straight way
 *
 * second: the same with (r13 + (r13 >> 12)) for r13; a hit goes to go, or else to C.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"

static s32 minus_rip_at(const struct tr *t, bool returns)
{
	return (s32)(SPACE_TARGETS + bt_targets(t->key, returns) * SPACE_TARGETS_SIZE);
}

static s32 host_at(const struct tr *t, bool returns)
{
	return minus_rip_at(t, returns) + (s32)SPACE_TARGETS_SIZE / 2;
}

static struct emit_mem by_rcx(s32 disp)
{
	return (struct emit_mem){ .base = R15, .index = RCX, .scale = 8, .disp = disp };
}

static bool same_page(const struct tr *t, u64 target)
{
	return !((target ^ t->b->rip) >> 12);
}

/* To C unless its target is among the targets. */
static void find_constant(struct tr *t, struct cold *c)
{
	struct emit_mem m = { .base = RCX, .index = R13, .scale = 1 };
	u64 target = bt_target(t->key, c->target);
	s32 place = (s32)(u16)target * 8;
	u8 *hit;

	emit_load(&t->e, W64, RCX, at(R15, minus_rip_at(t, false) + place));
	if (target == (u64)(s64)(s32)target)
		m = at(RCX, (s32)target);
	else
		emit_const(&t->e, R13, target);
	emit_lea(&t->e, W64, RCX, m);
	hit = emit_jrcxz(&t->e);
	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, hit);
}

static struct cold *jump_exit(struct tr *t, u64 target)
{
	struct cold *c = tr_cold(t, EXIT_JUMP);

	c->target = target;
	return c;
}

void tr_probe_self(struct tr *t)
{
	find_constant(t, jump_exit(t, t->b->rip));
}

/* RCX = 0 as long as C is not linked, or its page not known to be where it was. */
static void load_guard(struct tr *t, struct cold *c)
{
	emit_load8(&t->e, RCX, at(R15, SPACE_SEEN));
	c->guard = t->e.p - 4;
}

void tr_guarded(struct tr *t, struct cold *c)
{
	u8 * not ;

	load_guard(t, c);
	not = emit_jrcxz(&t->e);
	c->site = emit_jmp32(&t->e);
	emit_land8(&t->e, not );
}

void tr_goto(struct tr *t, u64 target)
{
	struct cold *c = jump_exit(t, target);

	if (same_page(t, target)) {
		c->site = c->fix = emit_jmp32(&t->e);
		return;
	}
	load_guard(t, c);
	tr_branch_rcxz(t, c);
	c->site = emit_jmp32(&t->e);
}

void tr_enter(struct tr *t, u64 target)
{
	struct cold *c = jump_exit(t, target);

	load_guard(t, c);
	tr_branch_rcxz(t, c);
	c->site = emit_jmp32(&t->e);
}

/* C is where the branch at FIX goes. */
static void branch(struct tr *t, struct cold *c, u8 *fix)
{
	c->fix = fix;
	if (same_page(t, c->target))
		c->site = fix;
	else
		c->guarded = true;
}

void tr_goto_if(struct tr *t, u8 cc, u64 target)
{
	struct cold *c = jump_exit(t, target);

	branch(t, c, emit_jcc32(&t->e, cc));
}

static const struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };

/* R13 is a guest RIP: RCX = its place among the targets, or an exit to C. */
static void find_place(struct tr *t, struct cold *c, bool returns)
{
	u8 *hit;

	c->returns = returns;
	emit_movzx16(&t->e, RCX, R13);
	emit_load(&t->e, W64, RCX, by_rcx(minus_rip_at(t, returns)));
	emit_lea(&t->e, W64, RCX, sum);
	hit = emit_jrcxz(&t->e);
	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, hit);
	tr_watch(t, watch_hits(t->bt), FRAME_AT(indirect_hits));
	emit_movzx16(&t->e, RCX, R13);
	c->again = t->e.p;
}

/* The same for an instruction that adds POP to RSP. */
static void find_target(struct tr *t, u64 pop, bool returns)
{
	struct cold *c = tr_cold(t, EXIT_INDIRECT);

	c->target = pop;
	find_place(t, c, returns);
}

void tr_land(struct tr *t)
{
	find_place(t, tr_cold(t, EXIT_LANDED), false);
	emit_jmp_mem(&t->e, by_rcx(host_at(t, false)));
}

/* RCX = the number of R13's second place, short of TARGETS. */
static void second_place(struct tr *t)
{
	emit_rorx(&t->e, W64, RCX, R13, 12);
	emit_lea(&t->e, W32, RCX, sum);
	emit_movzx16(&t->e, RCX, RCX);
}

u8 *tr_second_probe(struct tr *t, const struct cold *c)
{
	second_place(t);
	emit_load(&t->e, W64, RCX, by_rcx(minus_rip_at(t, c->returns) + (s32)TARGETS * 8));
	emit_lea(&t->e, W64, RCX, sum);
	return emit_jrcxz(&t->e);
}

void tr_second_hit(struct tr *t, const struct cold *c)
{
	u8 *again;

	tr_watch(t, watch_hits(t->bt), FRAME_AT(indirect_hits));
	second_place(t);
	emit_lea(&t->e, W64, RCX, at(RCX, (s32)TARGETS));
	again = emit_jmp32(&t->e);
	emit_fix32(again, c->again);
}

/* Among the targets of code for which the host reports what is not aligned. */
static s32 across_at(const struct tr *t, const struct cold *c)
{
	return (s32)(SPACE_TARGETS +
		     bt_targets(t->key & ~KEY_ALIGNMENT, c->returns) * SPACE_TARGETS_SIZE);
}

u8 *tr_across_probe(struct tr *t, const struct cold *c)
{
	emit_movzx16(&t->e, RCX, R13);
	emit_load(&t->e, W64, RCX, by_rcx(across_at(t, c)));
	emit_lea(&t->e, W64, RCX, sum);
	return emit_jrcxz(&t->e);
}

u8 *tr_across_hit(struct tr *t, const struct cold *c, u8 *branch)
{
	u8 *commit;

	emit_land8(&t->e, branch);
	tr_watch(t, watch_hits(t->bt), FRAME_AT(indirect_hits));
	emit_movzx16(&t->e, RCX, R13);
	emit_load(&t->e, W64, RCX, by_rcx(across_at(t, c) + (s32)SPACE_TARGETS_SIZE / 2));
	commit = t->e.p;
	if (c->target)
		tr_move_rsp(t, (s32)c->target);
	emit_jmp_to(&t->e, t->bt->across[false]);
	return commit;
}

/* ---- the instructions ------------------------------------------------------------------------ */

static u32 base_of_code(const struct tr *t)
{
	return (u32)(t->key >> KEY_BASE_SHIFT << 4);
}

/* Where a direct branch goes. False: beyond what is known to be inside CS. */
static bool direct_target(const struct tr *t, u64 *target)
{
	u64 rip = bt_rip(t->key, t->next) + t->i->op[0].imm;

	*target = rip;
	if (t->long64)
		return canonical(rip);
	rip = t->i->opsize == 2 ? (u16)rip : (u32)rip;
	*target = (u32)(rip + base_of_code(t));
	return !(t->key & KEY_CODE16) || rip <= 0xffff;
}

/* R13, where a branch of the present instruction goes, becomes what it is known by among the
 * targets. RCX is used. */
static void to_linear(struct tr *t)
{
	if (!t->segmented)
		return;
	if (t->i->opsize == 2)
		emit_movzx16(&t->e, R13, R13);
	else if (t->key & KEY_CODE16)
		tr_below_64k(t, 0);
	if (!base_of_code(t))
		return;
	emit_const(&t->e, RCX, bt_target(t->key, base_of_code(t)));
	emit_lea(&t->e, W64, R13, sum);
}

/* R13 = a RIP at M, as wide as the instruction's operands are. */
static void load(struct tr *t, struct emit_mem m)
{
	if (t->i->opsize == 2)
		emit_load16(&t->e, R13, m);
	else
		emit_load(&t->e, t->long64 ? W64 : W32, R13, m);
}

/* The target of an indirect jump or call, in R13. */
static bool load_target(struct tr *t)
{
	const struct operand *op = &t->i->op[0];
	enum emit_width w = t->long64 ? W64 : W32;
	u32 size = t->i->opsize;
	struct ea ea;

	if (op->type == OPERAND_GPR) {
		u8 host = tr_gpr(t, op->reg, R13);

		if (host != R13)
			emit_mov(&t->e, w, R13, host);
		to_linear(t);
		return true;
	}
	if (!tr_ea(t, &ea) || !tr_lookup(t, &ea, size, false, tr_needs_check(t, size)))
		return false;
	load(t, tr_operand(t, &ea));
	to_linear(t);
	return true;
}

static enum gen gen_jmp(struct tr *t, u64 target)
{
	if (t->i->op[0].type == OPERAND_IMM) {
		tr_commit(t);
		tr_goto(t, target);
		return GEN_END;
	}
	if (!load_target(t))
		return GEN_STEP;
	find_target(t, 0, false);
	tr_commit(t);
	emit_jmp_mem(&t->e, by_rcx(host_at(t, false)));
	return GEN_END;
}

static enum gen gen_call(struct tr *t, u64 target)
{
	if (t->i->op[0].type == OPERAND_IMM) {
		if (!tr_push_return(t))
			return GEN_STEP;
		tr_goto(t, target);
		return GEN_END;
	}
	if (!load_target(t))
		return GEN_STEP;
	find_target(t, BT_PUSHES, false);
	/* R13 is needed for the return address, or for the stack's. */
	emit_load(&t->e, W64, R13, by_rcx(host_at(t, false)));
	emit_store(&t->e, W64, R13, FRAME_AT(target));
	if (!tr_push_return(t))
		return GEN_STEP;
	emit_jmp_mem(&t->e, FRAME_AT(target));
	return GEN_END;
}

static enum gen gen_ret(struct tr *t)
{
	bool returns = t->v->bt_config.return_cache;
	u32 size = t->i->opsize;
	s32 pop = (s32)size + (t->i->nr_operands ? (u16)t->i->op[0].imm : 0);
	struct ea ea;

	if (!t->run.returns) { /* else it is in R13 */
		ea = tr_stack(t, 0, size);
		if (!tr_lookup(t, &ea, size, false, tr_needs_check(t, size)))
			return GEN_STEP;
		load(t, tr_operand(t, &ea));
		to_linear(t);
	}
	find_target(t, (u64)pop, returns);
	tr_commit(t);
	tr_move_rsp(t, pop);
	emit_jmp_mem(&t->e, by_rcx(host_at(t, returns)));
	return GEN_END;
}

/* RCX = the guest's count register. */
static void load_count(struct tr *t)
{
	if (t->i->addrsize == 2)
		emit_movzx16(&t->e, RCX, R14);
	else
		emit_mov(&t->e, t->i->addrsize == 8 ? W64 : W32, RCX, R14);
}

static enum gen gen_jcxz(struct tr *t, u64 target)
{
	struct cold *c = jump_exit(t, target);
	u8 *zero, *not ;

	load_count(t);
	tr_commit(t);
	zero = emit_jrcxz(&t->e);
	not = emit_jmp8(&t->e);
	emit_land8(&t->e, zero);
	branch(t, c, emit_jmp32(&t->e));
	emit_land8(&t->e, not );
	return GEN_NEXT;
}

static enum gen gen_loop(struct tr *t, u64 target)
{
	/* E0 LOOPNE, E1 LOOPE, E2 LOOP */
	u8 opcode = t->i->raw[t->i->opcode_at], *zero;
	struct cold *c;

	tr_commit(t);
	if (t->i->addrsize == 2)
		emit_byte(&t->e, 0x66);
	emit_lea(&t->e, t->i->addrsize == 8 ? W64 : W32, R14, at(R14, -1));
	load_count(t);
	zero = emit_jrcxz(&t->e);
	if (opcode == 0xe2) {
		c = jump_exit(t, target);
		branch(t, c, emit_jmp32(&t->e));
	} else {
		tr_goto_if(t, opcode == 0xe0 ? 5 : 4, target);
	}
	emit_land8(&t->e, zero);
	return GEN_NEXT;
}

enum gen gen_flow(struct tr *t)
{
	const struct insn *i = t->i;
	bool stack = i->emulate == EMU_call || i->emulate == EMU_ret;
	u64 target = 0;

	/* Where code is 16 bits wide, targets of 32 are no wider; the other way is rare. */
	if (t->long64 ? i->opsize != 8 : i->opsize != 4 && !(t->key & KEY_CODE16))
		return GEN_STEP;
	if ((stack && !tr_stack_usable(t)) ||
	    (i->op[0].type == OPERAND_IMM && i->emulate != EMU_ret && !direct_target(t, &target)))
		return GEN_STEP;
	if (t->rounds && target == t->b->rip)
		return tr_round_back(t);
	switch (i->emulate) {
	case EMU_jmp:
		return gen_jmp(t, target);
	case EMU_jcc:
		tr_commit(t);
		tr_goto_if(t, i->raw[i->opcode_at] & 15, target);
		return GEN_NEXT;
	case EMU_call:
		return gen_call(t, target);
	case EMU_ret:
		return gen_ret(t);
	case EMU_jcxz:
		return gen_jcxz(t, target);
	case EMU_loop:
		return gen_loop(t, target);
	default:
		return GEN_STEP;
	}
}
