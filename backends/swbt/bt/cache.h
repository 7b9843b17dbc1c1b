/* SPDX-License-Identifier: MIT */
/*
 * The code cache: one memfd mapped twice, written through one view and executed through the other.
 * Filled from the bottom, again and again (evict.c).
 */
#ifndef FVB_SWBT_BT_CACHE_H
#define FVB_SWBT_BT_CACHE_H

#include "common/types.h"

struct cache {
	u8 *write, *exec; /* the two views */
	size_t size, used;
	size_t limit;  /* no more than SIZE: how much of it is filled */
	size_t mapped; /* up to there no page of either view faults */
	bool large;    /* the host may have large pages for it */
};

/* SIZE bytes. 0 or negative errno. */
int cache_init(struct cache *c, size_t size);
void cache_fini(struct cache *c);

/* Room for LEN more bytes: where to write, or NULL if there is none. Nothing is taken yet. */
u8 *cache_room(const struct cache *c, size_t len);
void cache_take(struct cache *c, size_t len);
/* Are those mapped? If not, cache_map is for them: a page at a time it costs two faults each. A
 * system call. */
static inline bool cache_mapped(const struct cache *c, size_t len)
{
	return c->used + len <= c->mapped;
}
void cache_map(struct cache *c, size_t len);

static inline u8 *cache_exec(const struct cache *c, const u8 *write)
{
	return c->exec + (write - c->write);
}
static inline u8 *cache_write(const struct cache *c, const u8 *exec)
{
	return c->write + (exec - c->exec);
}
/* Is P in the executable view? */
static inline bool cache_holds(const struct cache *c, const u8 *p)
{
	return (size_t)(p - c->exec) < c->size;
}

#endif
