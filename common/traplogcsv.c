/* SPDX-License-Identifier: MIT */
#include "common/traplogcsv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- distances ------------------------------------------------------------------------------- */

void distances_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",cause,unit,at_most,count,cumulative\n", f);
}

static void write_histogram(FILE *f, const struct csv_key *key, const char *cause, const char *unit,
			    const u64 hist[TRAP_BUCKETS])
{
	u64 total = 0, seen = 0;

	for (unsigned int b = 0; b < TRAP_BUCKETS; b++)
		total += hist[b];
	for (unsigned int b = 0; b < TRAP_BUCKETS; b++) {
		if (!hist[b])
			continue;
		seen += hist[b];
		csv_key(f, key);
		fprintf(f, "%s,%s,%" PRIu64 ",%" PRIu64 ",%.10g\n", cause, unit,
			trap_bucket_last(b), hist[b], (double)seen / (double)total);
	}
}

static void write_unit(FILE *f, const struct csv_key *key, const char *unit,
		       const u64 hist[TRAP_NR][TRAP_BUCKETS])
{
	u64 all[TRAP_BUCKETS] = { 0 };

	for (unsigned int i = 0; i < TRAP_NR; i++)
		for (unsigned int b = 0; b < TRAP_BUCKETS; b++)
			all[b] += hist[i][b];
	write_histogram(f, key, "all", unit, all);
	for (unsigned int i = 0; i < TRAP_NR; i++)
		write_histogram(f, key, trap_name(i), unit, hist[i]);
}

int distances_write(FILE *f, const struct csv_key *key, const struct traplog *log)
{
	write_unit(f, key, "cycles", log->apart);
	write_unit(f, key, "instructions", log->apart_insns);
	return csv_flush(f);
}

/* ---- places ---------------------------------------------------------------------------------- */

void hot_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",cause,address,symbol,count,cycles\n", f);
}

/* Most traps first; then by cause and address, so that the order says nothing of the table. */
static int hotter(const void *a, const void *b)
{
	const struct traplog_place *x = *(const struct traplog_place *const *)a;
	const struct traplog_place *y = *(const struct traplog_place *const *)b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	if (x->cause != y->cause)
		return x->cause < y->cause ? -1 : 1;
	return (x->rip > y->rip) - (x->rip < y->rip);
}

static size_t collect(const struct traplog *log, const struct traplog_place **list)
{
	size_t n = 0;

	for (u32 i = 0; i < TRAPLOG_PLACES; i++)
		if (log->place[i].count)
			list[n++] = &log->place[i];
	for (u32 i = 0; i < TRAP_NR; i++)
		if (log->rest[i].count)
			list[n++] = &log->rest[i];
	qsort(list, n, sizeof(*list), hotter);
	return n;
}

int hot_write(FILE *f, const struct csv_key *key, const struct traplog *log,
	      const struct symbols *symbols)
{
	const struct traplog_place **list = calloc(TRAPLOG_PLACES + TRAP_NR, sizeof(*list));
	size_t n;

	if (!list)
		return -ENOMEM;
	n = collect(log, list);
	for (size_t i = 0; i < n; i++) {
		const struct traplog_place *p = list[i];
		char symbol[128] = "";

		csv_key(f, key);
		fprintf(f, "%s,", trap_name(p->cause));
		if (p->known) {
			fprintf(f, "0x%" PRIx64, p->rip);
			symbols_name(symbols, p->rip, symbol, sizeof(symbol));
		}
		putc(',', f);
		csv_text(f, symbol);
		fprintf(f, ",%" PRIu64 ",%" PRIu64 "\n", p->count, p->cycles);
	}
	free(list);
	return csv_flush(f);
}

#define TOP 20

static void print_place(FILE *f, const struct traplog_place *p, u64 all,
			const struct symbols *symbols)
{
	char address[24] = "-", symbol[128] = "";

	if (p->known) {
		snprintf(address, sizeof(address), "0x%" PRIx64, p->rip);
		symbols_name(symbols, p->rip, symbol, sizeof(symbol));
	}
	fprintf(f, "%10" PRIu64 " %5.1f %% %10.0f  %-17s %18s%s%s\n", p->count,
		100.0 * (double)p->count / (double)all, (double)p->cycles / (double)p->count,
		trap_name(p->cause), address, *symbol ? "  " : "", symbol);
}

int hot_print(FILE *f, const struct csv_key *key, const struct traplog *log,
	      const struct symbols *symbols)
{
	const struct traplog_place **list = calloc(TRAPLOG_PLACES + TRAP_NR, sizeof(*list));
	size_t n;
	u64 all = 0;

	if (!list)
		return -ENOMEM;
	n = collect(log, list);
	for (size_t i = 0; i < n; i++)
		all += list[i]->count;
	fprintf(f, "Where %s traps, %s%s%s: %" PRIu64 " traps at %zu places\n",
		key->bench && *key->bench ? key->bench : key->guest, key->backend,
		key->engine && *key->engine ? ":" : "", key->engine ? key->engine : "", all, n);
	if (n)
		fprintf(f, "%10s %7s %11s %-17s %18s  %s\n", "traps", "of all", "cycles each",
			"cause", "address", "symbol");
	for (size_t i = 0; i < n && i < TOP; i++)
		print_place(f, list[i], all, symbols);
	if (n > TOP)
		fprintf(f, "and %zu places more: --hot FILE has them all\n", n - TOP);
	free(list);
	return csv_flush(f);
}

/* ---- slices of time -------------------------------------------------------------------------- */

void timeline_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",cause,start_ns,count,cycles\n", f);
}

int timeline_write(FILE *f, const struct csv_key *key, const struct traplog *log)
{
	for (u32 i = 0; i < log->nr_slices; i++) {
		const struct traplog_slice *s = &log->slice[i];

		csv_key(f, key);
		fprintf(f, "%s,%" PRIu64 ",%" PRIu64 ",", trap_name(s->cause), s->start, s->count);
		if (log->timed & BIT(s->cause))
			fprintf(f, "%" PRIu64, s->cycles);
		putc('\n', f);
	}
	return csv_flush(f);
}
