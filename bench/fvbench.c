/* SPDX-License-Identifier: MIT */
/* fvbench: measure what trapping operations cost under each backend. One command each:
 * commands.def. */
#include "bench/commands.h"
#include "bench/options.h"
#include "common/process.h"
#include "version.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

const char *argp_program_version = "fvbench " FVB_VERSION;

static const struct {
	const char *name, *text;
	int (*fn)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, text) { #name, text, cmd_##name },
#include "bench/commands.def"
#undef COMMAND
};

static void print_help(void)
{
	printf("Usage: fvbench COMMAND [OPTION...]\n"
	       "Measure what trapping operations cost under each way of running a guest.\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  fvbench %-9s %s\n", commands[i].name, commands[i].text);
	printf("\nfvbench COMMAND --help tells a command's options; fvbench --version the "
	       "version.\n");
}

/* Output that could not be written must not look like success. */
static int flush_stdout(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "fvbench: cannot write to standard output: %s\n", strerror(errno));
	return status ? status : EXIT_HOST;
}

static int no_command(const char *word)
{
	fprintf(stderr, "fvbench: %s%s; one of ", *word ? "no command " : "a command is missing",
		word);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(stderr, "%s, ", commands[i].name);
	fprintf(stderr, "or --help\n");
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	char name[32];

	process_init();
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(word, commands[i].name))
			continue;
		/* What argp's messages start with. */
		snprintf(name, sizeof(name), "fvbench %s", word);
		argv[1] = name;
		return flush_stdout(commands[i].fn(argc - 1, argv + 1));
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "-?")) {
		print_help();
		return flush_stdout(EXIT_FINE);
	}
	if (!strcmp(word, "--version")) {
		puts(argp_program_version);
		return flush_stdout(EXIT_FINE);
	}
	return no_command(word);
}
