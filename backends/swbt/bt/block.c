/* SPDX-License-Identifier: MIT */
/* Blocks: finding them, linking them, dropping them. */
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/emit.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/fpu.h"
#include "common/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* The least there can be: a jump to an exit, and the exit. */
#define BYTES_PER_BLOCK 16
#define BYTES_PER_EXIT	16

#define LARGE	      (2 * MiB)
#define RECORDS_SMALL (256 * KiB)

/* A block's place, and the exits' numbers, fit in 32 bits; near.h. */
_Static_assert(4ull * BT_CACHE_MAX / 8 < BIT64(32), "blockhash knows where each block is");
_Static_assert(sizeof(struct exit) == 16 && sizeof(struct link) == 24, "they are many");

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static void release(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

/* Of the records' parts, in the order in which they lie. They are filled from the bottom, and a
 * large page takes the host a tenth of what 512 small ones do: the first RECORDS_SMALL of what is
 * known about blocks lie in front of one, since small guests need no more. */
static size_t heads_size(const struct bt *bt)
{
	return ALIGN_UP(bt->nr_pages * sizeof(*bt->page_blocks) + RECORDS_SMALL, LARGE) -
	       RECORDS_SMALL;
}

static size_t exits_size(const struct bt *bt)
{
	return ALIGN_UP(bt->max_exits * sizeof(*bt->exits), LARGE);
}

static size_t records_size(const struct bt *bt)
{
	return heads_size(bt) + exits_size(bt) + bt->meta_size + LARGE;
}

static int records_init(struct bt *bt)
{
	u8 *p = reserve(records_size(bt));

	bt->records = p;
	if (!p)
		return -ENOMEM;
	p = (u8 *)ALIGN_UP((uintptr_t)p, LARGE);
	bt->page_blocks = (struct near *)(void *)p;
	p += heads_size(bt);
	madvise(p + exits_size(bt), bt->meta_size, MADV_HUGEPAGE); /* if the host has any */
	bt->exits = (struct exit *)(void *)p;
	bt->meta = p + exits_size(bt);
	return 0;
}

int blocks_init(struct bt *bt)
{
	const struct ram *ram = &bt->v->vm->ram;
	const struct ram_region *last = &ram->region[ram->nr - 1];

	bt->nr_pages = (last->gpa + last->size) >> 12;
	bt->max_exits = (u32)(bt->cache.size / BYTES_PER_EXIT) + BT_BLOCK_EXITS;
	for (bt->max_blocks = 1; bt->max_blocks < bt->cache.size / BYTES_PER_BLOCK;)
		bt->max_blocks *= 2;
	bt->meta_size = 4 * bt->cache.size;
	bt->blocks = reserve(bt->max_blocks * sizeof(struct block *));
	bt->code_lines = reserve(bt->nr_pages * sizeof(*bt->code_lines));
	bt->starts = reserve(bt->nr_pages * sizeof(*bt->starts));
	bt->v->code_pages = reserve(bt->nr_pages);
	bt->sites = calloc(BT_ADAPT_SITES, sizeof(*bt->sites));
	bt->nr_exits = FIRST_EXIT;
	bt->insns = calloc(1, sizeof(*bt->insns));
	bt->templates = calloc(1, sizeof(*bt->templates));
	if (!bt->insns || !bt->templates || codepages_init(&bt->code_pages) || records_init(bt) ||
	    blockhash_init(&bt->hash, bt->max_blocks))
		return -ENOMEM;
	if (!bt->blocks || !bt->code_lines || !bt->starts || !bt->v->code_pages || !bt->sites)
		return -ENOMEM;
	return 0;
}

void blocks_fini(struct bt *bt)
{
	release(bt->records, records_size(bt));
	release(bt->blocks, bt->max_blocks * sizeof(struct block *));
	release(bt->code_lines, bt->nr_pages * sizeof(*bt->code_lines));
	release(bt->starts, bt->nr_pages * sizeof(*bt->starts));
	release(bt->v->code_pages, bt->nr_pages);
	bt->v->code_pages = NULL;
	blockhash_fini(&bt->hash);
	free(bt->sites);
	free(bt->insns);
	free(bt->templates);
	codepages_fini(&bt->code_pages);
}

/* ---- finding --------------------------------------------------------------------------------- */

static u32 hash_of(u64 rip, u64 gpa, u64 key)
{
	return (rip ^ gpa << 20 ^ (key ^ key >> 33) << 50) * 0x9e3779b97f4a7c15ull >> 32;
}

/* As the hash knows it. */
static u32 place_of(const struct bt *bt, const struct block *b)
{
	return (u32)(((const u8 *)b - bt->meta) / 8) + 1;
}

static struct block *block_in(const struct bt *bt, u32 place)
{
	return (struct block *)(void *)(bt->meta + (size_t)(place - 1) * 8);
}

static u64 *start_word(const struct bt *bt, u64 gpa)
{
	return &bt->starts[gpa >> 12].bits[gpa >> 10 & 3];
}

/* Half of the blocks that are looked for are not there: that is mostly known without the hash,
 * which is too big for the host's nearer caches. */
static bool may_begin(const struct bt *bt, u64 gpa)
{
	return *start_word(bt, gpa) >> (gpa >> 4 & 63) & 1;
}

struct block *block_find(const struct bt *bt, u64 rip, u64 gpa, u64 key)
{
	u32 hash = hash_of(rip, gpa, key), at = hash, place;

	if (!may_begin(bt, gpa))
		return NULL;
	while ((place = blockhash_next(&bt->hash, hash, &at))) {
		struct block *b = block_in(bt, place);

		if (b->rip == rip && b->gpa == gpa && b->key == key)
			return b;
	}
	return NULL;
}

const u8 *block_door(const struct block *b, u64 rip)
{
	u64 guest = rip - b->rip;

	if (!guest)
		return b->host;
	if (guest >= b->length)
		return NULL;
	/* Rounds of a loop come last, and are no doors. */
	for (u16 n = 1; n < b->nr && b->site[n].guest <= guest; n++)
		if (b->site[n].guest == guest)
			return b->site[n].door ? b->host + b->site[n].host : NULL;
	return NULL;
}

/* Does X close a loop, for all one can tell? That is better off as a block of its own. */
static bool goes_back(const struct exit *x, u64 to)
{
	const struct block *from = exit_block(x);
	u64 rip = from->rip + from->site[x->insn].guest;

	return to <= rip &&
	       (to >= from->rip || (rip - to < BT_LOOP_BYTES && x->insn + 1 < from->nr));
}

struct block *block_around(const struct bt *bt, const struct exit *x, u64 gpa, u64 key)
{
	u64 to = (u64)exit_link_of(x)->target, in_page = gpa & PAGE_MASK;
	const struct page_link *l;
	unsigned int most = BT_AROUND;

	if (exit_block(x)->key != key || goes_back(x, to) ||
	    !(bt->code_lines[gpa >> 12] >> (in_page >> 6) & 1))
		return NULL;
	for (l = near_get(&bt->page_blocks[gpa >> 12]); l && most; l = near_get(&l->next), most--) {
		struct block *b = near_get(&l->block);

		if (gpa - b->gpa < b->length && b->key == key && b->rip - b->gpa == to - gpa &&
		    !b->gpa2 && !b->unaligned && block_door(b, to))
			return b;
	}
	return NULL;
}

struct block *block_at(const struct bt *bt, const u8 *host)
{
	bool present_lap = host < bt->cache.exec + bt->cache.used;
	u64 low = present_lap ? bt->lap : bt->oldest, high = present_lap ? bt->newest : bt->lap;
	struct block *b;

	while (high - low > 1) {
		u64 mid = low + (high - low) / 2;

		if (block_nr(bt, mid)->host <= host)
			low = mid;
		else
			high = mid;
	}
	if (low == high)
		return NULL;
	b = block_nr(bt, low);
	return host >= b->host && host < b->host + b->host_length ? b : NULL;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* A block, its sites, the instructions that it calls out for, and its links. */
static size_t calls_at(unsigned int nr)
{
	return ALIGN_UP(offsetof(struct block, site) + (nr + 1) * sizeof(struct site), 8);
}

static size_t links_at(unsigned int nr, unsigned int nr_calls)
{
	return calls_at(nr) + nr_calls * sizeof(struct insn);
}

static size_t meta_of(unsigned int nr, unsigned int nr_calls, unsigned int nr_links)
{
	return links_at(nr, nr_calls) + nr_links * sizeof(struct link);
}

struct block *block_new(struct bt *bt, unsigned int nr)
{
	struct block *b;

	blocks_make_room(bt, meta_of(nr, BT_BLOCK_CALLS, BT_BLOCK_EXITS));
	b = (struct block *)(void *)(bt->meta + bt->meta_used);
	*b = (struct block){ .first_exit = bt->nr_exits };
	return b;
}

struct insn *block_calls(struct block *b)
{
	return (struct insn *)(void *)((u8 *)b + calls_at(b->nr));
}

struct link *block_links(struct block *b)
{
	return (struct link *)(void *)((u8 *)b + links_at(b->nr, b->nr_calls));
}

static void page_add(struct bt *bt, struct page_link *l, struct block *b, u64 gpa)
{
	struct near *head = &bt->page_blocks[gpa >> 12];
	struct page_link *next = near_get(head);

	if (!bt->v->code_pages[gpa >> 12])
		pagetable_protect(&bt->pages,
				  ram_at(&bt->v->vm->ram, gpa & ~(u64)PAGE_MASK, PAGE_SIZE));
	bt->v->code_pages[gpa >> 12] = BT_CODE_WRITES;
	near_set(&l->block, b);
	near_set(&l->next, next);
	near_set(&l->before, head);
	if (next)
		near_set(&next->before, &l->next);
	near_set(head, l);
}

static void page_remove(struct bt *bt, struct page_link *l, u64 gpa)
{
	struct page_link *next = near_get(&l->next);
	struct near *before = near_get(&l->before);

	near_set(before, next);
	if (next)
		near_set(&next->before, before);
	if (near_get(&bt->page_blocks[gpa >> 12]))
		return;
	bt->code_lines[gpa >> 12] = 0;
	bt->starts[gpa >> 12] = (struct starts){ 0 };
}

void block_publish(struct bt *bt, struct block *b)
{
	bt->blocks[bt->newest++ & (bt->max_blocks - 1)] = b;
	bt->meta_used += meta_of(b->nr, b->nr_calls, b->nr_links);
	blockhash_add(&bt->hash, hash_of(b->rip, b->gpa, b->key), place_of(bt, b));
	page_add(bt, &b->page[0], b, b->gpa);
	if (b->gpa2)
		page_add(bt, &b->page[1], b, b->gpa2);
	smc_add(bt, b);
	*start_word(bt, b->gpa) |= BIT64(b->gpa >> 4 & 63);
}

/* ---- linking --------------------------------------------------------------------------------- */

/* Where OFFSET of the code of X's block is written. */
static u8 *code_of(const struct bt *bt, const struct exit *x, u16 offset)
{
	return cache_write(&bt->cache, exit_block(x)->host) + offset;
}

static void guard(const struct bt *bt, const struct exit *x, struct link *l, u16 page)
{
	s32 disp = (s32)SPACE_SEEN + page;

	l->page = page;
	__builtin_memcpy(code_of(bt, x, l->guard), &disp, 4);
}

/* The end of X's code goes to block TO, or to the dispatcher. */
static void put_tail(struct bt *bt, const struct exit *x, const struct block *to)
{
	struct emit e = { .p = cache_write(&bt->cache, exit_stub(x)) + x->tail,
			  .delta = bt->cache.exec - bt->cache.write };

	if (to)
		emit_lea_code(&e, RCX, to->host);
	else
		emit_const(&e, RCX, (u64)(x - bt->exits));
	emit_jmp_to(&e, to ? bt->across[!!(to->key & KEY_ALIGNMENT)] : bt->leave);
}

void exit_link(struct bt *bt, struct exit *x, struct block *to, u16 page)
{
	struct link *l = exit_link_of(x);
	struct exit *next = near_get(&to->incoming);

	fpu_unalign(bt->v);
	x->across = (exit_block(x)->key ^ to->key) & KEY_ALIGNMENT;
	if (x->across)
		put_tail(bt, x, to);
	emit_fix32(code_of(bt, x, l->site),
		   cache_write(&bt->cache, x->across ? exit_stub(x) + x->tail
						     : block_door(to, (u64)l->target)));
	if (l->guard)
		guard(bt, x, l, page);
	near_set(&l->to, to);
	near_set(&l->next, next);
	near_set(&l->before, &to->incoming);
	if (next)
		near_set(&exit_link_of(next)->before, &l->next);
	near_set(&to->incoming, x);
	bt->stats.links++;
}

void exit_unlink(struct bt *bt, struct exit *x)
{
	struct link *l = exit_link_of(x);
	struct exit *next = near_get(&l->next);
	struct near *before = near_get(&l->before);

	near_set(before, next);
	if (next)
		near_set(&exit_link_of(next)->before, before);
	near_set(&l->to, NULL);
	fpu_unalign(bt->v);
	if (l->guard)
		guard(bt, x, l, 0);
	if (x->across)
		put_tail(bt, x, NULL);
	x->across = false;
	emit_fix32(code_of(bt, x, l->site), cache_write(&bt->cache, exit_stub(x)));
}

void block_unlink(struct bt *bt, struct block *b)
{
	struct exit *x;

	while ((x = near_get(&b->incoming)))
		exit_unlink(bt, x);
	for (; b->target_of; b->target_of &= b->target_of - 1) {
		unsigned int n = (unsigned int)__builtin_ctz(b->target_of);

		targets_drop(&bt->pages.space[n / NR_TARGETS].targets[n % NR_TARGETS], b->rip,
			     b->host);
	}
}

/* The block that X, one of B's that needs no guard, can be linked to at once, or NULL. */
static struct block *known_target(struct bt *bt, const struct exit *x, struct block *b, bool inside)
{
	u64 to = (u64)exit_link_of(x)->target;
	struct block *known = block_find(bt, to, b->gpa + (to - b->rip), b->key);

	if (known)
		return known->gpa2 || known->unaligned ? NULL : known;
	return inside && !goes_back(x, to) && block_door(b, to) ? b : NULL;
}

void block_link_known(struct bt *bt, struct block *b, bool inside)
{
	for (u32 n = 0; n < b->nr_exits; n++) {
		struct exit *x = &bt->exits[b->first_exit + n];
		const struct link *l = exit_link_of(x);
		struct block *to;

		if (!l || !l->site || l->guard || ((u64)l->target ^ b->rip) >> 12)
			continue;
		to = known_target(bt, x, b, inside);
		if (to)
			exit_link(bt, x, to, 0);
	}
}

/* ---- dropping -------------------------------------------------------------------------------- */

void block_drop(struct bt *bt, struct block *b)
{
	bt->generation++;
	b->dropped = true;
	block_unlink(bt, b);
	for (u32 n = 0; n < b->nr_exits; n++)
		if (exit_linked_to(&bt->exits[b->first_exit + n]))
			exit_unlink(bt, &bt->exits[b->first_exit + n]);
	blockhash_remove(&bt->hash, hash_of(b->rip, b->gpa, b->key), place_of(bt, b));
	page_remove(bt, &b->page[0], b->gpa);
	if (b->gpa2)
		page_remove(bt, &b->page[1], b->gpa2);
}
