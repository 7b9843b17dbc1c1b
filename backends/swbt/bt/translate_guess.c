/* SPDX-License-Identifier: MIT */
/*
 * Pointer chasing: MOV of [REG + displacement] to REG itself. The next such load waits for this
 * one, and the look-up between them would take longer than it. So the page's distance is guessed to
 * be that of the latest such load anywhere; the look-up only has to confirm it, which the host's
 * branch prediction takes off the way:
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
 * and each costs a branch mispredicted; so a site at which failures come thick is translated with
 * several guesses, those of other sites like it, which are tried one after the other: who goes
 * along the same chain again teaches the host's branch prediction which of them comes when. What is
 * none of them is told to C, which remembers it (miss.c). A site at which that comes thick, too,
 * is translated without (adapt.h).
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

bool tr_looks_up_table(const struct tr *t, struct ea *ea)
{
	const struct insn *i = t->i;

	*ea = (struct ea){ .how = EA_INDEX, .scale = i->mem_scale, .disp = (s32)i->mem_disp };
	if (!t->v->bt_config.elide || t->adapt & ADAPT_GUESS || !t->long64 || i->addrsize != 8 ||
	    i->mem_seg >= SEG_FS || i->mem_base != REG_NONE || i->mem_index == REG_NONE ||
	    displaced(i->mem_index) || !(t->loaded & BIT(i->mem_index)))
		return false;
	ea->base = host_of(i->mem_index);
	return i->mem_read && !i->mem_write && i->fpu == FPU_NONE && i->mem_size > 1 &&
	       i->mem_size <= 8;
}

void tr_note_loads(struct tr *t)
{
	const struct insn *i = t->i;
	bool loads = i->class == INSN_PLAIN && (i->mem_read || i->gpr_read & t->loaded);

	t->loaded = loads ? t->loaded | i->gpr_written : t->loaded & ~i->gpr_written;
}

struct emit_mem tr_indexed(const struct ea *ea)
{
	return (struct emit_mem){ REG_NONE, ea->base, ea->scale, ea->disp };
}

/* RCX = the entry for EA. */
static void look_up(struct tr *t, const struct ea *ea)
{
	struct emit_mem m = ea->how == EA_INDEX ? tr_indexed(ea) : at(ea->base, ea->disp);
	u8 reg = ea->base;

	if (ea->how == EA_INDEX || ea->disp) {
		emit_lea(&t->e, W64, RCX, m);
		reg = RCX;
	}
	tr_entry(t, reg, false);
}

/* The operand at EA, whose page's distance is in R13. */
static struct emit_mem at_guess(const struct ea *ea)
{
	if (ea->how == EA_INDEX)
		return (struct emit_mem){ R13, ea->base, ea->scale, ea->disp };
	return (struct emit_mem){ ea->base, R13, 1, ea->disp };
}

/* RCX = 0 if what is added to it, which is at LESS, is right; then on behind the jump to C. */
static void confirm(struct tr *t, struct cold *c, const struct ea *ea, struct emit_mem less)
{
	u8 *same;

	emit_load(&t->e, W64, R13, less);
	look_up(t, ea);
	emit_lea(&t->e, W64, RCX, rcx_and_r13());
	same = emit_jrcxz(&t->e);
	c->ea = *ea;
	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, same);
}

/* The same with several guesses: C tries the others. */
static struct emit_mem guess_places(struct tr *t, const struct ea *ea)
{
	struct cold *c = tr_cold(t, EXIT_READ);

	c->places = true;
	t->nr_places++;
	confirm(t, c, ea, FRAME_AT(less[0]));
	emit_load(&t->e, W64, R13, FRAME_AT(place[0]));
	c->back = t->e.p;
	return at_guess(ea);
}

struct emit_mem tr_guess(struct tr *t, const struct ea *ea)
{
	struct cold *c;

	if (unlikely(t->adapt & ADAPT_PLACES))
		return guess_places(t, ea);
	c = tr_cold(t, EXIT_READ);
	c->guess = true;
	confirm(t, c, ea, guess_at(1));
	c->back = t->e.p;
	emit_load(&t->e, W64, R13, guess_at(0));
	return at_guess(ea);
}

/* RCX is the entry minus the first of them. */
void tr_other_places(struct tr *t, const struct cold *c)
{
	u8 *found[ARRAY_SIZE(t->v->frame.place)], *none;

	for (unsigned int n = 1; n < ARRAY_SIZE(found); n++) {
		emit_load(&t->e, W64, R13, FRAME_AT(less[n]));
		emit_lea(&t->e, W64, RCX, rcx_and_r13());
		found[n] = emit_jrcxz(&t->e);
	}
	none = emit_jmp32(&t->e);
	for (unsigned int n = 1; n < ARRAY_SIZE(found); n++) {
		emit_land8(&t->e, found[n]);
		emit_load(&t->e, W64, R13, FRAME_AT(place[n]));
		emit_fix32(emit_jmp32(&t->e), c->back);
	}
	emit_land32(&t->e, none);
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
