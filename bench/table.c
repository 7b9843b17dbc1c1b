/* SPDX-License-Identifier: MIT */
#include "bench/table.h"

#include <math.h>
#include <string.h>

#define CELL 32

const char *table_number(char *cell, size_t len, double v)
{
	if (isnan(v))
		snprintf(cell, len, "-");
	else
		snprintf(cell, len,
			 fabs(v) < 9.995   ? "%.2f"
			 : fabs(v) < 99.95 ? "%.1f"
					   : "%.0f",
			 v);
	return cell;
}

const char *table_few(char text[TABLE_FEW], size_t least)
{
	text[0] = '\0';
	if (least > 1 && least < STATS_LEAST)
		snprintf(
			text, TABLE_FEW,
			"Fewer than %d samples have no 95 %% interval: that of %zu covers %.0f %%.",
			STATS_LEAST, least, 100 * stats_coverage(least));
	return text;
}

static const char *range(char *cell, struct interval i)
{
	char low[CELL], high[CELL];

	if (isnan(i.low))
		snprintf(cell, 2 * CELL, "-");
	else
		snprintf(cell, 2 * CELL, "%.20s .. %.20s", table_number(low, CELL, i.low),
			 table_number(high, CELL, i.high));
	return cell;
}

#define TOP 3

/* The most frequent of TRAPS that is not in SHOWN (BIT(cause)) and rounds to something, or -1. */
static int next_cause(const double traps[TRAP_NR], u32 shown)
{
	int top = -1;

	for (int i = 0; i < TRAP_NR; i++)
		if (!(shown & BIT(i)) && traps[i] >= 0.005 && (top < 0 || traps[i] > traps[top]))
			top = i;
	return top;
}

void table_traps(FILE *f, const double traps[TRAP_NR])
{
	u32 shown = 0;
	bool visible = false;
	char cell[CELL];
	int cause;

	for (int i = 0; i < TRAP_NR; i++)
		visible |= !isnan(traps[i]);
	for (int n = 0; n < TOP && (cause = next_cause(traps, shown)) >= 0; n++) {
		fprintf(f, "%s%s %s", n ? ", " : "", trap_name(cause),
			table_number(cell, CELL, traps[cause]));
		shown |= BIT(cause);
	}
	if (!shown)
		fputs(visible ? "none" : "not visible", f);
	else if (next_cause(traps, shown) >= 0)
		fputs(", ...", f);
}

struct layout {
	int name, label; /* widths; label 0: no such column */
};

static struct layout measure(const struct result *r, unsigned int n, unsigned int variants)
{
	struct layout l = { (int)strlen("benchmark"), variants > 1 ? (int)strlen("backend") : 0 };

	for (unsigned int i = 0; i < n; i++) {
		int name = (int)strlen(r[i].bench->name), label = (int)strlen(r[i].variant->label);

		l.name = name > l.name ? name : l.name;
		l.label = l.label && label > l.label ? label : l.label;
	}
	return l;
}

static void print_head(FILE *f, const struct layout *l)
{
	fprintf(f, "%-*s", l->name, "benchmark");
	if (l->label)
		fprintf(f, "  %-*s", l->label, "backend");
	fprintf(f, "  %10s  %22s  %7s", "cycles/op", "95 % interval", "MAD");
	if (l->label)
		fprintf(f, "  %7s", "ratio");
	fprintf(f, "  %7s  %s\n", "loop", "traps per operation");
}

static void print_row(FILE *f, const struct layout *l, const struct result *r,
		      const struct result *first)
{
	char cell[CELL], pair[2 * CELL];

	fprintf(f, "%-*s", l->name, r == first ? r->bench->name : "");
	if (l->label)
		fprintf(f, "  %-*s", l->label, r->variant->label);
	if (r->status != SAMPLE_OK) {
		fprintf(f, "  %s: %s\n", r->status == SAMPLE_FAIL ? "FAILED" : "skipped",
			r->reason);
		return;
	}
	fprintf(f, "  %10s", table_number(cell, CELL, result_cycles(r)));
	fprintf(f, "  %22s", range(pair, result_interval(r)));
	fprintf(f, "  %7s", table_number(cell, CELL, result_mad(r)));
	if (l->label)
		fprintf(f, "  %7s",
			table_number(cell, CELL, result_cycles(r) / result_cycles(first)));
	fprintf(f, "  %7s  ", table_number(cell, CELL, result_loop(r)));
	table_traps(f, r->traps);
	putc('\n', f);
}

static void print_sum(FILE *f, const struct result *r, unsigned int n)
{
	unsigned int count[3] = { 0 };
	char few[TABLE_FEW];
	size_t least = 0;

	for (unsigned int i = 0; i < n; i++) {
		count[r[i].status] += r[i].taken > 0;
		if (r[i].status == SAMPLE_OK && r[i].nr > 1 && (!least || r[i].nr < least))
			least = r[i].nr;
	}
	fprintf(f,
		"\n%u measured, %u skipped, %u failed. Cycles are TSC ticks, median; the empty "
		"loop's own cost is subtracted, and shown. MAD: median absolute deviation.\n",
		count[SAMPLE_OK], count[SAMPLE_SKIP], count[SAMPLE_FAIL]);
	if (*table_few(few, least))
		fprintf(f, "%s\n", few);
}

void table_unsteady(FILE *f, const struct result *result, unsigned int n)
{
	unsigned int lines = 0;

	for (unsigned int i = 0; i < n; i++) {
		const struct result *r = &result[i];
		struct drift d = result_drift(r);

		if (!r->unsteady && !drifts(&d))
			continue;
		if (!lines++)
			fputs("\nNo steady state:\n", f);
		fprintf(f, "  %s, %s:", r->bench->name, r->variant->label);
		if (r->unsteady)
			fprintf(f, " in %u of %u samples%s", r->unsteady, r->nr,
				drifts(&d) ? ";" : "");
		if (drifts(&d))
			fprintf(f, " later samples take %+.3g %% (p %.2g)", 100 * d.change, d.p);
		putc('\n', f);
	}
}

void table_wide(FILE *f, const struct result *result, unsigned int n, double ci)
{
	unsigned int measured = 0, wide = 0;

	for (unsigned int i = 0; i < n; i++) {
		double relative = result[i].nr ? result_relative(&result[i]) : NAN;

		measured += result[i].nr > 0;
		if (!result[i].nr || relative <= ci)
			continue;
		if (!wide++)
			fprintf(f, "\nNot within %.3g %% when its limit was reached:\n", 100 * ci);
		fprintf(f, "  %s, %s: %.3g %% after %u samples\n", result[i].bench->name,
			result[i].variant->label, 100 * relative, result[i].nr);
	}
	if (!wide && measured)
		fprintf(f, "\nAll 95 %% intervals are within %.3g %%.\n", 100 * ci);
}

void table_print(FILE *f, const struct result *result, unsigned int benches, unsigned int variants,
		 const char *host_kind)
{
	struct layout l = measure(result, benches * variants, variants);

	print_head(f, &l);
	for (unsigned int i = 0; i < benches * variants; i++)
		if (result[i].taken)
			print_row(f, &l, &result[i], &result[i - i % variants]);
	print_sum(f, result, benches * variants);
	if (!strcmp(host_kind, "emulated"))
		fputs("host_kind=emulated: the processor is software; trap counts are real, times "
		      "are not real hardware's.\n",
		      f);
	else if (!strcmp(host_kind, "nested"))
		fputs("host_kind=nested: this host is itself a virtual machine; traps cost several "
		      "times what they do on bare hardware.\n",
		      f);
}
