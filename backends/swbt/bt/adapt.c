/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/adapt.h"
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

static u32 place(u64 rip)
{
	return (rip * 0x9e3779b97f4a7c15ull) >> 32 & (BT_ADAPT_SITES - 1);
}

u32 adapt_how(const struct bt *bt, u64 rip, u64 gpa)
{
	const struct adapt_site *s;
	u32 n = place(rip);

	/* Asked for each instruction that is translated, and few have a site. */
	if (likely(!(bt->sites_used[n / 64] >> n % 64 & 1)))
		return 0;
	s = &bt->sites[n];
	return s->rip == rip && s->gpa == gpa ? s->how : 0;
}

/* The one for the instruction at RIP; a new one takes the place of whatever was there. */
static struct adapt_site *site_at(struct bt *bt, u64 rip, u64 gpa)
{
	u32 n = place(rip);
	struct adapt_site *s = &bt->sites[n];

	bt->sites_used[n / 64] |= BIT64(n % 64);
	if (s->rip != rip || s->gpa != gpa)
		*s = (struct adapt_site){ .rip = rip, .gpa = gpa };
	return s;
}

/* Instruction INSN of B. */
static struct adapt_site *site_of(struct bt *bt, const struct block *b, unsigned int insn)
{
	return site_at(bt, b->rip + b->site[insn].guest, b->gpa + b->site[insn].guest);
}

static void translate_anew(struct bt *bt, struct block *b)
{
	bt->stats.adapted++;
	if (!b->dropped)
		block_drop(bt, b);
}

/* Time to translate S another way, for HOW? A block made before that is late to learn of it. */
static bool due(struct adapt_site *s, u32 how)
{
	if (s->how & how)
		return true;
	if (++s->count < (s->times ? 1 : BT_ADAPT_AFTER))
		return false;
	s->count = 0;
	s->how |= (u8)how;
	return true;
}

void adapt_faulted(struct bt *bt, struct block *b, unsigned int insn)
{
	struct adapt_site *s;

	if (!bt->v->bt_config.adaptive)
		return;
	s = site_of(bt, b, insn);
	if (!due(s, ADAPT_CALL))
		return;
	s->calls = BT_ADAPT_CALLS << s->times;
	if (s->times < BT_ADAPT_TIMES)
		s->times++;
	translate_anew(bt, b);
}

void adapt_missed(struct bt *bt, struct block *b, unsigned int insn)
{
	if (bt->v->bt_config.adaptive && due(site_of(bt, b, insn), ADAPT_MISS))
		translate_anew(bt, b);
}

/* BT_GUESSES of them were wrong, this one the last: too many in too short a time? */
void adapt_guesses(struct bt *bt, struct block *b, unsigned int insn)
{
	u64 now = __builtin_ia32_rdtsc();
	bool often = now - bt->guessing < BT_GUESSES * BT_GUESS_CYCLES;

	bt->guessing = now;
	bt->v->frame.guesses = BT_GUESSES;
	if (!often)
		return;
	site_of(bt, b, insn)->how |= ADAPT_PLACES;
	translate_anew(bt, b);
}

void adapt_places(struct bt *bt, struct block *b, unsigned int insn)
{
	site_of(bt, b, insn)->how |= ADAPT_GUESS;
	translate_anew(bt, b);
}

void adapt_crossing(struct bt *bt, struct block *b, unsigned int insn)
{
	if (bt->v->bt_config.adaptive && due(site_of(bt, b, insn), ADAPT_CROSS))
		translate_anew(bt, b);
}

/* Eight bytes, displaced from nothing or a segment's base: what alone is worth the decoding. */
static bool at_fixed_place(const struct insn *i)
{
	return i->class == INSN_PLAIN && i->has_mem && i->mem_size == 8 &&
	       i->mem_index == REG_NONE && (i->mem_base == REG_NONE || i->mem_base == REG_PC);
}

bool adapt_foreseen(struct bt *bt, u64 rip, u64 gpa, const struct insn *i)
{
	struct adapt_site *s;

	if (!bt->v->bt_config.adaptive || !at_fixed_place(i))
		return false;
	s = site_at(bt, rip, gpa);
	if (s->how & ADAPT_SPLIT)
		return false;
	s->how |= ADAPT_SPLIT;
	return true;
}

bool adapt_unaligned(struct bt *bt, struct block *b, unsigned int insn)
{
	struct vcpu *v = bt->v;
	u8 bytes[INSN_MAX];
	struct insn i;
	u32 n;

	fpu_put(v);
	n = mem_fetch(v, bytes, INSN_MAX);
	if (decode(&i, bytes, n, v->mode) ||
	    !adapt_foreseen(bt, b->rip + b->site[insn].guest, b->gpa + b->site[insn].guest, &i))
		return false;
	translate_anew(bt, b);
	return true;
}

void adapt_called(struct bt *bt, struct block *b, unsigned int insn, bool faulted)
{
	struct adapt_site *s = site_of(bt, b, insn);

	if (s->how & ADAPT_CALL && (faulted || --s->calls))
		return;
	s->how &= (u8)~ADAPT_CALL;
	bt->stats.adapted_back++;
	if (!b->dropped)
		block_drop(bt, b);
}
