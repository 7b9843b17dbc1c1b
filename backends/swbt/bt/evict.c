/* SPDX-License-Identifier: MIT */
/*
 * Room for new blocks. Code, exits and what is known about blocks are each filled from the bottom,
 * together, lap after lap: where the present lap has not come yet, blocks of the lap before it are
 * left. They go in the order of their making, a share of the cache at a time. So no more is thrown
 * away at once than that share, what runs often comes back at once, and no block is ever moved.
 *
 * Ring of blocks:	oldest ... lap ... newest
 *				|	|
 *			  lap before   present lap, in cache [stubs, used)
 */
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"

/* What a new block may need begins above these. */
struct ends {
	const u8 *code, *meta;
	u32 exit;
};

static struct ends ends_of(const struct bt *bt, size_t code, size_t meta)
{
	return (struct ends){
		.code = bt->cache.exec + bt->cache.used + code,
		.meta = bt->meta + bt->meta_used + meta,
		.exit = bt->nr_exits + BT_BLOCK_EXITS,
	};
}

/* Does B lie, if only in part, below? */
static bool below(const struct block *b, const struct ends *e)
{
	return b->host < e->code || (const u8 *)b < e->meta || b->first_exit < e->exit;
}

static bool lap_ends(const struct bt *bt, size_t meta)
{
	return !cache_room(&bt->cache, BT_BLOCK_BYTES) || bt->meta_used + meta > bt->meta_size ||
	       bt->nr_exits + BT_BLOCK_EXITS > bt->max_exits;
}

static void evict(struct bt *bt)
{
	struct block *b = block_nr(bt, bt->oldest);

	/* The memory of one that was dropped before is only now used for others. */
	if (b->dropped)
		bt->generation++;
	else
		block_drop(bt, b);
	bt->oldest++;
	bt->stats.evicted_blocks++;
	bt->stats.evicted_bytes += b->host_length;
}

static void next_lap(struct bt *bt)
{
	while (bt->oldest != bt->lap)
		evict(bt);
	bt->lap = bt->newest;
	bt->cache.used = bt->stubs;
	bt->meta_used = 0;
	bt->nr_exits = FIRST_EXIT;
}

static bool in_the_way(const struct bt *bt, const struct ends *e)
{
	return bt->oldest != bt->lap && below(block_nr(bt, bt->oldest), e);
}

void blocks_make_room(struct bt *bt, size_t meta)
{
	size_t share = bt->cache.limit / BT_CACHE_SHARES;
	struct ends needed, wanted;

	if (lap_ends(bt, meta))
		next_lap(bt);
	needed = ends_of(bt, BT_BLOCK_BYTES, meta);
	if (!in_the_way(bt, &needed))
		return;
	bt->stats.evictions++;
	wanted = ends_of(bt, BT_BLOCK_BYTES + share, meta);
	while (in_the_way(bt, &wanted))
		evict(bt);
}

void blocks_flush(struct bt *bt)
{
	bt->generation++;
	bt->stats.cache_flushes++;
	bt->lap = bt->newest;
	next_lap(bt);
}
