/* SPDX-License-Identifier: MIT */
#include "bench/goals_table.h"
#include "bench/facts.h"
#include "bench/table.h"
#include "version.h"

#include <math.h>
#include <string.h>

#define CELL	64
#define COLUMNS 8

static const int width[COLUMNS] = { 18, 10, 10, 10, 8, 12, 22, 0 };

static void print_ratio(char *cell, const struct ratio *r, bool range)
{
	char value[CELL], low[CELL], high[CELL];

	if (range && !isnan(r->range.low))
		snprintf(cell, CELL, "%.12s%s [%.12s .. %.12s]",
			 table_number(value, CELL, r->value), r->whole ? "~" : "",
			 table_number(low, CELL, r->range.low),
			 table_number(high, CELL, r->range.high));
	else
		snprintf(cell, CELL, "%.12s%s", table_number(value, CELL, r->value),
			 r->whole ? "~" : "");
}

/* What is printed, and of which peers: columns of one that takes no part are left out. */
struct look {
	bool markdown, native, tcg;
};

static bool has_column(const struct look *l, int i)
{
	bool native = i == 1 || i == 5, tcg = i == 3 || i == 4 || i == 6;

	return (!native || l->native) && (!tcg || l->tcg);
}

static void print_row(FILE *f, const struct look *l, char cell[COLUMNS][CELL])
{
	for (int i = 0; i < COLUMNS; i++) {
		if (!has_column(l, i))
			continue;
		if (l->markdown)
			fprintf(f, "%s%s", i ? " | " : "| ", cell[i]);
		else
			fprintf(f, i ? "  %*s" : "%-*s", width[i], cell[i]);
	}
	fputs(l->markdown ? " |\n" : "\n", f);
}

static void print_head(FILE *f, const struct look *l, const char *ours)
{
	static const char *const rule[COLUMNS] = { "|---", "|--:", "|--:", "|--:",
						   "|---", "|--:", "|--:", "|---" };
	char cell[COLUMNS][CELL] = { "benchmark", "native",	  "",	       "TCG",
				     "CPU model", "times native", "times TCG", "" };

	snprintf(cell[2], CELL, "%s", ours);
	print_row(f, l, cell);
	for (int i = 0; l->markdown && i < COLUMNS; i++)
		if (has_column(l, i))
			fputs(rule[i], f);
	fputs(l->markdown ? "|\n" : "", f);
}

static void print_cycles(char *cell, const struct result *r)
{
	table_number(cell, CELL, r ? cost_of(r) : NAN);
}

static bool falls_short(const struct comparison *c)
{
	return c->lead.value < wanted_lead(c->bench);
}

static void print_comparison(FILE *f, const struct look *l, const struct comparison *c)
{
	char cell[COLUMNS][CELL] = { 0 };
	const char *verdict = c->failed			       ? "FAILED"
			      : c->ours->status == SAMPLE_SKIP ? "skipped"
			      : !falls_short(c)		       ? ""
			      : c->lead.value < 1	       ? "slower than TCG"
							       : "below what is wanted";

	snprintf(cell[0], CELL, "%s", c->bench->name);
	print_cycles(cell[1], c->native);
	print_cycles(cell[2], c->ours);
	print_cycles(cell[3], c->emulated);
	snprintf(cell[4], CELL, "%s", c->emulated ? c->emulated->variant->engine : "-");
	print_ratio(cell[5], &c->slowdown, false);
	print_ratio(cell[6], &c->lead, true);
	snprintf(cell[7], CELL, "%s", verdict);
	print_row(f, l, cell);
}

/* Why there is less in a row than there should be. */
static void print_reasons(FILE *f, const struct comparison *c, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct result *r = c[i].failed ? c[i].failed : c[i].ours;

		if (r && r->status != SAMPLE_OK)
			fprintf(f, "\n%s, %s: %s\n", r->bench->name, r->variant->label, r->reason);
	}
}

static void print_goals(FILE *f, bool markdown, const struct comparison *c, unsigned int n)
{
	fputs(markdown ? "\n| geometric mean | reached | wanted | |\n|---|--:|--:|---|\n"
		       : "\ngeometric mean\n",
	      f);
	for (unsigned int i = 0; i < GOALS; i++) {
		const struct goal *g = &goals[i];
		double v = goal_mean(g, c, n);
		char cell[CELL];

		if (isnan(v))
			continue;
		table_number(cell, CELL, v);
		if (!g->wanted)
			fprintf(f, markdown ? "| %s | %s | - |  |\n" : "  %-43s %8s\n", g->title,
				cell);
		else
			fprintf(f,
				markdown ? "| %s | %s | at %s %g | %s |\n"
					 : "  %-43s %8s  wanted: at %s %g  %s\n",
				g->title, cell, g->slowdown ? "most" : "least", g->wanted,
				goal_met(g, v) ? "reached" : "missed");
	}
}

static void print_sum(FILE *f, bool tcg, const struct comparison *c, unsigned int n)
{
	unsigned int compared = 0, slower = 0, below = 0;
	char few[TABLE_FEW];
	size_t least = 0;

	for (unsigned int i = 0; i < n; i++) {
		size_t nr = c[i].lead.value > 0 ? c[i].ours->nr : 0;

		least = nr > 1 && (!least || nr < least) ? nr : least;
		compared += c[i].lead.value > 0;
		slower += c[i].lead.value < 1;
		below += falls_short(&c[i]);
	}
	if (tcg)
		fprintf(f,
			"\n%u benchmarks compared with TCG: %u are slower, %u more are below what "
			"is wanted of them.",
			compared, slower, below - slower);
	fputs(tcg ? "\n" : "\n\n", f);
	fputs("Cycles per operation are TSC ticks, median, without the empty loop's own; of hlt "
	      "and timer-latency the median latency. Ratios are of medians, in brackets the 95 % "
	      "interval, samples taken in pairs; with ~, the loop is included, as the operation "
	      "alone costs less than a cycle.\n",
	      f);
	if (*table_few(few, least))
		fprintf(f, "%s\n", few);
}

void goals_head(FILE *f, const struct run *run)
{
	static const struct {
		const char *key, *title;
	} shown[] = { { "cpu", "Processor" }, { "load", "Load before" } };

	fprintf(f,
		"# Compared with native code and emulation\n\n"
		"Made by `make %s`. Run %s, %u repetitions, version %s. Host: %s.",
		run->benches && run->bench[0]->in_linux ? "bench-linux" : "bench-peer", run->run_id,
		run->reps, FVB_VERSION, run->host_kind);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		for (const struct fact *fact = host_facts; fact->key; fact++) {
			char text[FACT_TEXT] = "";

			if (strcmp(fact->key, shown[i].key))
				continue;
			fact->get(text);
			fprintf(f, " %s: %s.", shown[i].title, text);
		}
	fputs("\n\n", f);
}

void goals_print(FILE *f, bool markdown, const char *ours, const struct comparison *c,
		 unsigned int n)
{
	struct look look = { .markdown = markdown };

	for (unsigned int i = 0; i < n; i++) {
		look.native |= c[i].with_native;
		look.tcg |= c[i].with_tcg;
	}
	print_head(f, &look, ours);
	for (unsigned int i = 0; i < n; i++)
		if (c[i].ours)
			print_comparison(f, &look, &c[i]);
	print_reasons(f, c, n);
	print_goals(f, markdown, c, n);
	print_sum(f, look.tcg, c, n);
}
