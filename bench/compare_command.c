/* SPDX-License-Identifier: MIT */
#include "bench/changes.h"
#include "bench/commands.h"
#include "bench/options.h"
#include "common/args.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_FORMAT = 256, OPT_THRESHOLD, OPT_AGREE, OPT_METRIC, OPT_BENCH };

static const struct argp_option options[] = {
	{ "threshold", OPT_THRESHOLD, "PERCENT", 0,
	  "Smaller changes are none, be they ever so significant (default: 2%)", 0 },
	{ "agree", OPT_AGREE, "PERCENT", 0,
	  "Only say on how many rows the files agree within their intervals; exit status 1 if on "
	  "less than PERCENT",
	  0 },
	{ "metric", OPT_METRIC, "NAME", 0,
	  "What is compared, as in report (default: the cost of an operation)", 0 },
	{ "bench", OPT_BENCH, "GLOB", 0, "Only benchmarks that match; may be given again", 0 },
	{ "format", OPT_FORMAT, "FORMAT", 0, "table (default), markdown, latex or csv", 0 },
	{ 0 }
};

static const char doc[] =
	"Did anything become slower from file A to file B? Both are what run --csv wrote. A row "
	"for "
	"each benchmark and variant: the ratio of B to A with its 95 % interval, and whether that "
	"is a change: significant among so many comparisons, and as large as the threshold.\v"
	"Take more samples (run --reps 10) where small changes are to be found among many rows. "
	"Two "
	"runs at different times differ by what else the host did then: fvbench selftest says by "
	"how much.\n\n"
	"Exit status: 0 nothing became slower; 1 something did, or failed in B alone; 2 bad "
	"option, "
	"or a file that is none; 4 the host failed us.";

struct command {
	const char *file[2], *glob[OPTIONS_GLOBS];
	unsigned int files, globs;
	int format; /* enum grid_format */
	const char *metric;
	double threshold, agree;
};

/* "2%", "2" or "0.5%" as 0.02 or 0.005. */
static bool percent(const char *text, double most, double *out)
{
	char copy[32];
	size_t n = strlen(text);
	double v;

	snprintf(copy, sizeof(copy), "%s", text);
	if (n && n < sizeof(copy) && copy[n - 1] == '%')
		copy[n - 1] = '\0';
	/* 0 is a percentage, too. */
	if (n >= sizeof(copy) || args_real(copy, -1e-9, most, &v))
		return false;
	*out = v / 100;
	return true;
}

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
	case OPT_THRESHOLD:
		if (!percent(arg, 1000, &c->threshold))
			argp_failure(state, EXIT_USAGE, 0,
				     "--threshold takes percents, as in 2%%; not '%s'", arg);
		return 0;
	case OPT_AGREE:
		if (!percent(arg, 100, &c->agree))
			argp_failure(state, EXIT_USAGE, 0,
				     "--agree takes percents from 0 to 100; not '%s'", arg);
		return 0;
	case OPT_METRIC:
		c->metric = arg;
		return 0;
	case OPT_BENCH:
		options_glob(state, c->glob, &c->globs, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (c->files == 2)
			argp_failure(state, EXIT_USAGE, 0, "two files are compared, not more");
		c->file[c->files++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int print(const struct command *c, const struct changes *changes)
{
	int ret = 0;

	if (c->agree < 0 && c->format != GRID_CSV)
		ret = changes_text(stdout, changes, (enum grid_format)c->format);
	else if (c->agree < 0)
		changes_csv(stdout, changes);
	if (c->agree >= 0 || c->format != GRID_CSV)
		changes_agreement(stdout, changes, (enum grid_format)c->format);
	return ret;
}

/* The exit status that CHANGES come to. */
static int judge(const struct command *c, const struct changes *changes)
{
	if (c->agree >= 0)
		return changes->overlapping < c->agree * changes->intervals ? EXIT_BENCH_FAILED
									    : EXIT_FINE;
	return changes->kinds[CHANGE_SLOWER] || changes->kinds[CHANGE_FAILED] ? EXIT_BENCH_FAILED
									      : EXIT_FINE;
}

static int check_kinds(const struct data *d, struct error *err)
{
	for (unsigned int i = 0; i < d->files; i++)
		if (d->file[i].kind != READ_SAMPLES)
			return fail(err, -EINVAL,
				    "%.150s is what %s writes; samples are compared (run --csv)",
				    d->file[i].path, read_kind_name(d->file[i].kind));
	return 0;
}

static int compare_files(const struct command *c, int *status, struct error *err)
{
	struct changes changes;
	struct data d;
	int ret = data_load(&d, c->file, 2, "fvbench compare", stderr, err);

	if (ret)
		return ret;
	ret = check_kinds(&d, err);
	if (!ret)
		ret = changes_make(&changes, &d, c->metric, c->threshold, c->glob, c->globs, err);
	if (!ret) {
		if (print(c, &changes))
			ret = fail(err, -ENOMEM, "out of memory");
		*status = judge(c, &changes);
		changes_free(&changes);
	}
	data_free(&d);
	return ret;
}

int cmd_compare(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "A.csv B.csv", doc, NULL, NULL, NULL };
	struct command c = { .format = GRID_TABLE, .threshold = 0.02, .agree = -1 };
	struct error err = { "" };
	int status = EXIT_FINE, ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	ret = c.files == 2 ? compare_files(&c, &status, &err)
			   : fail(&err, -EINVAL,
				  "two files are compared: what fvbench run wrote with --csv");
	if (!ret)
		return status;
	fprintf(stderr, "fvbench compare: %s\n", err.text);
	return ret == -ENOMEM ? EXIT_HOST : EXIT_USAGE;
}
