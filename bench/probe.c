/* SPDX-License-Identifier: MIT */
#include "bench/probe.h"
#include "bench/commands.h"
#include "bench/facts.h"
#include "bench/options.h"
#include "bench/peer.h"

#define WIDTH 22

static void print_facts(FILE *f, const char *heading, const struct fact *fact)
{
	fprintf(f, "%s\n", heading);
	for (; fact->key; fact++) {
		char text[FACT_TEXT] = "";
		enum fact_level level = fact->get(text);

		fprintf(f, "  %-*s%s\n", WIDTH, fact->title, text[0] ? text : "not visible");
		if (level == FACT_MISSING && fact->advice)
			fprintf(f, "  %-*s> %s\n", WIDTH, "", fact->advice);
	}
}

void probe_print(FILE *f, const struct backend *const *table)
{
	print_facts(f, "This host", host_facts);
	print_facts(f, "\nVirtualization and measuring", virt_facts);
	fputs("\nBackends\n", f);
	for (; *table; table++) {
		struct error err = { "" };
		int ret = (*table)->probe(&err);

		fprintf(f, "  %-*s%s%s\n", WIDTH, (*table)->name, ret ? "no: " : "works here",
			ret ? err.text : "");
	}
}

int cmd_probe(int argc, char **argv)
{
	options_probe(argc, argv);
	probe_print(stdout, with_peers(backends));
	return EXIT_FINE;
}
