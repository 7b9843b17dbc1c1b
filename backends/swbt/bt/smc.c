/* SPDX-License-Identifier: MIT */
/*
 * Self-modifying code: pages with blocks have no entry for writing, so every write comes by here
 * before it is done. Only blocks that contain one of the bytes go. Data beside code is told from it
 * by lines of 64 bytes first, so that what it costs does not depend on how many blocks there are. A
 * page whose last block has gone stays like that for a few writes more (BT_CODE_WRITES).
 */
#include "backends/swbt/bt/bt.h"
#include "common/traplog.h"

#define LINE_SHIFT 6 /* PAGE_SIZE / 64 bits */

/* The lines that LEN bytes at GPA touch, as far as they lie on the page of PAGE. */
static u64 lines(u64 page, u64 gpa, u64 len)
{
	u64 first = gpa, last = gpa + len - 1;

	if (!len || last >> 12 < page >> 12 || first >> 12 > page >> 12)
		return 0;
	first = first >> 12 < page >> 12 ? 0 : (first & PAGE_MASK) >> LINE_SHIFT;
	last = last >> 12 > page >> 12 ? 63 : (last & PAGE_MASK) >> LINE_SHIFT;
	return ~0ull << first & ~0ull >> (63 - last);
}

static u64 lines_of(const struct block *b, u64 page)
{
	u64 first = b->length;

	if (!b->gpa2)
		return lines(page, b->gpa, first);
	first = PAGE_SIZE - (b->gpa & PAGE_MASK);
	return lines(page, b->gpa, first) | lines(page, b->gpa2, b->length - first);
}

void smc_add(struct bt *bt, const struct block *b)
{
	bt->code_lines[b->gpa >> 12] |= lines_of(b, b->gpa);
	if (b->gpa2)
		bt->code_lines[b->gpa2 >> 12] |= lines_of(b, b->gpa2);
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool contains(const struct block *b, u64 gpa, u32 len)
{
	u64 first = b->length;

	if (!b->gpa2)
		return overlap(gpa, len, b->gpa, first);
	first = PAGE_SIZE - (b->gpa & PAGE_MASK);
	return overlap(gpa, len, b->gpa, first) || overlap(gpa, len, b->gpa2, b->length - first);
}

/* Blocks of PAGE that contain one of the bytes go; lines without any left are found again. */
static void write_page(struct bt *bt, u64 page, u64 gpa, u32 len)
{
	struct page_link *l = near_get(&bt->page_blocks[page >> 12]), *next;
	u64 left = 0;

	for (; l; l = next) {
		struct block *b = near_get(&l->block);

		next = near_get(&l->next);
		if (contains(b, gpa, len)) {
			block_drop(bt, b);
			bt->stats.invalidations++;
		} else {
			left |= lines_of(b, page);
		}
	}
	bt->code_lines[page >> 12] = left;
}

/* One more write to PAGE, which nobody may write unseen: it may be the last of those. */
static void count_write(struct bt *bt, u64 page)
{
	u8 *left = &bt->v->code_pages[page >> 12];

	if (*left && !near_get(&bt->page_blocks[page >> 12]))
		--*left;
}

void bt_code_written(struct vcpu *v, u64 gpa, u32 len)
{
	struct bt *bt = bt_of(v);
	u64 before = bt->stats.invalidations, start = 0;
	enum account_part part;

	for (u64 page = gpa & ~(u64)PAGE_MASK; page < gpa + len; page += PAGE_SIZE) {
		if (likely(!(bt->code_lines[page >> 12] & lines(page, gpa, len)))) {
			count_write(bt, page);
			continue;
		}
		if (!start)
			start = __builtin_ia32_rdtsc();
		part = account_enter(v->account, ACCOUNT_TRANSLATION);
		write_page(bt, page, gpa, len);
		account_leave(v->account, part);
	}
	if (bt->stats.invalidations == before)
		return;
	trap_add(&v->vm->traps, TRAP_INVALIDATE, __builtin_ia32_rdtsc() - start);
	traplog_note(&v->vm->traps, TRAP_INVALIDATE, start, v->s.rip);
}
