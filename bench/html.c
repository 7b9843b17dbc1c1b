/* SPDX-License-Identifier: MIT */
#include "bench/html.h"
#include "bench/commands.h"
#include "bench/options.h"
#include "bench/save.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MOST 64

struct command {
	const char *csv[FILES_MOST], *json[FILES_MOST];
	unsigned int csvs, jsons;
	const char *out, *title, *baseline;
	const char *glob[OPTIONS_GLOBS];
	unsigned int globs;
};

enum { OPT_TITLE = 256, OPT_BASELINE, OPT_BENCH };

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "The page", 0 },
	{ "title", OPT_TITLE, "TEXT", 0, "Its title (default: fvbench results)", 0 },
	{ "baseline", OPT_BASELINE, "VARIANT", 0,
	  "What others are compared with (default: the first that has times, and real ones)", 0 },
	{ "bench", OPT_BENCH, "GLOB", 0, "Only benchmarks with such a name; may be given again",
	  0 },
	{ 0 }
};

static const char doc[] =
	"Write one page of result files, to be read in a browser or printed: tables that are "
	"sorted "
	"by a click, figures, ratios with intervals and significance. A FILE that ends in .json is "
	"a "
	"run's description (run --meta). The page needs no network and no other file.\v"
	"Exit status: 0; 2 bad option or file; 4 the host failed us.";

static void add_file(struct command *c, const char *path, struct argp_state *state)
{
	size_t len = strlen(path);
	bool json = len > 5 && !strcasecmp(path + len - 5, ".json");

	if ((json ? c->jsons : c->csvs) == FILES_MOST)
		argp_failure(state, EXIT_USAGE, 0, "more than %d files", FILES_MOST);
	if (json)
		c->json[c->jsons++] = path;
	else
		c->csv[c->csvs++] = path;
}

static void check_whole(const struct command *c, struct argp_state *state)
{
	if (!c->csvs && !c->jsons)
		argp_failure(state, EXIT_USAGE, 0,
			     "which files? fvbench html FILE... -o report.html");
	if (!c->out)
		argp_failure(state, EXIT_USAGE, 0, "-o says where the page goes: -o report.html");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case 'o':
		c->out = arg;
		return 0;
	case OPT_TITLE:
		c->title = arg;
		return 0;
	case OPT_BASELINE:
		c->baseline = arg;
		return 0;
	case OPT_BENCH:
		options_glob(state, c->glob, &c->globs, arg);
		return 0;
	case ARGP_KEY_ARG:
		add_file(c, arg, state);
		return 0;
	case ARGP_KEY_END:
		check_whole(c, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool has_samples(const struct data *d)
{
	for (unsigned int i = 0; i < d->files; i++)
		if (d->file[i].kind == READ_SAMPLES)
			return true;
	return false;
}

/* Why there is no table of costs is told in the page. */
static int write_costs(FILE *f, const struct command *c, const struct data *d, struct error *err)
{
	struct report r;
	int ret;

	if (!has_samples(d))
		return 0;
	ret = report_make(&r, d, NULL, c->baseline, c->glob, c->globs, err);
	if (!ret) {
		html_costs(f, &r);
		report_free(&r);
		return 0;
	}
	/* A baseline that is not there is the user's mistake; no samples are not. */
	if (ret == -ENOMEM || c->baseline)
		return ret;
	html_section(f, "costs", "Costs");
	fputs("<p class=\"note\">", f);
	html_text(f, err->text);
	fputs("</p>\n", f);
	html_section_end(f);
	return 0;
}

static int write_page(FILE *f, const struct command *c, const struct data *d, struct error *err)
{
	int ret = 0;

	html_begin(f, c->title ? c->title : "fvbench results");
	for (unsigned int i = 0; !ret && i < c->jsons; i++)
		ret = html_facts(f, c->json[i], err);
	if (!ret)
		ret = write_costs(f, c, d, err);
	if (!ret && d->files)
		ret = html_figures(f, d, c->glob, c->globs, err);
	for (unsigned int i = 0; !ret && i < d->files; i++)
		html_rows(f, d, i, c->glob, c->globs);
	if (!ret && d->files)
		html_sources(f, d);
	html_end(f);
	return ret;
}

/* Everything in memory first: a page that is half a page is none. */
static int make(const struct command *c, struct error *err)
{
	struct data d = { 0 };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int ret = f ? 0 : fail(err, -ENOMEM, "out of memory");

	if (!ret)
		ret = data_load(&d, c->csv, c->csvs, "fvbench html", stderr, err);
	/* A file that cannot be read is the user's to change, whatever the reason. */
	if (ret && ret != -ENOMEM)
		ret = -EINVAL;
	if (!ret)
		ret = write_page(f, c, &d, err);
	if (f && fclose(f) && !ret)
		ret = fail(err, -ENOMEM, "out of memory");
	if (!ret)
		ret = save_file(c->out, text, len, err);
	free(text);
	data_free(&d);
	return ret;
}

int cmd_html(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "FILE... -o OUT", doc, NULL, NULL, NULL };
	static struct command c;
	struct error err = { "" };
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	ret = make(&c, &err);
	if (!ret)
		return EXIT_FINE;
	fprintf(stderr, "fvbench html: %s\n", err.text);
	return ret == -EINVAL || ret == -ENOENT ? EXIT_USAGE : EXIT_HOST;
}
