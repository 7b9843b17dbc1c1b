/* SPDX-License-Identifier: MIT */
/* Finding the code at RIP, or making it. */
#include "backends/swbt/bt/watch.h"

/* Where the page after B's is now, or 1: it cannot be executed. */
static u64 second_page(struct vcpu *v, const struct block *b)
{
	struct mmu_tlb_entry *e;

	if (mmu_translate(v, bt_next_page(b->key, b->rip), ACC_EXEC, &e) || !e->host)
		return 1;
	return e->gpa;
}

/* B is on two pages: does its second one lie where it did? Looking may set an accessed bit, in B
 * itself even. */
static bool still_there(struct bt *bt, struct block *b)
{
	bool same = b->gpa2 == second_page(bt->v, b);

	if (!same && !b->dropped)
		block_drop(bt, b);
	return same && !b->dropped;
}

/* Let indirect jumps find B, in a page that is GLOBAL, as far as NEXT came by one. */
static void add_target(struct bt *bt, struct space *s, struct block *b, const struct next *next,
		       bool global)
{
	const unsigned int first = (unsigned int)(s - bt->pages.space) * NR_TARGETS;
	bool indirect = bt->v->bt_config.chain && !next->link;

	for (unsigned int n = 0; n < 2; n++) {
		enum targets_id id = bt_targets(b->key, n);

		/* What begins a block on two pages looks among those of jumps. */
		if (!(indirect && (next->both || next->returns == n)) && !(b->gpa2 && !n))
			continue;
		targets_add(&s->targets[id], bt_target(b->key, b->rip), b->host,
			    global && !b->gpa2);
		b->target_of |= BIT(first + id);
	}
}

/* The block in whose middle the jump that led here may go on, or NULL. */
static struct block *find_around(const struct bt *bt, const struct next *next, u64 gpa, u64 key)
{
	const struct bt_config *config = &bt->v->bt_config;
	const struct exit *x = next->link;

	/* Executions are counted where blocks begin. An interrupt may have come before the jump. */
	if (!x || !config->chain || config->flush_always || watch_counts(bt) ||
	    !exit_link_of(x)->site || (u64)exit_link_of(x)->target != bt_linear(bt->v))
		return NULL;
	return block_around(bt, x, gpa, key);
}

/* The block at RIP and GPA, in the page that is at HOST, for KEY. */
static struct block *get_block(struct bt *bt, const u8 *host, const struct next *next, u64 gpa,
			       u64 key)
{
	struct block *b = block_find(bt, bt_linear(bt->v), gpa, key);
	enum account_part before;

	if (b && unlikely(b->gpa2) && !still_there(bt, b))
		b = NULL;
	if (!b)
		b = find_around(bt, next, gpa, key);
	if (b)
		return b;
	before = account_enter(bt->v->account, ACCOUNT_TRANSLATION);
	b = bt_translate(bt, host, gpa, key);
	account_leave(bt->v->account, before);
	if (b && b->unaligned)
		bt->stats.foreseen++;
	return b;
}

static struct block *find(struct bt *bt, struct space *s, u64 key, const struct next *next)
{
	struct vcpu *v = bt->v;
	struct mmu_tlb_entry *e;
	u64 at = bt_linear(v), gpa;
	const u8 *host;
	struct block *b;
	bool global;

	if (mmu_translate(v, at, ACC_EXEC, &e) || !e->host)
		return NULL;
	gpa = e->gpa + (at & PAGE_MASK);
	host = e->host;
	global = e->global;
	b = get_block(bt, host, next, gpa, key);
	if (b && unlikely(b->unaligned))
		b = get_block(bt, host, next, gpa, key | KEY_ALIGNMENT);
	if (b)
		add_target(bt, s, b, next, global);
	return b;
}

/* The number of the code page of B, which S has just been seen to hold. */
static u16 see_page(struct bt *bt, struct space *s, const struct block *b)
{
	struct seen_page p = { .page = b->rip >> 12 };
	struct mmu_tlb_entry *e;

	if (mmu_translate(bt->v, b->rip, ACC_EXEC, &e))
		return 0;
	p.id = codepage_number(bt, b->rip, e->gpa);
	p.shift = e->shift;
	p.global = e->global;
	seen_add(&s->seen, &p);
	return p.id;
}

/* May code for FROM jump to code for TO? SYSCALL does, to where the flags are as KEY_FLAGS says;
 * and what treats alignment otherwise is reached by way of bt->across. */
static bool same_code(u64 from, u64 to)
{
	return !((from ^ to) & ~KEY_ALIGNMENT) ||
	       (from & KEY_CPL3 && !((from ^ to ^ KEY_PRIVILEGE) & ~KEY_ALIGNMENT));
}

static void link_to(struct bt *bt, struct space *s, struct exit *x, struct block *to)
{
	const struct block *from = exit_block(x);
	struct link *l = exit_link_of(x);
	u16 page = 0;

	/* An interrupt may have come first. */
	if (!l || !l->site || from->dropped || (u64)l->target != bt_linear(bt->v) ||
	    !same_code(from->key, to->key) || !bt->v->bt_config.chain)
		return;
	if (l->guard)
		page = see_page(bt, s, to);
	if (near_get(&l->to) == to || (l->guard && !page))
		return;
	if (near_get(&l->to))
		exit_unlink(bt, x);
	exit_link(bt, x, to, page);
}

bool bt_look_up(struct bt *bt, struct space **space, struct next *next)
{
	u64 generation = bt->generation;
	struct block *b;
	u64 key;

	if (!bt_possible(bt->v))
		return false;
	if (bt->v->bt_config.flush_always) {
		enum account_part before = account_enter(bt->v->account, ACCOUNT_TRANSLATION);

		blocks_flush(bt);
		account_leave(bt->v->account, before);
	}
	*space = bt_space(bt, &key);
	b = find(bt, *space, next->alignment ? key | KEY_ALIGNMENT : key, next);
	if (!b)
		return false;
	if (next->link && bt->generation == generation)
		link_to(bt, *space, next->link, b);
	bt->stats.found++;
	next->host = block_door(b, bt_linear(bt->v));
	next->key = b->key;
	return true;
}
