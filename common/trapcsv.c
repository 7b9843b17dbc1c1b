/* SPDX-License-Identifier: MIT */
#include "common/trapcsv.h"

#include <inttypes.h>

void trapcsv_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",cause,count,cycles,p50,p99\n", f);
}

static void quantile(FILE *f, const struct trap_counter *c, double p)
{
	double cycles = trap_quantile(c, p);

	putc(',', f);
	if (cycles >= 0)
		fprintf(f, "%.10g", cycles);
}

static void row(FILE *f, const struct trap_stats *s, enum trap_cause cause)
{
	const struct trap_counter *c = &s->c[cause];
	bool counted = s->counted & BIT(cause), timed = counted && s->timed & BIT(cause);

	fprintf(f, "%s,", trap_name(cause));
	if (counted)
		fprintf(f, "%" PRIu64, c->count);
	if (!timed) {
		fputs(",,,\n", f);
		return;
	}
	fprintf(f, ",%" PRIu64, c->cycles);
	quantile(f, c, 0.50);
	quantile(f, c, 0.99);
	putc('\n', f);
}

int trapcsv_write(FILE *f, const struct csv_key *key, const struct trap_stats *stats)
{
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		csv_key(f, key);
		row(f, stats, i);
	}
	return csv_flush(f);
}
