/* SPDX-License-Identifier: MIT */
/*
 * Loops: a block that jumps back to its beginning, all of whose accesses walk along memory. Behind
 * the block as ever, to which control comes first, there are several rounds of it one after the
 * other, which look up together what they access:
 *
 *	...				; the block; its jump back goes to:
 * next: lea	r13, [lowest address]	; for each stream of accesses
 *	lea, pext, jrcxz		; do all of this many rounds lie on one page?
 *	rorx, mov, mov, jrcxz		; the page's distance
 *	mov	[r15 + round], rcx
 *	mov	r13, [r15 + round]	; for the first stream, RCX for a second
 *	op	[r13 + address]
 *	...
 *	jncc	out
 *	op	[r13 + address]
 *	...
 *	jcc	next
 *
 * If not, the block as ever does one round, and the next jump back tries again. So nothing faults
 * ahead of its time, and what is not reached after all was not touched: a page that is entered has
 * its accessed and dirty bits already. Between the look-up and the last round no code runs that
 * could change pages: there are no calls of C, and who stops in between comes back to another block
 * (or to this one's beginning).
 *
 * Which addresses the rounds will access says translate_plan.c.
 */
#include "backends/swbt/bt/translate_rounds.h"
#include "backends/swbt/emulate.h"

/* Go to the block's beginning if RCX is 0. */
static void back_if_rcxz(struct tr *t)
{
	struct cold *c;
	u8 *fix;

	if (t->e.p + 2 - t->round_fail <= 128) {
		fix = emit_jrcxz(&t->e);
		*fix = (u8)(t->round_fail - (fix + 1));
		return;
	}
	c = tr_cold(t, EXIT_JUMP);
	c->target = t->b->rip;
	c->links = true;
	tr_branch_rcxz(t, c);
}

static const struct low *low_of(const struct rounds *p, u8 reg)
{
	const struct low *l = p->low;

	while (l->reg != reg)
		l++;
	return l;
}

/* The low half of a register is not to wrap around between L->from and L->to. */
static void put_low(struct tr *t, const struct low *l)
{
	u8 *zero;

	if (l->from == l->to)
		return;
	emit_lea(&t->e, W32, R13, at(host_of(l->reg), l->from));
	emit_lea(&t->e, W64, RCX, at(R13, l->to - l->from));
	emit_rorx(&t->e, W64, RCX, RCX, 32);
	emit_mov(&t->e, W32, RCX, RCX);
	zero = emit_jrcxz(&t->e);
	emit_fix32(emit_jmp32(&t->e), t->round_fail);
	emit_land8(&t->e, zero);
}

/* A register that holds S, or its low half at its lowest, which is taken from *DISP then. */
static u8 part(struct tr *t, const struct rounds *p, const struct sym *s, u8 scratch, u8 scale,
	       s32 *disp)
{
	s32 from;

	if (s->kind == SYM_ABSENT)
		return REG_NONE;
	if (s->kind == SYM_FULL)
		return tr_gpr(t, s->reg, scratch);
	from = low_of(p, s->reg)->from;
	emit_lea(&t->e, W32, scratch, at(host_of(s->reg), from));
	*disp -= from * scale;
	return scratch;
}

/* R13 = the lowest address of S. */
static void put_lowest(struct tr *t, const struct rounds *p, const struct stream *s)
{
	struct emit_mem m = { .scale = s->scale, .disp = (s32)s->from };

	if (s->base.kind == SYM_ABSENT && s->index.kind == SYM_ABSENT) {
		emit_const(&t->e, R13, (u64)s->from);
		return;
	}
	m.base = part(t, p, &s->base, R13, 1, &m.disp);
	m.index = part(t, p, &s->index, RCX, s->scale, &m.disp);
	emit_lea(&t->e, W64, R13, m);
}

/* RCX is the distance of S's page. Registers that do not move are added once for all. */
static void add_fixed(struct tr *t, const struct stream *s)
{
	struct emit_mem m = { .base = RCX, .scale = 1 };

	if (s->base_fixed) {
		m.index = tr_gpr(t, s->base.reg, R13);
		if (m.index == RSP)
			m = (struct emit_mem){ .base = RSP, .index = RCX, .scale = 1 };
		emit_lea(&t->e, W64, RCX, m);
	}
	if (s->index_fixed) {
		m = (struct emit_mem){ .base = RCX, .scale = s->scale };
		m.index = tr_gpr(t, s->index.reg, R13);
		emit_lea(&t->e, W64, RCX, m);
	}
}

/* Do A and B lie whole pages apart, wherever they are, and is there nothing to be added to them
 * that is not in a register? B's page is that of A and so many more, which must not be negative. */
static bool whole_pages(const struct stream *a, const struct stream *b)
{
	return sym_same(&a->base, &b->base) && sym_same(&a->index, &b->index) &&
	       a->scale == b->scale && b->from >= a->from && !((b->from - a->from) & PAGE_MASK) &&
	       !(a->base_fixed && displaced(a->base.reg)) &&
	       !(a->index_fixed && displaced(a->index.reg));
}

/* RCX, the distance of stream N's page or 0, is what its accesses share. */
static void keep(struct tr *t, const struct rounds *p, u8 n)
{
	back_if_rcxz(t);
	add_fixed(t, &p->stream[n]);
	emit_store(&t->e, W64, RCX, FRAME_AT(round[n]));
}

/* The streams of OTHERS, BIT(number), whose pages come behind that of S, which is number R13. */
static void put_others(struct tr *t, const struct rounds *p, const struct stream *s, u32 others)
{
	for (u8 n = 0; n < p->nr_streams; n++) {
		struct emit_mem m = { R15, R13, 8, SPACE_READ };

		if (!(others & BIT(n)))
			continue;
		if (!tr_in_reach(t, BT_STREAM_BYTES))
			tr_island(t);
		m.disp += (s32)((p->stream[n].from - s->from) >> 12) * 8;
		tr_load_entry(t, m, p->stream[n].write);
		keep(t, p, n);
	}
}

/* Stream FIRST and others like it, which are taken from *LEFT. */
static void put_stream(struct tr *t, const struct rounds *p, u8 first, u32 *left)
{
	const struct stream *s = &p->stream[first];
	u32 size = (u32)(s->to - s->from), others = 0;
	struct ea ea = { .how = EA_R13 };

	for (u8 n = 0; n < p->nr_streams; n++) {
		u32 its = (u32)(p->stream[n].to - p->stream[n].from);

		if (n == first || !(*left & BIT(n)) || !whole_pages(s, &p->stream[n]))
			continue;
		others |= BIT(n);
		size = its > size ? its : size;
	}
	*left &= ~(others | BIT(first));
	if (!tr_in_reach(t, BT_STREAM_BYTES))
		tr_island(t);
	put_lowest(t, p, s);
	if (size > 1) {
		if (!tr_near_start(t, &ea, size))
			tr_same_page(t, &ea, size);
		back_if_rcxz(t);
	}
	if (!others) {
		tr_entry(t, R13, s->write);
		keep(t, p, first);
		return;
	}
	emit_rorx(&t->e, W64, R13, R13, 12);
	emit_mov(&t->e, W32, R13, R13);
	put_others(t, p, s, others | BIT(first));
}

/* Of those LEFT the one that comes first in memory among its like, and of such the largest, which
 * fails most. */
static u8 next_stream(const struct rounds *p, u32 left)
{
	u8 best = BT_STREAMS;

	for (u8 n = 0; n < p->nr_streams; n++) {
		const struct stream *s = &p->stream[n], *b = &p->stream[best % BT_STREAMS];
		bool first = left & BIT(n);

		for (u8 k = 0; k < p->nr_streams; k++)
			if (left & BIT(k) && whole_pages(&p->stream[k], s) &&
			    (p->stream[k].from < s->from || k < n))
				first = false;
		if (first && (best == BT_STREAMS || s->to - s->from > b->to - b->from))
			best = n;
	}
	return best;
}

/* Of all streams; then two of them are in registers. */
static void put_look_ups(struct tr *t, const struct rounds *p)
{
	u32 left = BIT(p->nr_streams) - 1;

	for (u8 n = 0; n < p->nr_lows; n++)
		put_low(t, &p->low[n]);
	while (left)
		put_stream(t, p, next_stream(p, left), &left);
	emit_load(&t->e, W64, R13, FRAME_AT(round[0]));
	if (p->nr_streams == 2)
		emit_load(&t->e, W64, RCX, FRAME_AT(round[1]));
}

struct emit_mem tr_round_operand(struct tr *t)
{
	const struct rounds *p = t->rounds;
	const struct insn *i = t->i;
	u8 n = p->stream_of[t->round][t->round_insn], where = n ? RCX : R13;
	const struct stream *s = &p->stream[n];
	struct emit_mem m = at(where, (s32)i->mem_disp);

	if (n && p->nr_streams > 2)
		emit_load(&t->e, W64, RCX, FRAME_AT(round[n]));
	if (s->index.kind != SYM_ABSENT && !s->index_fixed) {
		m.index = host_of(i->mem_index);
		m.scale = s->scale;
	} else if (s->base.kind != SYM_ABSENT && !s->base_fixed) {
		m = (struct emit_mem){ host_of(i->mem_base), where, 1, (s32)i->mem_disp };
	} else if (i->mem_base == REG_PC) {
		m.disp += (s32)t->next;
	}
	return m;
}

enum gen tr_round_back(struct tr *t)
{
	const bool always = t->i->emulate == EMU_jmp;
	const u8 cc = t->i->raw[t->i->opcode_at] & 15;
	u8 *fix;

	tr_commit(t);
	if (t->round < t->rounds->nr - 1) {
		if (!always)
			tr_goto_if(t, cc ^ 1, t->next);
		return GEN_NEXT;
	}
	fix = always ? emit_jmp32(&t->e) : emit_jcc32(&t->e, cc);
	if (t->round == ROUND_NONE)
		t->round_begin = fix;
	else
		emit_fix32(fix, t->round_begin);
	return always ? GEN_END : GEN_NEXT;
}

/* One of them; T->next is where its instructions begin. */
static bool put_round(struct tr *t, struct insn *i, enum gen *r)
{
	for (u8 n = 0; n < t->rounds->insns; n++) {
		u16 calls = t->nr_calls;

		t->round_insn = n;
		if (*r != GEN_NEXT || tr_next_insn(t, i))
			return false;
		*r = tr_add_insn(t);
		if (t->nr_calls != calls)
			return false;
		t->n++;
	}
	return *r == GEN_NEXT || t->i->emulate == EMU_jmp;
}

/* The block as ever ends here, where control never comes by itself: but jumps do. */
static void put_between(struct tr *t, u64 next)
{
	struct cold *c;

	if (next) {
		if (!tr_in_reach(t, BT_GOTO_BYTES))
			tr_island(t);
		tr_goto(t, next);
	}
	tr_land_pending(t);
	c = tr_cold(t, EXIT_JUMP);
	c->target = t->b->rip;
	t->round_fail = t->e.p;
	c->site = c->fix = emit_jmp32(&t->e);
}

/* The jump back of the block as ever, and what is behind it. */
static bool put(struct tr *t, struct insn *i, enum gen *r)
{
	const u64 next = t->next;
	u8 *begin, *fix;
	u16 first;

	t->round = ROUND_NONE;
	t->share.left = 0;
	*r = tr_add_insn(t);
	t->n++;
	fix = t->round_begin;
	put_between(t, *r == GEN_NEXT ? next : 0);
	emit_land32(&t->e, fix);
	t->round_begin = begin = t->e.p;
	put_look_ups(t, t->rounds);
	first = t->n;
	*r = GEN_NEXT;
	for (t->round = 0; t->round < t->rounds->nr; t->round++) {
		t->next = t->b->rip;
		if (!put_round(t, i, r))
			return false;
	}
	/* Whoever stops among the look-ups has done nothing of the first round. */
	t->b->site[first].host = (u16)(begin + t->e.delta - t->b->host);
	return true;
}

bool tr_rounds(struct tr *t, struct insn *i, enum gen *r)
{
	const u64 rip = t->rip;
	const u16 n = t->n;
	struct rounds p;
	struct mark start;
	bool done;

	if (!tr_plan_rounds(t, &p))
		return false;
	start = tr_mark(t);
	t->rounds = &p;
	done = put(t, i, r);
	t->rounds = NULL;
	t->bt->stats.rounds += done;
	if (done)
		return true;
	tr_back_to(t, &start);
	t->n = n;
	t->next = rip;
	tr_next_insn(t, i);
	return false;
}
