/* SPDX-License-Identifier: MIT */
/*
 * Pointer chasing: MOV of [REG + displacement] to REG itself. The next such load waits for this
 *one, and the look-up between them would take longer than it. So the page's distance is guessed to
 *be that of the latest such load anywhere; the look-up only has to confirm it, which the host's
 *branch prediction takes off the way:
 *
 *	mov	r13, [r15 + guess + 8]		; minus the guess
 *	lea, rorx, mov, mov			; rcx: as it is
 *	lea	rcx, [rcx + r13]
 *	jrcxz	same
 *	jmp	other
 * same: mov	r13, [r15 + guess]
 *	mov	reg, [reg + r13 + displacement]
 *
 * RAM that is in one piece in the guest's tables has one distance. Where it is not, guesses fail,
 *and each costs a branch mispredicted; so a site at which failures come thick is translated without
 * (adapt.h).
 */
#include "backends/swbt/bt/translate.h"

static struct emit_mem guess_at(unsigned int n)
{
	struct emit_mem m = FRAME_AT(guess);

	m.disp += 8 * (s32)n;
	return m;
}

static struct emit_mem rcx_and_r13(void)
{
	return (struct emit_mem){ .base = RCX, .index = R13, .scale = 1 };
}

bool tr_chases(const struct tr *t, const struct ea *ea)
{
	const struct insn *i = t->i;

	return t->v->bt_config.elide && !(t->adapt & ADAPT_GUESS) && ea->how == EA_DIRECT &&
	       i->encoding == ENC_LEGACY && i->raw[i->opcode_at] == 0x8b && i->op[0].size == 8 &&
	       i->op[0].reg == i->mem_base && i->mem_base != RSP && !displaced(i->mem_base);
}

struct emit_mem tr_guess(struct tr *t, const struct ea *ea)
{
	struct cold *c = tr_cold(t, EXIT_READ);
	u8 *same;

	emit_load(&t->e, W64, R13, guess_at(1));
	if (ea->disp)
		emit_lea(&t->e, W64, RCX, at(ea->base, ea->disp));
	tr_entry(t, ea->disp ? RCX : ea->base, false);
	emit_lea(&t->e, W64, RCX, rcx_and_r13());
	same = emit_jrcxz(&t->e);
	c->ea = *ea;
	c->guess = true;
	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, same);
	c->back = t->e.p;
	emit_load(&t->e, W64, R13, guess_at(0));
	return (struct emit_mem){ .base = ea->base, .index = R13, .scale = 1, .disp = ea->disp };
}

void tr_other_guess(struct tr *t, const struct cold *c)
{
	u8 *missing, *too_many;

	emit_load(&t->e, W64, R13, guess_at(0));
	emit_lea(&t->e, W64, RCX, rcx_and_r13());
	missing = emit_jrcxz(&t->e);
	emit_store(&t->e, W64, RCX, guess_at(0));
	emit_not(&t->e, RCX);
	emit_lea(&t->e, W64, RCX, at(RCX, 1));
	emit_store(&t->e, W64, RCX, guess_at(1));
	emit_load(&t->e, W64, RCX, FRAME_AT(guesses));
	emit_lea(&t->e, W64, RCX, at(RCX, -1));
	emit_store(&t->e, W64, RCX, FRAME_AT(guesses));
	too_many = emit_jrcxz(&t->e);
	emit_fix32(emit_jmp32(&t->e), c->back);
	emit_land8(&t->e, missing);
	emit_land8(&t->e, too_many);
}
