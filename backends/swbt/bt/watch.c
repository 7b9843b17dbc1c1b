/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/watch.h"

#include "backends/swbt/mem.h"
#include "backends/swbt/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct exit_name exit_names[] = {
	[EXIT_JUMP] = { "exits.jump", "jump to" },
	[EXIT_STEP] = { "exits.step", "single step of" },
	[EXIT_READ] = { "exits.read", "no entry to read, in" },
	[EXIT_WRITE] = { "exits.write", "no entry to write, in" },
	[EXIT_CALL] = { "exits.call", "call of the routine for" },
	[EXIT_LANDED] = { "exits.landed", "unknown place behind" },
	[EXIT_INDIRECT] = { "exits.indirect", "unknown target of" },
};
_Static_assert(ARRAY_SIZE(exit_names) == NR_EXIT_KINDS, "the last kind of exit has a name");

static int open_file(struct record_file *r, const char *path, struct error *err)
{
	if (!path)
		return 0;
	if (snprintf(r->path, sizeof(r->path), "%s", path) >= (int)sizeof(r->path))
		return fail(err, -ENAMETOOLONG, "cannot write %s: its name is too long", path);
	r->file = fopen(path, "we");
	if (!r->file)
		return fail(err, -errno, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int close_file(struct record_file *r, struct error *err)
{
	int ret = csv_close(r->file);

	r->file = NULL;
	return ret ? fail(err, ret, "%s is incomplete: %s", r->path, strerror(-ret)) : 0;
}

int watch_count(struct bt *bt)
{
	bt->watch = calloc(1, sizeof(*bt->watch));
	return bt->watch ? stats_open(bt->watch) : -ENOMEM;
}

int watch_open(struct vcpu *v, struct error *err)
{
	const struct bt_paths paths = swbt_bt_paths(v->vm);
	struct watch *w = bt_of(v)->watch;
	int r;

	if (!paths.stats && !paths.dump && !paths.jitdump)
		return 0;
	if (!w)
		w = bt_of(v)->watch = calloc(1, sizeof(*w));
	if (!w)
		return fail(err, -ENOMEM, "out of memory for records of the translator");
	r = v->vm->config.kernel ? symbols_load(&w->symbols, v->vm->config.kernel, err) : 0;
	if (!r)
		r = open_file(&w->stats, paths.stats, err);
	if (!r)
		r = open_file(&w->dump, paths.dump, err);
	if (!r && paths.jitdump)
		r = jitdump_open(w, paths.jitdump, err);
	if (!r && paths.stats && !w->hot && stats_open(w))
		r = fail(err, -ENOMEM, "out of memory for counters of blocks");
	return r;
}

int watch_close(struct vcpu *v, const struct csv_key *key, struct error *err)
{
	struct bt *bt = bt_of(v);
	struct watch *w = bt->watch;
	int r, r2;

	if (!w)
		return 0;
	if (w->stats.file)
		stats_write(bt, key, w->stats.file);
	jitdump_close(w);
	r = close_file(&w->stats, err);
	r2 = close_file(&w->dump, r ? NULL : err);
	r = r ? r : r2;
	r2 = close_file(&w->jitdump, r ? NULL : err);
	return r ? r : r2;
}

void watch_free(struct bt *bt)
{
	struct watch *w = bt->watch;

	if (!w)
		return;
	jitdump_close(w);
	close_file(&w->stats, NULL);
	close_file(&w->dump, NULL);
	close_file(&w->jitdump, NULL);
	symbols_free(&w->symbols);
	free(w->hot);
	free(w);
	bt->watch = NULL;
}

void watch_made(struct bt *bt, const struct block *b, const u8 *page)
{
	struct watch *w = bt->watch;
	u8 bytes[INSN_MAX];

	if (w->hot)
		stats_made(bt, b);
	if (w->jitdump.file)
		jitdump_block(w, b);
	if (!w->dump.file)
		return;
	if (b->gpa2) {
		mem_fetch(bt->v, bytes, INSN_MAX);
		dump_block(bt, b, bytes, w->dump.file);
	} else {
		dump_block(bt, b, page + (b->rip & PAGE_MASK), w->dump.file);
	}
}
