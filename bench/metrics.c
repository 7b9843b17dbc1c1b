/* SPDX-License-Identifier: MIT */
#include "bench/metrics.h"
#include "bench/translation.h"

#include <math.h>
#include <string.h>

struct metric {
	const char *name; /* valid during the call */
	const char *unit;
	long double value; /* holds any u64 exactly */
};

struct sink {
	void (*fn)(void *arg, const struct metric *m);
	void *arg;
};

static void put(const struct sink *sink, const char *name, const char *unit, long double value)
{
	const struct metric m = { name, unit, value };

	sink->fn(sink->arg, &m);
}

static void put_times(const struct sink *sink, const struct sample *s)
{
	const struct verdict *v = &s->verdict;
	long double cycles = v->cycles, loop = v->loop, n = v->iters;

	put(sink, "cycles_per_op", "cycles", (cycles - loop) / n);
	put(sink, "loop_cycles_per_op", "cycles", loop / n);
	put(sink, "total_cycles", "cycles", cycles);
	for (unsigned int i = 0; i < v->nr_extra; i++)
		put(sink, v->extra[i].key, strncmp(v->extra[i].key, "lat_", 4) ? "count" : "cycles",
		    v->extra[i].value);
	put(sink, "wall_time", "ns", s->raw->wall_ns);
	/* A peer does not say when it was ready. */
	if (s->raw->start_ns)
		put(sink, "startup_time", "ns", s->raw->start_ns);
}

double metrics_traps_per_op(const struct sample *s, enum trap_cause cause)
{
	const struct trap_stats *t = &s->raw->traps;

	if (!s->raw->have_traps || !(t->counted & BIT(cause)))
		return NAN;
	return (double)t->c[cause].count / (double)s->verdict.iters;
}

static void put_traps(const struct sink *sink, const struct sample *s)
{
	for (unsigned int i = 0; i < TRAP_NR; i++) {
		double per_op = metrics_traps_per_op(s, i);
		char name[64];

		if (isnan(per_op))
			continue;
		snprintf(name, sizeof(name), "traps_per_op.%s", trap_name(i));
		put(sink, name, "count", per_op);
	}
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && !strcmp(text + n - m, end);
}

static void put_host(void *arg, const char *name, const char *unit, double value)
{
	put(arg, name, unit, value);
}

static void put_warmup(const struct sink *sink, const struct sample *s)
{
	const struct warmup *w = &s->warmup;
	long double ops = s->chunks.ops;
	char name[32];

	for (unsigned int i = 0; i < s->chunks.n; i++) {
		snprintf(name, sizeof(name), "warmup.chunk.%03u", i + 1);
		put(sink, name, "cycles", s->chunks.per_op[i]);
	}
	if (w->kind == STEADY_UNKNOWN)
		return;
	put(sink, "steady.reached", "count", w->kind != STEADY_NONE);
	if (w->kind == STEADY_NONE)
		return;
	put(sink, "steady.cycles_per_op", "cycles", w->level);
	put(sink, "warmup.operations", "count", w->before * ops);
	put(sink, "warmup.extra_cycles", "cycles", w->excess * ops);
}

static void put_event(void *arg, const char *name, const char *unit, long double value)
{
	put(arg, name, unit, value);
}

/*
 * Call FN for every metric of the good sample S. REP 0, the counting sample, gives counts and no
 * times. What nobody could see is not there. Names and units: results/README.md.
 */
static void metrics_each(const struct sample *s, unsigned int rep,
			 void (*fn)(void *arg, const struct metric *m), void *arg)
{
	struct sink sink = { fn, arg };

	if (rep) {
		put_times(&sink, s);
		host_each(&s->host, put_host, &sink);
		put_warmup(&sink, s);
	}
	put_traps(&sink, s);
	for (u32 i = 0; i < s->raw->nr_counters; i++) {
		const struct sample_counter *c = &s->raw->counter[i];

		put(&sink, c->name, ends_with(c->name, "_ns") ? "ns" : "count", c->value);
	}
	counters_rows(s->counters, s->raw->counted, s->verdict.iters, put_event, (void *)&sink);
}

struct csv_out {
	FILE *f;
	const struct csv_key *key;
};

void metrics_csv_row(FILE *f, const struct csv_key *key, const char *name, const char *unit,
		     long double value)
{
	csv_key(f, key);
	csv_text(f, name);
	fprintf(f, ",%s,", unit);
	fprintf(f, value == rintl(value) ? "%.0Lf,\n" : "%.10Lg,\n", value);
}

static void write_metric(void *arg, const struct metric *m)
{
	const struct csv_out *out = arg;

	metrics_csv_row(out->f, out->key, m->name, m->unit, m->value);
}

static void write_code(FILE *f, const struct csv_key *key, const char *name, unsigned int code,
		       const char *text)
{
	csv_key(f, key);
	fprintf(f, "%s,code,%u,", name, code);
	csv_text(f, text);
	putc('\n', f);
}

static void write_status(FILE *f, const struct csv_key *key, const struct sample *s)
{
	char text[sizeof(s->reason) + 8];

	snprintf(text, sizeof(text), "%s%s%s", sample_status_name(s->status),
		 s->reason[0] ? ": " : "", s->reason);
	if (s->status == SAMPLE_OK && key->rep && s->warmup.kind != STEADY_UNKNOWN)
		write_code(f, key, "steady.kind", s->warmup.kind, steady_name(s->warmup.kind));
	write_code(f, key, "status", s->status, text);
}

void metrics_csv_header(FILE *f)
{
	fputs(CSV_KEY_COLUMNS ",metric,unit,value,text\n", f);
}

int metrics_csv_write(FILE *f, const struct csv_key *key, const struct sample *s)
{
	const struct csv_out out = { f, key };

	if (s->status == SAMPLE_OK)
		metrics_each(s, (unsigned int)key->rep, write_metric, (void *)&out);
	if (s->status == SAMPLE_OK && !key->rep)
		translation_csv_executed(f, key, s);
	write_status(f, key, s);
	return csv_flush(f);
}

int metrics_csv_drift(FILE *f, const struct csv_key *key, const struct drift *d)
{
	const struct csv_out out = { f, key };
	const struct sink sink = { write_metric, (void *)&out };

	if (isnan(d->p))
		return 0;
	put(&sink, "steady.drift", "share", d->change);
	put(&sink, "steady.drift_p", "share", d->p);
	return csv_flush(f);
}
