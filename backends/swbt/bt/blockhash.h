/* SPDX-License-Identifier: MIT */
/*
 * Where blocks are found: an open hash table of words of which the upper half is a block's hash and
 * the lower says where it is, so that no block is looked at but the one that is looked for, nor
 * when there is none. It grows with what is in it.
 */
#ifndef FVB_SWBT_BT_BLOCKHASH_H
#define FVB_SWBT_BT_BLOCKHASH_H

#include "common/types.h"

struct blockhash {
	u64 *slot; /* of the present size; in AREA, whose number SIZE it begins at */
	u64 *area;
	u64 size, used, max; /* slots; powers of two but USED */
};

/* For at most ENTRIES. 0 or -ENOMEM. */
int blockhash_init(struct blockhash *h, u64 entries);
void blockhash_fini(struct blockhash *h);

/* WHERE is not 0. Not while it is tight. */
void blockhash_add(struct blockhash *h, u32 hash, u32 where);
/* It is there. */
void blockhash_remove(struct blockhash *h, u32 hash, u32 where);

/* Has the next entry no room? blockhash_grow makes some, with a system call. */
static inline bool blockhash_tight(const struct blockhash *h)
{
	return h->used >= h->size / 8 * 5 && h->size < h->max;
}
void blockhash_grow(struct blockhash *h);

/* The next one of those with HASH, or 0. *AT is HASH before the first. */
static inline u32 blockhash_next(const struct blockhash *h, u32 hash, u32 *at)
{
	u64 entry;

	do {
		entry = h->slot[(*at)++ & (h->size - 1)];
	} while (entry && entry >> 32 != hash);
	return (u32)entry;
}

#endif
