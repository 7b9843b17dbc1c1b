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

#define LARGE_AFTER (2 * MiB)

static void *reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Much of it will be used if its beginning is: what comes later in large pages. */
static void *reserve_large(size_t size)
{
	u8 *p = reserve(size);

	if (p && size > LARGE_AFTER)
		madvise(p + LARGE_AFTER, size - LARGE_AFTER, MADV_HUGEPAGE);
	return p;
}

static void release(void *p, size_t size)
{
	if (p)
		munmap(p, size);
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
	bt->exits = reserve_large(bt->max_exits * sizeof(*bt->exits));
	bt->blocks = reserve(bt->max_blocks * sizeof(struct block *));
	bt->meta = reserve_large(bt->meta_size);
	bt->page_blocks = reserve(bt->nr_pages * sizeof(struct page_link *));
	bt->code_lines = reserve(bt->nr_pages * sizeof(*bt->code_lines));
	bt->v->code_pages = reserve(bt->nr_pages);
	bt->hash = calloc(BT_BUCKETS, sizeof(*bt->hash));
	bt->sites = calloc(BT_ADAPT_SITES, sizeof(*bt->sites));
	bt->nr_exits = FIRST_EXIT;
	bt->insns = calloc(1, sizeof(*bt->insns));
	bt->templates = calloc(1, sizeof(*bt->templates));
	if (!bt->insns || !bt->templates || codepages_init(&bt->code_pages))
		return -ENOMEM;
	if (!bt->exits || !bt->blocks || !bt->meta || !bt->page_blocks || !bt->code_lines ||
	    !bt->v->code_pages || !bt->hash || !bt->sites)
		return -ENOMEM;
	return 0;
}

void blocks_fini(struct bt *bt)
{
	release(bt->exits, bt->max_exits * sizeof(*bt->exits));
	release(bt->blocks, bt->max_blocks * sizeof(struct block *));
	release(bt->meta, bt->meta_size);
	release(bt->page_blocks, bt->nr_pages * sizeof(struct page_link *));
	release(bt->code_lines, bt->nr_pages * sizeof(*bt->code_lines));
	release(bt->v->code_pages, bt->nr_pages);
	bt->v->code_pages = NULL;
	free(bt->hash);
	free(bt->sites);
	free(bt->insns);
	free(bt->templates);
	codepages_fini(&bt->code_pages);
}

/* ---- finding --------------------------------------------------------------------------------- */

/*
 * Buckets, and blocks for those behind them, have a block's address with bits of its hash above it:
 * most that are not looked for are not touched, which would be a cache miss each.
 */
#define TAG_SHIFT 48

static u64 hash_of(u64 rip, u64 gpa, u64 key)
{
	return (rip ^ gpa << 20 ^ (key ^ key >> 33) << 50) * 0x9e3779b97f4a7c15ull;
}

static u64 *bucket(const struct bt *bt, u64 hash)
{
	return &bt->hash[hash >> 32 & (BT_BUCKETS - 1)];
}

static u64 tagged(const struct block *b, u64 hash)
{
	return (uintptr_t)b | hash >> TAG_SHIFT << TAG_SHIFT;
}

static struct block *untagged(u64 entry)
{
	return (struct block *)(uintptr_t)(entry << (64 - TAG_SHIFT) >> (64 - TAG_SHIFT));
}

struct block *block_find(const struct bt *bt, u64 rip, u64 gpa, u64 key)
{
	u64 hash = hash_of(rip, gpa, key), entry = *bucket(bt, hash);

	while (entry) {
		struct block *b = untagged(entry);

		if (entry >> TAG_SHIFT == hash >> TAG_SHIFT && b->rip == rip && b->gpa == gpa &&
		    b->key == key)
			return b;
		entry = b->hash_next;
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
	return sizeof(struct block) + ALIGN_UP((nr + 1) * sizeof(struct site), 16);
}

static size_t links_at(unsigned int nr, unsigned int nr_calls)
{
	return calls_at(nr) + ALIGN_UP(nr_calls * sizeof(struct insn), 16);
}

static size_t meta_of(unsigned int nr, unsigned int nr_calls, unsigned int nr_links)
{
	return links_at(nr, nr_calls) + ALIGN_UP(nr_links * sizeof(struct link), 16);
}

struct block *block_new(struct bt *bt, unsigned int nr)
{
	struct block *b;

	blocks_make_room(bt, meta_of(nr, BT_BLOCK_CALLS, BT_BLOCK_EXITS));
	b = (struct block *)(void *)(bt->meta + bt->meta_used);
	*b = (struct block){ .site = (struct site *)(void *)(b + 1), .first_exit = bt->nr_exits };
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
	struct page_link **head = &bt->page_blocks[gpa >> 12];

	if (!bt->v->code_pages[gpa >> 12])
		pagetable_protect(&bt->pages,
				  ram_at(&bt->v->vm->ram, gpa & ~(u64)PAGE_MASK, PAGE_SIZE));
	bt->v->code_pages[gpa >> 12] = BT_CODE_WRITES;
	*l = (struct page_link){ .block = b, .next = *head, .before = head };
	if (l->next)
		l->next->before = &l->next;
	*head = l;
}

static void page_remove(struct bt *bt, struct page_link *l, u64 gpa)
{
	*l->before = l->next;
	if (l->next)
		l->next->before = l->before;
	if (!bt->page_blocks[gpa >> 12])
		bt->code_lines[gpa >> 12] = 0;
}

void block_publish(struct bt *bt, struct block *b)
{
	u64 hash = hash_of(b->rip, b->gpa, b->key), *head = bucket(bt, hash);

	bt->blocks[bt->newest++ & (bt->max_blocks - 1)] = b;
	bt->meta_used += meta_of(b->nr, b->nr_calls, b->nr_links);
	b->hash_next = *head;
	*head = tagged(b, hash);
	page_add(bt, &b->page[0], b, b->gpa);
	if (b->gpa2)
		page_add(bt, &b->page[1], b, b->gpa2);
	smc_add(bt, b);
}

/* ---- linking --------------------------------------------------------------------------------- */

static void guard(struct link *l, u16 page)
{
	s32 disp = (s32)SPACE_SEEN + page;

	l->page = page;
	__builtin_memcpy(l->guard, &disp, 4);
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

	fpu_unalign(bt->v);
	x->across = (x->from->key ^ to->key) & KEY_ALIGNMENT;
	if (x->across)
		put_tail(bt, x, to);
	emit_fix32(l->site, cache_write(&bt->cache, x->across ? exit_stub(x) + x->tail : to->host));
	if (l->guard)
		guard(l, page);
	l->to = to;
	l->next = to->incoming;
	l->before = &to->incoming;
	if (l->next)
		exit_link_of(l->next)->before = &l->next;
	to->incoming = x;
	bt->stats.links++;
}

void exit_unlink(struct bt *bt, struct exit *x)
{
	struct link *l = exit_link_of(x);

	*l->before = l->next;
	if (l->next)
		exit_link_of(l->next)->before = l->before;
	l->to = NULL;
	fpu_unalign(bt->v);
	if (l->guard)
		guard(l, 0);
	if (x->across)
		put_tail(bt, x, NULL);
	x->across = false;
	emit_fix32(l->site, cache_write(&bt->cache, exit_stub(x)));
}

void block_unlink(struct bt *bt, struct block *b)
{
	while (b->incoming)
		exit_unlink(bt, b->incoming);
	for (; b->target_of; b->target_of &= b->target_of - 1) {
		unsigned int n = (unsigned int)__builtin_ctz(b->target_of);

		targets_drop(&bt->pages.space[n / NR_TARGETS].targets[n % NR_TARGETS], b->rip,
			     b->host);
	}
}

/* ---- dropping -------------------------------------------------------------------------------- */

void block_drop(struct bt *bt, struct block *b)
{
	u64 *p = bucket(bt, hash_of(b->rip, b->gpa, b->key));

	bt->generation++;
	b->dropped = true;
	block_unlink(bt, b);
	for (u32 n = 0; n < b->nr_exits; n++)
		if (exit_linked_to(&bt->exits[b->first_exit + n]))
			exit_unlink(bt, &bt->exits[b->first_exit + n]);
	while (untagged(*p) != b)
		p = &untagged(*p)->hash_next;
	*p = b->hash_next;
	page_remove(bt, &b->page[0], b->gpa);
	if (b->gpa2)
		page_remove(bt, &b->page[1], b->gpa2);
}
