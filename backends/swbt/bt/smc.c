/* SPDX-License-Identifier: MIT */
/* Self-modifying code: pages with blocks have no entry for writing, so every write comes by here
 * before it is done. Only blocks that contain one of the bytes go. */
#include "backends/swbt/bt/bt.h"

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

void bt_code_written(struct vcpu *v, u64 gpa, u32 len)
{
	u64 start = __builtin_ia32_rdtsc();
	struct bt *bt = bt_of(v);
	u64 before = bt->stats.invalidations;

	for (u64 page = gpa >> 12; page <= (gpa + len - 1) >> 12; page++) {
		struct page_link *l = bt->page_blocks[page], *next;

		for (; l; l = next) {
			next = l->next;
			if (contains(l->block, gpa, len)) {
				block_drop(bt, l->block);
				bt->stats.invalidations++;
			}
		}
	}
	if (bt->stats.invalidations != before)
		trap_add(&v->vm->traps, TRAP_INVALIDATE, __builtin_ia32_rdtsc() - start);
}
