/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/blockhash.h"
#include "backends/swbt/bt/tunables.h"

#include <errno.h>
#include <sys/mman.h>

/* Each size has a place of its own in AREA, behind all smaller ones: number SIZE on. */
static void place(struct blockhash *h, u64 size)
{
	h->size = size;
	h->slot = h->area + size;
	h->used = 0;
}

int blockhash_init(struct blockhash *h, u64 entries)
{
	for (h->max = BT_HASH_MIN; h->max < 2 * entries;)
		h->max *= 2;
	h->area = mmap(NULL, 2 * h->max * sizeof(u64), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (h->area == MAP_FAILED) {
		h->area = NULL;
		return -ENOMEM;
	}
	place(h, BT_HASH_MIN);
	return 0;
}

void blockhash_fini(struct blockhash *h)
{
	if (h->area)
		munmap(h->area, 2 * h->max * sizeof(u64));
	h->area = NULL;
}

static void put(struct blockhash *h, u64 entry)
{
	u64 at = entry >> 32;

	while (h->slot[at & (h->size - 1)])
		at++;
	h->slot[at & (h->size - 1)] = entry;
	h->used++;
}

void blockhash_add(struct blockhash *h, u32 hash, u32 where)
{
	put(h, (u64)hash << 32 | where);
}

void blockhash_grow(struct blockhash *h)
{
	u64 *old = h->slot, size = h->size;

	place(h, 2 * size);
	for (u64 n = 0; n < size; n++)
		if (old[n])
			put(h, old[n]);
	madvise(old, size * sizeof(u64), MADV_DONTNEED);
}

/* Entries behind it that would not be found past a free slot move up. */
void blockhash_remove(struct blockhash *h, u32 hash, u32 where)
{
	u64 mask = h->size - 1, wanted = (u64)hash << 32 | where, hole = hash, at;

	while (h->slot[hole & mask] != wanted)
		hole++;
	for (at = hole + 1; h->slot[at & mask]; at++) {
		u64 home = h->slot[at & mask] >> 32;

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		h->slot[hole & mask] = h->slot[at & mask];
		hole = at;
	}
	h->slot[hole & mask] = 0;
	h->used--;
}
