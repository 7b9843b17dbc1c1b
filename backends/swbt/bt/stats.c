/* SPDX-License-Identifier: MIT */
/*
 * --bt-stats: what the translator did, as a table; columns and metrics are in results/README.md.
 * Executions are counted by the blocks themselves: three instructions at the start of each, which
 * leave flags alone.
 */
#include "backends/swbt/bt/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOTTEST 20

int stats_open(struct watch *w)
{
	w->hot = calloc(HOTS, sizeof(*w->hot));
	return w->hot ? 0 : -ENOMEM;
}

/* B's place, or a free one for it; NULL when there is no more. */
static struct hot *find(struct watch *w, const struct block *b)
{
	u64 h = (b->rip ^ b->gpa << 20 ^ (b->key ^ b->key >> 33) << 50) * 0x9e3779b97f4a7c15ull;
	struct hot *hot;

	for (u32 at = (u32)(h >> 32);; at++) {
		hot = &w->hot[at & (HOTS - 1)];
		if (!hot->translations)
			return w->nr_hot < HOTS / 4 * 3 ? hot : NULL;
		if (hot->rip == b->rip && hot->gpa == b->gpa && hot->key == b->key)
			return hot;
	}
}

u64 *watch_counter(struct bt *bt, const struct block *b)
{
	struct hot *hot = find(bt->watch, b);

	return hot ? &hot->executions : &bt->watch->elsewhere;
}

void stats_made(struct bt *bt, const struct block *b)
{
	struct watch *w = bt->watch;
	struct hot *hot = find(w, b);
	u64 cycles = bt->stats.translate_cycles - w->translated;

	w->translated = bt->stats.translate_cycles;
	if (!hot)
		return;
	w->nr_hot += !hot->translations;
	hot->rip = b->rip;
	hot->gpa = b->gpa;
	hot->key = b->key;
	hot->cycles += cycles;
	hot->expansion = expansion_of(b);
	hot->translations++;
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct table {
	FILE *f;
	const struct csv_key *key;
};

static void start_row(const struct table *t, const char *metric, const char *unit)
{
	csv_key(t->f, t->key);
	fprintf(t->f, "%s,%s,", metric, unit);
}

static void put(const struct table *t, const char *metric, const char *unit, u64 value)
{
	start_row(t, metric, unit);
	fprintf(t->f, ",,,%" PRIu64 "\n", value);
}

/* A / B with three decimals; no row where nothing happened. (This file has no floating point.) */
static void put_ratio(const struct table *t, const char *metric, const char *unit, u64 a, u64 b)
{
	u64 thousandths;

	if (!b)
		return;
	thousandths = (u64)(((unsigned __int128)a * 1000 + b / 2) / b);
	start_row(t, metric, unit);
	fprintf(t->f, ",,,%" PRIu64 ".%03" PRIu64 "\n", thousandths / 1000, thousandths % 1000);
}

static void put_translation(const struct table *t, const struct bt *bt)
{
	const struct bt_stats *st = &bt->stats;
	u64 again = 0;

	for (u32 n = 0; n < HOTS; n++)
		if (bt->watch->hot[n].translations)
			again += bt->watch->hot[n].translations - 1;
	put(t, "blocks", "blocks", st->blocks);
	put(t, "instructions", "instructions", st->insns);
	put(t, "guest_bytes", "bytes", st->guest_bytes);
	put(t, "host_bytes", "bytes", st->host_bytes);
	put_ratio(t, "host_bytes_per_guest_byte", "ratio", st->host_bytes, st->guest_bytes);
	put_ratio(t, "decode_cycles_per_instruction", "cycles", bt_decode_cycles(st), st->insns);
	put_ratio(t, "emit_cycles_per_instruction", "cycles",
		  st->translate_cycles - bt_decode_cycles(st), st->insns);
	put(t, "retranslations", "blocks", again);
	put(t, "adapted", "blocks", st->adapted);
	put(t, "rounds", "blocks", st->rounds);
	put(t, "unaligned", "blocks", st->unaligned);
	put(t, "invalidations", "blocks", st->invalidations);
	put(t, "cache_flushes", "flushes", st->cache_flushes);
	put(t, "evictions", "evictions", st->evictions);
	put(t, "evicted_blocks", "blocks", st->evicted_blocks);
}

/* How blocks were come to. Those that the dispatcher did not send there went there themselves. */
static void put_executions(const struct table *t, const struct bt *bt)
{
	const struct bt_stats *st = &bt->stats;
	u64 all = bt->watch->elsewhere, indirect = bt->v->frame.indirect_hits;
	u64 sent = st->found + st->hits + indirect;
	struct expansion e;

	for (u32 n = 0; n < HOTS; n++)
		all += bt->watch->hot[n].executions;
	e = expansion_executed(bt->watch->hot, HOTS);
	put(t, "executions", "blocks", all);
	put_ratio(t, "executed_host_instructions_per_instruction", "ratio", e.straight_insns,
		  e.guest_insns);
	put_ratio(t, "executed_host_bytes_per_byte", "ratio", e.straight_bytes, e.guest_bytes);
	put(t, "chain_hits", "jumps", all > sent ? all - sent : 0);
	put(t, "indirect_hits", "jumps", indirect);
	put(t, "dispatched", "blocks", st->found);
	put(t, "dispatched_fast", "blocks", st->hits);
	put(t, "links", "jumps", st->links);
}

static void put_exits(const struct table *t, const struct bt *bt)
{
	const struct bt_stats *st = &bt->stats;

	for (unsigned int kind = 0; kind < NR_EXIT_KINDS; kind++)
		put(t, exit_names[kind].row, "exits", st->exits[kind]);
	put(t, "exits.fault", "exits", st->faults);
	put(t, "exits.kick", "exits", st->kicks);
	put(t, "entries", "entries", st->enters);
	put(t, "calls_resumed", "exits", st->resumed);
	put(t, "steps", "instructions", st->steps);
	put(t, "tlb_fills", "fills", bt->pages.fills);
	put(t, "tlb_flushes", "flushes", bt->pages.flushes);
}

/* ---- the hottest ----------------------------------------------------------------------------- */

static u64 heat(const struct hot *h)
{
	return h ? h->executions * h->expansion.guest_insns : 0;
}

/* Put H where it belongs among the HOTTEST so far. */
static void rank(const struct hot **top, const struct hot *h)
{
	unsigned int n = HOTTEST;

	if (heat(h) <= heat(top[HOTTEST - 1]))
		return;
	for (; n > 1 && heat(h) > heat(top[n - 2]); n--)
		top[n - 1] = top[n - 2];
	top[n - 1] = h;
}

static void put_hot(const struct table *t, const struct watch *w, unsigned int n,
		    const struct hot *h)
{
	const struct {
		const char *metric, *unit;
		u64 value;
	} of[] = {
		{ "hot.executions", "blocks", h->executions },
		{ "hot.instructions", "instructions", h->expansion.guest_insns },
		{ "hot.bytes", "bytes", h->expansion.guest_bytes },
		{ "hot.straight_instructions", "instructions", h->expansion.straight_insns },
		{ "hot.host_instructions", "instructions", h->expansion.host_insns },
		{ "hot.host_bytes", "bytes", h->expansion.host_bytes },
		{ "hot.translations", "blocks", h->translations },
		{ "hot.translation_cycles", "cycles", h->cycles },
	};
	char symbol[160];

	symbols_name(&w->symbols, h->rip, symbol, sizeof(symbol));
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		start_row(t, of[i].metric, of[i].unit);
		fprintf(t->f, "%u,%#" PRIx64 ",", n, h->rip);
		csv_text(t->f, symbol);
		fprintf(t->f, ",%" PRIu64 "\n", of[i].value);
	}
}

static void put_hottest(const struct table *t, const struct watch *w)
{
	const struct hot *top[HOTTEST] = { NULL };

	for (u32 n = 0; n < HOTS; n++)
		rank(top, &w->hot[n]);
	for (unsigned int n = 0; n < HOTTEST && top[n]; n++)
		put_hot(t, w, n + 1, top[n]);
}

void stats_write(const struct bt *bt, const struct csv_key *key, FILE *f)
{
	const struct table t = { f, key };

	fputs(CSV_KEY_COLUMNS ",metric,unit,rank,address,symbol,value\n", f);
	put_translation(&t, bt);
	put_executions(&t, bt);
	put_exits(&t, bt);
	put_hottest(&t, bt->watch);
}
