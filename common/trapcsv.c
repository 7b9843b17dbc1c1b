/* SPDX-License-Identifier: MIT */
#include "common/trapcsv.h"

#include <inttypes.h>

void trapcsv_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",cause,count,cycles,p50,p99,p90,per_op,per_second,"
			      "per_million_instructions,share\n",
	      f);
}

static void quantile(FILE *f, const struct trap_counter *c, double p)
{
	double cycles = trap_quantile(c, p);

	putc(',', f);
	if (cycles >= 0)
		fprintf(f, "%.10g", cycles);
}

/* N / D times SCALE; blank where there is no D. */
static void ratio(FILE *f, bool known, u64 n, u64 d, double scale)
{
	putc(',', f);
	if (known && d)
		fprintf(f, "%.10g", (double)n / (double)d * scale);
}

static void row(FILE *f, u64 iterations, const struct trap_stats *s, enum trap_cause cause)
{
	static const struct trap_counter none;
	const struct trap_counter *c = &s->c[cause], *times = c;
	bool counted = s->counted & BIT(cause), timed = counted && s->timed & BIT(cause);

	if (!timed)
		times = &none;
	fprintf(f, "%s,", trap_name(cause));
	if (counted)
		fprintf(f, "%" PRIu64, c->count);
	putc(',', f);
	if (timed)
		fprintf(f, "%" PRIu64, c->cycles);
	quantile(f, times, 0.50);
	quantile(f, times, 0.99);
	quantile(f, times, 0.90);
	ratio(f, counted, c->count, iterations, 1);
	ratio(f, counted, c->count, s->span.ns, NSEC_PER_SEC);
	ratio(f, counted, c->count, s->span.instructions, 1e6);
	ratio(f, timed, c->cycles, s->span.ticks, 1);
	putc('\n', f);
}

int trapcsv_write(FILE *f, const struct csv_key *key, const struct trap_stats *stats)
{
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		csv_key(f, key);
		row(f, key->iterations, stats, i);
	}
	return csv_flush(f);
}
