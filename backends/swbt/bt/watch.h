/* SPDX-License-Identifier: MIT */
/*
 * For those who want to look into the translator: statistics (stats.c), a listing of all code
 * (dump.c), names for perf (jitdump.c). Nothing of it is there, or costs anything beside a test at
 * each translation, unless one of the options asks for it.
 */
#ifndef FVB_SWBT_BT_WATCH_H
#define FVB_SWBT_BT_WATCH_H

#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/expansion.h"
#include "common/boot/symbols.h"
#include "common/csv.h"

/* Blocks that begin at one place and are for one kind of code, one after the other. */
struct hot {
	u64 executions; /* translated code counts here */
	u64 rip, gpa;
	u64 key;
	u32 translations;	    /* 0: a free place */
	u64 cycles;		    /* of all translations */
	struct expansion expansion; /* of the latest */
};

#define HOTS BIT(18) /* a kernel and its programs make some 100,000 blocks */

struct record_file {
	FILE *file;
	char path[256];
};

struct watch {
	struct symbols symbols;
	struct record_file stats, dump, jitdump;
	struct hot *hot; /* HOTS of them, a hash table */
	u32 nr_hot;
	u64 translated; /* stats.translate_cycles when the latest block was made */
	u64 elsewhere;	/* executions of those for which there was no place */
	void *jit_mark; /* what makes perf take note of the file */
	u64 jit_number; /* of the next block */
};

/* Kinds of exits: in rows of statistics, and before the address that an exit is about. */
struct exit_name {
	const char *row, *text;
};
extern const struct exit_name exit_names[NR_EXIT_KINDS];

/* As vm_config.count_blocks says: have blocks count how often they run. 0 or -ENOMEM. */
int watch_count(struct bt *bt);

/* For struct engine. */
int watch_open(struct vcpu *v, struct error *err);
int watch_close(struct vcpu *v, const struct csv_key *key, struct error *err);
/* Also without any of the two. */
void watch_free(struct bt *bt);

/* Are executions counted? */
static inline bool watch_counts(const struct bt *bt)
{
	return bt->watch && bt->watch->hot;
}

/* And how often indirect jumps find their target? */
static inline bool watch_hits(const struct bt *bt)
{
	return bt->watch && bt->watch->stats.file;
}

/* Where B's are; only while watch_counts. */
u64 *watch_counter(struct bt *bt, const struct block *b);

void watch_made(struct bt *bt, const struct block *b, const u8 *page);

/* B was translated; the page where its first instruction begins is at PAGE. */
static inline void watch_block(struct bt *bt, const struct block *b, const u8 *page)
{
	if (unlikely(bt->watch != NULL))
		watch_made(bt, b, page);
}

/* stats.c */
int stats_open(struct watch *w);
void stats_made(struct bt *bt, const struct block *b);
void stats_write(const struct bt *bt, const struct csv_key *key, FILE *f);

/* dump.c: CODE: the guest's bytes of B. */
void dump_block(const struct bt *bt, const struct block *b, const u8 *code, FILE *f);

/* jitdump.c */
int jitdump_open(struct watch *w, const char *dir, struct error *err);
void jitdump_block(struct watch *w, const struct block *b);
void jitdump_close(struct watch *w);

#endif
