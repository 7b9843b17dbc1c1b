/* SPDX-License-Identifier: MIT */
/* Self-modifying code: pages with blocks have no entry for writing, so every write comes by here
 * before it is done. Only blocks that contain one of the bytes go. */
#include "backends/swbt/bt/bt.h"

static bool overlaps(const struct block *b, u64 gpa, u32 len)
{
	return gpa < b->gpa + b->length && b->gpa < gpa + len;
}

void bt_code_written(struct vcpu *v, u64 gpa, u32 len)
{
	struct bt *bt = bt_of(v);

	for (u64 page = gpa >> 12; page <= (gpa + len - 1) >> 12; page++) {
		struct block *b = bt->page_blocks[page], *next;

		for (; b; b = next) {
			next = b->page_next;
			if (overlaps(b, gpa, len)) {
				block_drop(bt, b);
				bt->stats.invalidations++;
			}
		}
	}
}
