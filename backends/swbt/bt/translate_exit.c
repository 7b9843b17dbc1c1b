/* SPDX-License-Identifier: MIT */
/*
 * Ways out of a block, off the straight way. JRCXZ reaches 127 bytes; where it would not reach the
 * end of the block, an island of jumps is put between two instructions.
 */
#include "backends/swbt/bt/translate.h"

#include "backends/swbt/bt/adapt.h"
#include "backends/swbt/emulate.h"

/*
 * Is a page fault at the address that misses what the present instruction raises, for certain and
 * before anything else? Nothing that may suppress an access or wants it aligned, nothing with a
 * segment limit of its own.
 */
static bool faults_directly(const struct tr *t)
{
	const struct insn *i = t->i;

	if (t->segmented || i->fpu != FPU_NONE || i->mem_aligned || i->mem_size > 8 ||
	    (i->has_mem && !t->long64 && i->mem_seg >= SEG_FS))
		return false;
	if (i->class == INSN_PLAIN)
		return true;
	switch (i->emulate) {
	case EMU_jmp:
	case EMU_call:
	case EMU_ret:
	case EMU_push:
	case EMU_pop:
	case EMU_leave:
		return true;
	default:
		return false;
	}
}

struct cold *tr_cold(struct tr *t, enum exit_kind kind)
{
	struct cold *c = &t->cold[t->nr_cold++];

	*c = (struct cold){ .kind = (u8)kind, .insn = t->n, .ea = { .how = EA_R13 } };
	if (kind == EXIT_READ || kind == EXIT_WRITE) {
		c->direct = faults_directly(t);
		c->aligned = t->i->mem_aligned ? (u8)(t->i->mem_size - 1) : 0;
		if (unlikely(t->adapt & ADAPT_MISS))
			tr_call(t, c);
	}
	return c;
}

bool tr_call(struct tr *t, struct cold *c)
{
	if (!t->nr_calls || t->caller[t->nr_calls - 1] != t->n) {
		if (t->nr_calls == BT_BLOCK_CALLS)
			return false;
		t->caller[t->nr_calls] = t->n;
		insn_copy(&t->calls[t->nr_calls++], t->i);
	}
	c->calls = true;
	c->call = t->nr_calls - 1u;
	return true;
}

struct cold *tr_call_out(struct tr *t)
{
	struct cold *c = tr_cold(t, EXIT_STEP);

	if (tr_call(t, c))
		c->kind = EXIT_CALL;
	return c;
}

void tr_branch_rcxz(struct tr *t, struct cold *c)
{
	u8 *taken = emit_jrcxz(&t->e), *not ;

	if (!t->far) {
		t->pending[t->nr_pending++] =
			(struct pending){ .fix = taken, .cold = (u16)(c - t->cold) };
		return;
	}
	not = emit_jmp8(&t->e);
	emit_land8(&t->e, taken);
	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, not );
}

void tr_unless_rcxz(struct tr *t, struct cold *c)
{
	u8 *zero = emit_jrcxz(&t->e);

	c->fix = emit_jmp32(&t->e);
	emit_land8(&t->e, zero);
}

bool tr_in_reach(const struct tr *t, unsigned int more)
{
	const u8 *p = t->e.p + more;

	for (unsigned int n = 0; n < t->nr_pending; n++, p += JMP_SIZE)
		if (p - (t->pending[n].fix + 1) > BT_ISLAND_REACH)
			return false;
	return true;
}

void tr_land_pending(struct tr *t)
{
	for (unsigned int n = 0; n < t->nr_pending; n++) {
		emit_land8(&t->e, t->pending[n].fix);
		t->cold[t->pending[n].cold].fix = emit_jmp32(&t->e);
	}
	t->nr_pending = 0;
}

void tr_island(struct tr *t)
{
	u8 *over;

	if (!t->nr_pending)
		return;
	over = emit_jmp32(&t->e);
	tr_land_pending(t);
	emit_land32(&t->e, over);
}

static void put_address(struct tr *t, const struct ea *ea)
{
	if (ea->how == EA_DIRECT)
		emit_lea(&t->e, W64, R13, at(ea->base, ea->disp));
	else if (ea->how == EA_CONST)
		emit_const(&t->e, R13, ea->value);
	else if (ea->how == EA_INDEX)
		emit_lea(&t->e, W64, R13, tr_indexed(ea));
}

/* The way out comes first, for the branches behind it. */
static void put_crossing(struct tr *t, const struct cold *c, struct exit *x, u32 id)
{
	const struct site *behind = &t->b->site[c->insn + 1];
	u8 *over = emit_jmp8(&t->e), *out = t->e.p, *start;

	emit_load(&t->e, W64, R13, FRAME_AT(linear));
	emit_const(&t->e, RCX, id);
	emit_jmp_to(&t->e, t->bt->leave);
	emit_land8(&t->e, over);
	start = t->e.p;
	t->i = &t->calls[c->call];
	if (tr_cross(t, out, t->b->host + behind->host))
		x->commit = (u16)(t->commit + t->e.delta - exit_stub(x));
	else
		t->e.p = start;
}

static void put_exact_check(struct tr *t, const struct cold *c)
{
	u8 *crosses;

	tr_same_page(t, &c->ea, c->size);
	crosses = emit_jrcxz(&t->e);
	emit_fix32(emit_jmp32(&t->e), c->back);
	emit_land8(&t->e, crosses);
}

/* Where C goes on. After the ones but for the last one, translated code does so as a rule. */
static const u8 *way_out(const struct tr *t, const struct cold *c)
{
	if (c->port)
		return t->bt->leave_port;
	if (c->invlpg)
		return t->bt->leave_invlpg;
	if (c->kind != EXIT_CALL && c->kind != EXIT_READ && c->kind != EXIT_WRITE)
		return t->bt->leave;
	return c->calls ? t->bt->leave_call : t->bt->leave_miss;
}

static u16 offset(const struct tr *t, const u8 *p)
{
	return p ? (u16)(p + t->e.delta - t->b->host) : 0;
}

static void put_link(struct tr *t, const struct cold *c, struct exit *x)
{
	x->link = t->b->nr_links++;
	*exit_link_of(x) = (struct link){ .target = (s64)c->target,
					  .site = offset(t, c->site),
					  .guard = offset(t, c->guard) };
}

void tr_put_cold(struct tr *t, struct cold *c, u32 id)
{
	struct exit *x = &t->bt->exits[id];
	u8 *second = NULL, *across = NULL;

	*x = (struct exit){ .insn = (u8)c->insn,
			    .kind = c->kind,
			    .aligned = c->aligned,
			    .direct = c->direct,
			    .adapted = c->adapted,
			    .crossing = c->crossing,
			    .guess = c->guess,
			    .places = c->places };
	near_set(&x->from, t->b);
	if (c->calls)
		x->call = c->call + 1;
	else if (c->kind == EXIT_INDIRECT)
		x->pop = (u32)c->target;
	if (c->links)
		c->site = c->fix;
	if (c->fix)
		emit_land32(&t->e, c->fix);
	x->stub = (u16)(t->e.p + t->e.delta - t->b->host);
	if (c->guarded)
		tr_guarded(t, c);
	if (c->kind == EXIT_JUMP)
		put_link(t, c, x);
	if (c->size)
		put_exact_check(t, c);
	if (c->guess)
		tr_other_guess(t, c);
	if (c->places)
		tr_other_places(t, c);
	if (c->array)
		tr_look_again(t, c);
	put_address(t, &c->ea);
	if (c->cross)
		put_crossing(t, c, x, id);
	if (c->again)
		second = tr_second_probe(t, c);
	if (c->again && t->key & KEY_ALIGNMENT && c->target != BT_PUSHES)
		across = tr_across_probe(t, c);
	if (c->kind == EXIT_JUMP)
		x->tail = (u8)(t->e.p + t->e.delta - exit_stub(x));
	emit_const(&t->e, RCX, id);
	emit_jmp_to(&t->e, way_out(t, c));
	if (c->kind == EXIT_JUMP)
		while (t->e.p + t->e.delta < exit_stub(x) + x->tail + BT_TAIL)
			emit_byte(&t->e, 0x90);
	if (c->again) {
		emit_land8(&t->e, second);
		tr_second_hit(t, c);
	}
	if (across)
		x->commit = (u16)(tr_across_hit(t, c, across) + t->e.delta - exit_stub(x));
}
