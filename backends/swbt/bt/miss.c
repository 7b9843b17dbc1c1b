/* SPDX-License-Identifier: MIT */
/* Accesses whose page has no entry in the software page table: it gets one, or there is none. */
#include "backends/swbt/bt/reenter.h"
#include "common/traplog.h"

/* No operand that begins there reaches into the next page, or wraps. */
static bool inside_page(u64 linear)
{
	return (linear & PAGE_MASK) <= PAGE_SIZE - 8;
}

/* The page of frame.linear, which is entered in S, was none of the several guesses: from now on it
 * is one. True: there have been too many such pages in too short a time. */
static bool note_place(struct bt *bt, const struct space *s)
{
	u64 *place = bt->v->frame.place, *less = bt->v->frame.less, now;
	const u64 here = s->read[(u32)(bt->v->frame.linear >> 12)];
	const u32 nr = ARRAY_SIZE(bt->v->frame.place);
	bool often;

	for (u32 n = 0; n < nr; n++)
		if (place[n] == here)
			return false; /* only the page was not entered */
	place[bt->next_place++ % nr] = here;
	for (u32 n = 0; n < nr; n++)
		less[n] = (n ? place[n - 1] : 0) - place[n];
	if (++bt->place_misses < BT_PLACE_MISSES)
		return false;
	now = __builtin_ia32_rdtsc();
	often = now - bt->placing < BT_PLACE_MISSES * BT_PLACE_CYCLES;
	bt->placing = now;
	bt->place_misses = 0;
	return often;
}

/* The page of frame.linear is not entered. */
static inline enum miss fill(struct bt *bt, struct space *s, const struct exit *x)
{
	u32 access = x->kind == EXIT_WRITE ? ACC_WRITE : ACC_READ;
	struct vcpu *v = bt->v;
	u64 *fills = &v->vm->traps.c[TRAP_TLB_FILL].count, before = *fills;
	u64 generation = bt->generation, start = traplog_clock(&v->vm->traps);
	int r;

	/* #GP for alignment comes before any look for the page, which does not become dirty. */
	if (unlikely(!canonical(v->s.gpr[RSP]) || v->frame.linear & x->aligned))
		return MISS_STEP;
	r = pagetable_fill(&bt->pages, s, v, v->frame.linear, access);
	/* Accessed and dirty bits may have been set in what was translated, this block even. */
	if (unlikely(bt->generation != generation))
		return MISS_STEP;
	if (unlikely(x->guess && !v->frame.guesses))
		return MISS_GUESSES;
	if (unlikely(r))
		return r == EXC ? MISS_FAULT : MISS_SLOW;
	if (unlikely(x->places && note_place(bt, s)))
		return MISS_PLACES;
	/* One trap, whether the TLB had to be filled for it, or had it. */
	if (*fills == before)
		traplog_note(&v->vm->traps, TRAP_TLB_FILL, start, v->s.rip);
	*fills = before + 1;
	return MISS_FILLED;
}

enum after bt_after_miss(struct bt *bt, struct space *s, struct exit *x, struct next *next)
{
	struct block *b = exit_block(x);
	const struct site *site = &b->site[x->insn];
	struct vcpu *v = bt->v;

	switch (bt->miss) {
	case MISS_FILLED:
		next->host = b->host + site->host;
		next->key = b->key;
		next->shadow = site->shadow;
		return AFTER_RESUME;
	case MISS_FAULT:
		if (!x->direct || v->exc.vector != PF || !inside_page(v->frame.linear))
			return AFTER_STEP;
		next->result = EMU_FAULT;
		return AFTER_DONE;
	case MISS_SLOW:
		if (exit_call(x))
			return bt_call_out(bt, s, x, next);
		adapt_missed(bt, b, x->insn);
		return AFTER_STEP;
	case MISS_GUESSES:
		adapt_guesses(bt, b, x->insn);
		return AFTER_STEP;
	case MISS_PLACES:
		adapt_places(bt, b, x->insn);
		return AFTER_STEP;
	default:
		return AFTER_STEP;
	}
}

enum after bt_handle_miss(struct bt *bt, struct space *s, struct exit *x, struct next *next)
{
	bt->miss = fill(bt, s, x);
	return bt_after_miss(bt, s, x, next);
}

int bt_miss(struct bt *bt, u32 exit)
{
	struct vcpu *v = bt->v;
	const struct exit *x = &bt->exits[exit];
	const struct block *b = exit_block(x);

	bt_left(bt, x);
	bt->stats.exits[x->kind]++;
	bt_go_to(v, b, x->insn);
	bt->miss = fill(bt, pagetable_space(&bt->pages, v), x);
	if (unlikely(bt->miss != MISS_FILLED))
		return LIGHT_FAILED;
	bt->entered_shadow = b->site[x->insn].shadow;
	return bt_reenter(bt, b->host + b->site[x->insn].host, b->key);
}

bool bt_at_device(struct vcpu *v, const struct exit *x)
{
	const struct mmu_tlb_entry *e;

	if (!exit_call(x))
		return false;
	e = mmu_hit(v, v->frame.linear, mmu_right_quick(v),
		    x->kind == EXIT_WRITE ? ACC_WRITE : ACC_READ);
	return e && !e->host;
}
