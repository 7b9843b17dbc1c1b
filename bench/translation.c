/* SPDX-License-Identifier: MIT */
#include "bench/translation.h"
#include "bench/metrics.h"

#include <string.h>

/* A metric: a counter, or what it is for each of another. */
struct quotient {
	const char *name, *unit;
	const char *counter, *per; /* PER: or NULL */
};

static const struct quotient whole[] = {
	{ "translation.blocks", "count", "swbt.bt.blocks", NULL },
	{ "translation.instructions", "count", "swbt.bt.instructions", NULL },
	{ "translation.cycles", "cycles", "swbt.bt.translate_cycles", NULL },
	{ "translation.cycles_per_instruction", "cycles", "swbt.bt.translate_cycles",
	  "swbt.bt.instructions" },
	{ "translation.decode_cycles_per_instruction", "cycles", "swbt.bt.decode_cycles",
	  "swbt.bt.instructions" },
	{ "expansion.static_bytes", "ratio", "swbt.bt.host_bytes", "swbt.bt.guest_bytes" },
	{ "expansion.static_instructions", "ratio", "swbt.bt.live.host_instructions",
	  "swbt.bt.live.guest_instructions" },
	{ "expansion.static_straight_bytes", "ratio", "swbt.bt.live.straight_bytes",
	  "swbt.bt.live.guest_bytes" },
	{ "expansion.static_straight_instructions", "ratio", "swbt.bt.live.straight_instructions",
	  "swbt.bt.live.guest_instructions" },
};

static const struct quotient executed[] = {
	{ "expansion.executed_bytes", "ratio", "swbt.bt.executed.host_bytes",
	  "swbt.bt.executed.guest_bytes" },
	{ "expansion.executed_instructions", "ratio", "swbt.bt.executed.host_instructions",
	  "swbt.bt.executed.guest_instructions" },
};

static const struct sample_counter *find(const struct sample *s, const char *name)
{
	for (u32 i = 0; i < s->raw->nr_counters; i++)
		if (!strcmp(s->raw->counter[i].name, name))
			return &s->raw->counter[i];
	return NULL;
}

static int write_rows(FILE *f, const struct csv_key *key, const struct sample *s,
		      const struct quotient *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct quotient *q = &table[i];
		const struct sample_counter *c = find(s, q->counter);
		const struct sample_counter *per = q->per ? find(s, q->per) : NULL;

		if (!c || (q->per && (!per || !per->value)))
			continue;
		metrics_csv_row(f, key, q->name, q->unit,
				(double)c->value / (per ? (double)per->value : 1));
	}
	return csv_flush(f);
}

int translation_csv_whole(FILE *f, const struct csv_key *key, const struct sample *s)
{
	return write_rows(f, key, s, whole, ARRAY_SIZE(whole));
}

int translation_csv_executed(FILE *f, const struct csv_key *key, const struct sample *s)
{
	return write_rows(f, key, s, executed, ARRAY_SIZE(executed));
}
