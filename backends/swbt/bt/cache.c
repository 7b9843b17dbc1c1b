/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/cache.h"
#include "backends/swbt/bt/tunables.h"
#include "backends/swbt/views.h"

#include <sys/mman.h>

/*
 * Blocks begin in the middle of a half of a cache line. A loop whose head begins a line runs at
 * half the speed of one that does not on Zen 5 (`copy`, `matrix`, `matrix-avx2`: 1.5 to 1.9 times
 * as many cycles), and one in the middle of a line is slow in `sieve`.
 */
#define ALIGNMENT 32
#define BEGIN	  16

/* Linux 5.14 and 6.1; a C library may be older. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

int cache_init(struct cache *c, size_t size)
{
	*c = (struct cache){ .size = size, .limit = size, .large = true };
	return views_map("swbt-code", size, &c->write, &c->exec);
}

void cache_fini(struct cache *c)
{
	views_unmap(c->write, c->exec, c->size);
	*c = (struct cache){ 0 };
}

/* Both views, from c->mapped to END. Where the host cannot do it they fault. */
static void populate(struct cache *c, size_t end)
{
	if (!madvise(c->write + c->mapped, end - c->mapped, MADV_POPULATE_WRITE))
		madvise(c->exec + c->mapped, end - c->mapped, MADV_POPULATE_READ);
	c->mapped = end;
}

/* The whole large page that c->mapped is in, or begins. False: the host has none. */
static bool map_large(struct cache *c)
{
	size_t start = ALIGN_DOWN(c->mapped, BT_CACHE_LARGE), end = start + BT_CACHE_LARGE;

	if (!c->large || end > c->size)
		return false;
	/* It makes nothing of nothing. */
	if (c->mapped == start)
		madvise(c->write + start, 1, MADV_POPULATE_WRITE);
	c->large = !madvise(c->write + start, BT_CACHE_LARGE, MADV_COLLAPSE);
	if (c->large)
		populate(c, end);
	return c->large;
}

void cache_map(struct cache *c, size_t len)
{
	size_t end = ALIGN_UP(c->used + len + BT_CACHE_MAP, BT_CACHE_MAP);

	if (end > c->size)
		end = c->size;
	while (c->mapped < end && end > BT_CACHE_SMALL && map_large(c))
		;
	if (c->mapped < end)
		populate(c, end);
}

u8 *cache_room(const struct cache *c, size_t len)
{
	return c->used + len <= c->limit ? c->write + c->used : NULL;
}

void cache_take(struct cache *c, size_t len)
{
	c->used = ALIGN_UP(c->used + len + BEGIN, ALIGNMENT) - BEGIN;
	if (c->used > c->limit)
		c->used = c->limit;
}
