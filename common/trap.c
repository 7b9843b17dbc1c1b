/* SPDX-License-Identifier: MIT */
#include "common/trap.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char *const causes[TRAP_NR] = {
#define TRAP(id, name, text) [TRAP_##id] = name,
#include "common/trap.def"
#undef TRAP
};

const char *trap_name(enum trap_cause cause)
{
	return (unsigned int)cause < TRAP_NR ? causes[cause] : "?";
}

int trap_by_name(const char *name)
{
	for (int i = 0; i < TRAP_NR; i++)
		if (!strcmp(causes[i], name))
			return i;
	return -ENOENT;
}

u64 trap_bucket_last(unsigned int b)
{
	if (b < TRAP_SUB)
		return b;
	return ((u64)(TRAP_SUB + b % TRAP_SUB + 1) << (b / TRAP_SUB - 1)) - 1;
}

double trap_bucket_middle(unsigned int b)
{
	unsigned int log2 = b / TRAP_SUB + 2;
	double step;

	if (b < TRAP_SUB)
		return b;
	step = (double)BIT64(log2 - 3);
	return (double)(TRAP_SUB + b % TRAP_SUB) * step + (step - 1) / 2;
}

double trap_quantile(const struct trap_counter *c, double p)
{
	u64 total = 0, want, seen = 0;

	for (unsigned int b = 0; b < TRAP_BUCKETS; b++)
		total += c->hist[b];
	if (!total)
		return -1;
	want = (u64)(p * (double)(total - 1));
	for (unsigned int b = 0; b < TRAP_BUCKETS; b++) {
		seen += c->hist[b];
		if (seen > want)
			return trap_bucket_middle(b);
	}
	return -1;
}

void trap_diff(struct trap_stats *d, const struct trap_stats *now, const struct trap_stats *then)
{
	*d = *now;
	d->log = NULL;
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		d->c[i].count -= then->c[i].count;
		d->c[i].cycles -= then->c[i].cycles;
		for (unsigned int b = 0; b < TRAP_BUCKETS; b++)
			d->c[i].hist[b] -= then->c[i].hist[b];
	}
	d->nr_events -= then->nr_events;
	d->span.ns -= then->span.ns;
	d->span.ticks -= then->span.ticks;
	d->span.instructions -= then->span.instructions;
}

void trap_trace_header(FILE *f)
{
	fputs("tsc,cause,rip,address,size,direction,value,cycles\n", f);
}

void trap_trace_write(FILE *f, const struct trap_event *e)
{
	fprintf(f, "%" PRIu64 ",%s,", e->tsc, trap_name(e->cause));
	if (e->rip)
		fprintf(f, "0x%" PRIx64, e->rip);
	if (e->size)
		fprintf(f, ",0x%" PRIx64 ",%u,%s,0x%" PRIx64, e->addr, e->size,
			e->write ? "write" : "read", e->value);
	else if (e->addr)
		fprintf(f, ",0x%" PRIx64 ",,,", e->addr);
	else
		fputs(",,,,", f); /* it has none of these, which is not 0 */
	fprintf(f, ",%u\n", e->cycles);
}

void trap_print_last(const struct trap_stats *s, FILE *f)
{
	u64 first = s->nr_events > TRAP_LAST ? s->nr_events - TRAP_LAST : 0;

	if (!s->nr_events) {
		fputs("no trap before this\n", f);
		return;
	}
	fprintf(f, "last %" PRIu64 " of %" PRIu64 " traps, oldest first:\n", s->nr_events - first,
		s->nr_events);
	for (u64 i = first; i < s->nr_events; i++) {
		const struct trap_event *e = &s->last[i % TRAP_LAST];

		fprintf(f, "  %-16s", trap_name(e->cause));
		if (e->size)
			fprintf(f, " %s %u byte%s at %#" PRIx64 ": %#" PRIx64,
				e->write ? "write" : "read ", e->size, e->size == 1 ? "" : "s",
				e->addr, e->value);
		else if (e->addr)
			fprintf(f, " %#" PRIx64, e->addr);
		if (e->rip)
			fprintf(f, " rip=%#" PRIx64, e->rip);
		fputc('\n', f);
	}
}
