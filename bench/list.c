/* SPDX-License-Identifier: MIT */
/* fvbench list: the benchmarks that GLOBs name. */
#include "bench/commands.h"
#include "bench/session.h"

#include <inttypes.h>

int cmd_list(int argc, char **argv)
{
	struct session s = { 0 };
	struct error err = { "" };

	options_list(&s.o, argc, argv);
	if (session_select(&s, &err)) {
		session_fini(&s);
		return complain("list", &err, EXIT_USAGE);
	}
	printf("%-24s %4s  %10s  %s\n", "name", "mode", "iterations", "one operation");
	for (unsigned int i = 0; i < s.run.benches; i++) {
		const struct bench *b = s.bench[i];

		printf("%-24s %4u  %10" PRIu64 "  %s\n", b->name, b->mode, b->iterations, b->text);
	}
	if (!s.o.globs)
		puts("\nMore, which run in a Linux guest: fvbench list 'linux/*'");
	session_fini(&s);
	return EXIT_FINE;
}
