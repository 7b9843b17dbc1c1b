/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/expansion.h"
#include "backends/swbt/bt/watch.h"

#include "backends/swbt/disasm.h"
#include "backends/swbt/fpu.h"

struct expansion expansion_of(const struct block *b)
{
	u32 start = b->nr ? b->site[0].host : 0;
	struct expansion e = {
		.guest_insns = b->nr,
		.guest_bytes = b->length,
		.straight_bytes = b->cold - start,
		.host_bytes = b->host_length - start,
	};

	e.straight_insns = disasm_count(b->host + start, e.straight_bytes);
	e.host_insns = e.straight_insns +
		       disasm_count(b->host + b->cold, (size_t)(b->host_length - b->cold));
	return e;
}

void expansion_add(struct expansion *sum, const struct expansion *e, u64 times)
{
	sum->guest_insns += e->guest_insns * times;
	sum->guest_bytes += e->guest_bytes * times;
	sum->straight_insns += e->straight_insns * times;
	sum->straight_bytes += e->straight_bytes * times;
	sum->host_insns += e->host_insns * times;
	sum->host_bytes += e->host_bytes * times;
}

struct expansion expansion_live(const struct bt *bt)
{
	struct expansion sum = { 0 };

	for (u64 n = bt->oldest; n != bt->newest; n++) {
		const struct block *b = block_nr(bt, n);
		struct expansion e;

		if (b->dropped)
			continue;
		e = expansion_of(b);
		expansion_add(&sum, &e, 1);
	}
	return sum;
}

struct expansion expansion_executed(const struct hot *hot, u32 nr)
{
	struct expansion sum = { 0 };

	for (u32 n = 0; n < nr; n++)
		expansion_add(&sum, &hot[n].expansion, hot[n].executions);
	return sum;
}

void expansion_counters(struct bt *bt, void (*fn)(void *arg, const char *name, u64 value),
			void *arg)
{
	struct expansion e;

	if (bt->v->account) {
		fpu_put(bt->v);
		e = expansion_live(bt);
		fn(arg, "swbt.bt.live.guest_instructions", e.guest_insns);
		fn(arg, "swbt.bt.live.guest_bytes", e.guest_bytes);
		fn(arg, "swbt.bt.live.straight_instructions", e.straight_insns);
		fn(arg, "swbt.bt.live.straight_bytes", e.straight_bytes);
		fn(arg, "swbt.bt.live.host_instructions", e.host_insns);
		fn(arg, "swbt.bt.live.host_bytes", e.host_bytes);
	}
	if (watch_counts(bt)) {
		e = expansion_executed(bt->watch->hot, HOTS);
		fn(arg, "swbt.bt.executed.guest_instructions", e.guest_insns);
		fn(arg, "swbt.bt.executed.guest_bytes", e.guest_bytes);
		fn(arg, "swbt.bt.executed.host_instructions", e.straight_insns);
		fn(arg, "swbt.bt.executed.host_bytes", e.straight_bytes);
	}
}
