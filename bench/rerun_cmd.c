/* SPDX-License-Identifier: MIT */
/* fvbench rerun: the command line, and handing over to the command that it repeats. */
#include "bench/commands.h"
#include "bench/options.h"
#include "bench/rerun.h"
#include "bench/session.h"
#include "common/args.h"

#include <argp.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { OPT_STRICT = 256, OPT_CHECK };

struct command {
	const char *file;
	char **more; /* what came behind it */
	int nr;
	bool strict, check;
};

/* What comes behind FILE is for the other command. */
static void check_order(const struct command *c, struct argp_state *state)
{
	for (int i = 0; i < c->nr; i++)
		if (!strcmp(c->more[i], "--strict") || !strcmp(c->more[i], "--check"))
			argp_failure(state, EXIT_USAGE, 0, "%s goes before the file: %s %s",
				     c->more[i], c->more[i], c->file);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case OPT_STRICT:
		c->strict = true;
		break;
	case OPT_CHECK:
		c->check = true;
		break;
	case ARGP_KEY_ARG:
		c->file = arg;
		c->more = state->argv + state->next;
		c->nr = state->argc - state->next;
		check_order(c, state);
		state->next = state->argc;
		break;
	case ARGP_KEY_NO_ARGS:
		argp_failure(state, EXIT_USAGE, 0, "which run.json?");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option options[] = {
	{ "strict", OPT_STRICT, NULL, 0, "Run nothing if anything differs", 0 },
	{ "check", OPT_CHECK, NULL, 0, "Only say what differs: exit status 1 if something does",
	  0 },
	{ 0 }
};

static const char doc[] =
	"Repeat the run that FILE, which --meta of fvbench run, traps or selftest wrote, tells of. "
	"First a line on "
	"standard "
	"error for each thing that is not as it was then: build, libraries, environment, "
	"processor, "
	"microcode, kernel, mitigations, files of the guests. OPTIONs are added to the command; "
	"files that it wrote then are written only if they are named anew.\v"
	"Exit status: that of the command; 2 a bad FILE or option, or with --strict a "
	"difference.\n\n"
	"Example:\n"
	"  fvbench run --csv a.csv --meta run.json cpuid\n"
	"  fvbench rerun --strict run.json --csv b.csv";

static const struct argp argp = { options, parse, "FILE [OPTION OF fvbench run...]", doc, NULL,
				  NULL,	   NULL };

/* Does the new command make sense, and of which guests? Usage errors end the program. */
static void read_options(const struct rerun *r, struct options *o)
{
	static char name[] = "fvbench rerun";
	char *argv[RERUN_WORDS];

	/* argp sorts what it gets. */
	memcpy(argv, r->word + 1, (size_t)r->words * sizeof(argv[0]));
	argv[0] = name;
	rerun_parser(r->word[1])(o, r->words - 1, argv);
}

/* The record of a run must not be lost by repeating it. */
static int check_kept(const struct command *c, const struct options *o, struct error *err)
{
	const char *written[OPTIONS_WRITTEN];

	options_written(o, written);
	for (int i = 0; i < OPTIONS_WRITTEN; i++)
		if (args_same_file(written[i], c->file))
			return fail(err, -EINVAL,
				    "%.200s is what is repeated: name another file to write",
				    c->file);
	return 0;
}

static int rerun(struct rerun *r, const struct command *c, struct error *err)
{
	static struct options o;
	int ret = rerun_load(r, c->file, err);

	if (!ret)
		ret = rerun_command(r, c->more, c->nr, err);
	if (ret)
		return EXIT_USAGE;
	read_options(r, &o);
	if (check_kept(c, &o, err))
		return EXIT_USAGE;
	rerun_compare_context(r);
	if (rerun_compare_guests(r, &o, err))
		return EXIT_USAGE;
	if (!r->differences)
		fputs("nothing differs from then\n", r->out);
	if (c->check)
		return r->differences ? EXIT_BENCH_FAILED : EXIT_FINE;
	if (c->strict && r->differences) {
		fail(err, -EINVAL, "%u things differ, and --strict was given: nothing was run",
		     r->differences);
		return EXIT_USAGE;
	}
	/* A process of its own makes a command line of its own, which its run.json shall have. */
	fflush(NULL);
	execv("/proc/self/exe", r->word);
	fail(err, -errno, "cannot start the program again: %s", strerror(errno));
	return EXIT_HOST;
}

int cmd_rerun(int argc, char **argv)
{
	struct rerun r = { .out = stderr };
	struct error err = { "" };
	struct command c = { 0 };
	int status;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &c);
	status = rerun(&r, &c, &err);
	rerun_free(&r);
	return err.text[0] ? complain("rerun", &err, status) : status;
}
