/* SPDX-License-Identifier: MIT */
#include "bench/commands.h"
#include "bench/options.h"
#include "bench/report.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_FORMAT = 256, OPT_BASELINE, OPT_METRIC, OPT_BENCH };

static const struct argp_option options[] = {
	{ "format", OPT_FORMAT, "FORMAT", 0,
	  "table (default), markdown, latex (tables that need no packages) or csv (all numbers, a "
	  "row for each benchmark and variant)",
	  0 },
	{ "baseline", OPT_BASELINE, "VARIANT", 0,
	  "What the others are compared with, by its name in the tables (default: the first that "
	  "has most benchmarks)",
	  0 },
	{ "metric", OPT_METRIC, "NAME", 0,
	  "What is compared, by its name in the files (default: the cost of an operation: "
	  "cycles_per_op, of hlt and timer-latency lat_p50)",
	  0 },
	{ "bench", OPT_BENCH, "GLOB", 0,
	  "Only benchmarks that match, as in 'syscall*'; may be given again", 0 },
	{ 0 }
};

static const char doc[] =
	"What the files of any runs say: medians with 95 % intervals, ratios to one of the "
	"variants "
	"with "
	"intervals and significance, traps per operation, and what Adams & Agesen (2006) published "
	"of the same operations. FILE: what run wrote with --csv or --traps.\v"
	"Times measured on emulated processors are left out; their counts are not.\n\n"
	"Exit status: 0; 2 bad option, or a file that is none; 4 the host failed us.";

struct command {
	const char **file, *glob[OPTIONS_GLOBS];
	unsigned int files, globs;
	int format; /* enum grid_format */
	const char *metric, *baseline;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case OPT_FORMAT:
		c->format = grid_format(arg);
		if (c->format < 0)
			argp_failure(state, EXIT_USAGE, 0,
				     "--format takes table, markdown, latex or csv; not '%s'", arg);
		return 0;
	case OPT_BASELINE:
		c->baseline = arg;
		return 0;
	case OPT_METRIC:
		c->metric = arg;
		return 0;
	case OPT_BENCH:
		options_glob(state, c->glob, &c->globs, arg);
		return 0;
	case ARGP_KEY_ARG:
		c->file[c->files++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Said once of each file that a report has no place for. */
static void note_others(const struct data *d)
{
	for (unsigned int i = 0; i < d->files; i++)
		if (d->file[i].kind != READ_SAMPLES && d->file[i].kind != READ_TRAPS)
			fprintf(stderr,
				"fvbench report: %s: what %s writes has no place in a report\n",
				d->file[i].path, read_kind_name(d->file[i].kind));
}

static int print(const struct command *c, const struct report *r)
{
	if (c->format != GRID_CSV)
		return report_text(stdout, r, (enum grid_format)c->format);
	report_csv(stdout, r);
	return 0;
}

static int report_files(const struct command *c, struct error *err)
{
	struct report r;
	struct data d;
	int ret = data_load(&d, c->file, c->files, "fvbench report", stderr, err);

	if (ret)
		return ret;
	note_others(&d);
	ret = report_make(&r, &d, c->metric, c->baseline, c->glob, c->globs, err);
	if (!ret) {
		if (print(c, &r))
			ret = fail(err, -ENOMEM, "out of memory");
		report_free(&r);
	}
	data_free(&d);
	return ret;
}

int cmd_report(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "FILE...", doc, NULL, NULL, NULL };
	struct command c = { .file = calloc((size_t)argc + 1, sizeof(*c.file)),
			     .format = GRID_TABLE };
	struct error err = { "" };
	int ret = -ENOMEM;

	argp_err_exit_status = EXIT_USAGE;
	if (!c.file) {
		fail(&err, ret, "out of memory");
	} else {
		argp_parse(&argp, argc, argv, 0, NULL, &c);
		ret = c.files ? report_files(&c, &err)
			      : fail(&err, -EINVAL,
				     "a file is missing: what fvbench run wrote with --csv");
	}
	free(c.file);
	if (ret)
		fprintf(stderr, "fvbench report: %s\n", err.text);
	return !ret ? EXIT_FINE : ret == -ENOMEM ? EXIT_HOST : EXIT_USAGE;
}
