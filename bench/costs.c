/* SPDX-License-Identifier: MIT */
#include "bench/costs.h"
#include "bench/facts.h"
#include "bench/table.h"
#include "version.h"

#include <math.h>
#include <string.h>

#define CELL 32

/* One kind of event each, in the order of the table. */
static const struct {
	const char *bench, *event;
} kinds[] = {
	{ "cr0-read", "privileged instruction: MOV from CR0" },
	{ "rdmsr", "privileged instruction: RDMSR" },
	{ "in", "I/O instruction: IN from a device" },
	{ "page-fault", "page fault, to the guest's handler and back" },
	{ "demand-fault", "page fault that the guest mends" },
	{ "undefined-opcode", "undefined opcode, to the handler and back" },
	{ "breakpoint", "breakpoint, to the handler and back" },
	{ "divide-error", "divide error, to the handler and back" },
	{ "syscall", "system call: SYSCALL and SYSRET" },
	{ "int-iret", "system call: INT and IRET" },
};

static const char *const candidates[] = {
	"swbt:trap:direct-transport=signal",
	"swbt:trap:direct-transport=ptrace",
	"swbt:trap+patch",
	"swbt:bt",
	"swbt:bt:bt-inline=off",
	"kvm",
};

void costs_defaults(struct options *o, char *list, size_t size)
{
	const struct variant_defaults plain = { .irqchip = o->variants.irqchip,
						.options = o->variants.options };
	static struct variant probed[VARIANTS_MAX];
	struct error why;
	size_t n = 0;

	for (size_t i = 0; !o->globs && i < ARRAY_SIZE(kinds); i++)
		o->glob[i] = kinds[i].bench;
	if (!o->globs)
		o->globs = ARRAY_SIZE(kinds);
	if (o->backends)
		return;
	list[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++)
		if (variants_parse(probed, backends, candidates[i], &plain, &why) > 0 && n < size)
			n += (size_t)snprintf(list + n, size - n, "%s%s", n ? "," : "",
					      candidates[i]);
	o->backends = list;
}

static const char *event_of(const struct bench *bench)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].bench, bench->name))
			return kinds[i].event;
	return bench->text;
}

/* "1234 [1200, 1300]" */
static void cost(const struct result *r, char *text, size_t size)
{
	char middle[CELL], low[CELL], high[CELL];
	struct interval i;

	if (r->status != SAMPLE_OK) {
		snprintf(text, size, "%s", r->status == SAMPLE_FAIL ? "fails" : "skipped");
		return;
	}
	i = result_interval(r);
	table_number(middle, CELL, result_cycles(r));
	if (isnan(i.low) || isnan(i.high)) {
		snprintf(text, size, "%s", middle);
		return;
	}
	snprintf(text, size, "%s [%s, %s]", middle, table_number(low, CELL, i.low),
		 table_number(high, CELL, i.high));
}

static void print_head(FILE *f, const struct run *run, bool markdown)
{
	fprintf(f, markdown ? "| event | benchmark |" : "%-45s  %-17s", "event", "benchmark");
	for (unsigned int v = 0; v < run->variants; v++)
		fprintf(f, markdown ? " %s |" : "  %-33s", run->variant[v].label);
	fprintf(f, "\n");
	if (!markdown)
		return;
	fprintf(f, "|---|---|");
	for (unsigned int v = 0; v < run->variants; v++)
		fprintf(f, "--:|");
	fprintf(f, "\n");
}

static void print_notes(FILE *f, const struct run *run, const struct result *result)
{
	fprintf(f,
		"\nTSC ticks for one operation, with all that the guest's own handler does; median "
		"and "
		"its 95 %% interval of %u samples, the empty loop's cost subtracted. "
		"host_kind=%s.\n",
		run->reps, run->host_kind);
	for (unsigned int i = 0; i < run->benches * run->variants; i++)
		if (result[i].taken && result[i].status != SAMPLE_OK)
			fprintf(f, "\n%s, %s: %s\n", result[i].bench->name,
				result[i].variant->label, result[i].reason);
}

static void print_origin(FILE *f, const struct run *run)
{
	char cpu[FACT_TEXT] = "";

	for (const struct fact *fact = host_facts; fact->key; fact++)
		if (!strcmp(fact->key, "cpu"))
			fact->get(cpu);
	fprintf(f,
		"# The cost of a trap\n\nMade by `fvbench traps`. Run %s, version %s. Host: %s. "
		"Processor: %s.\n\n",
		run->run_id, FVB_VERSION, run->host_kind, cpu);
}

void costs_print(FILE *f, const struct run *run, const struct result *result, bool markdown)
{
	char text[3 * CELL + 8];

	if (markdown)
		print_origin(f, run);
	print_head(f, run, markdown);
	for (unsigned int b = 0; b < run->benches; b++) {
		const struct bench *bench = run->bench[b];

		fprintf(f, markdown ? "| %s | %s |" : "%-45s  %-17s", event_of(bench), bench->name);
		for (unsigned int v = 0; v < run->variants; v++) {
			cost(&result[b * run->variants + v], text, sizeof(text));
			fprintf(f, markdown ? " %s |" : "  %-33s", text);
		}
		fprintf(f, "\n");
	}
	print_notes(f, run, result);
}
