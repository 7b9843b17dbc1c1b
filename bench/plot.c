/* SPDX-License-Identifier: MIT */
#include "bench/plot_data.h"
#include "bench/commands.h"
#include "bench/gnuplot.h"
#include "bench/options.h"
#include "bench/save.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- kinds ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*make)(struct plot *p, struct error *err);
	unsigned int files; /* BIT(enum read_kind) that it can be made of */
} kinds[PLOT_KINDS] = {
	[PLOT_COST] = { "cost", plot_cost, BIT(READ_SAMPLES) },
	[PLOT_TRAPS] = { "traps", plot_traps, BIT(READ_TRAPS) | BIT(READ_SAMPLES) },
	[PLOT_DISTANCES] = { "distances", plot_distances, BIT(READ_DISTANCES) },
	[PLOT_TIMELINE] = { "timeline", plot_timeline, BIT(READ_TIMELINE) },
	[PLOT_ABLATION] = { "ablation", plot_ablation, BIT(READ_SAMPLES) },
	[PLOT_OVERHEAD] = { "overhead", plot_overhead, BIT(READ_OVERHEAD) },
};

const char *plot_kind_name(enum plot_kind kind)
{
	return kinds[kind].name;
}

int plot_deduce(const struct csv_file *t, struct error *err)
{
	static const int of[READ_KINDS] = {
		[READ_SAMPLES] = PLOT_COST,
		[READ_TRAPS] = PLOT_TRAPS,
		[READ_DISTANCES] = PLOT_DISTANCES,
		[READ_HOT] = -1,
		[READ_TIMELINE] = PLOT_TIMELINE,
		[READ_OVERHEAD] = PLOT_OVERHEAD,
		[READ_TRANSLATOR] = -1,
	};
	int kind = of[t->kind];

	if (kind >= 0)
		return kind;
	return fail(err, -EINVAL, "%.150s: there is no figure for a file of %s", t->path,
		    read_kind_name(t->kind));
}

static int make(struct plot *p, int kind, struct error *err)
{
	struct error why = { "" };
	int ret;

	if (kind < 0)
		kind = plot_deduce(p->t, err);
	if (kind < 0)
		return kind;
	if (!(kinds[kind].files & BIT(p->t->kind)))
		return fail(err, -EINVAL, "%.150s: --kind %s cannot be made of a file of %s",
			    p->t->path, kinds[kind].name, read_kind_name(p->t->kind));
	ret = kinds[kind].make(p, &why);
	return ret ? fail(err, ret, "%.150s: %s", p->t->path, why.text) : 0;
}

static void plot_fini(struct plot *p)
{
	plot_names_fini(&p->bench);
	plot_names_fini(&p->variant);
}

int plot_script(const struct data *d, unsigned int file, const struct plot_options *o,
		char **script, char **caption, struct error *err)
{
	struct plot p = { .d = d, .file = file, .t = &d->file[file], .o = o };
	int ret = -ENOMEM;

	*script = *caption = NULL;
	p.script = open_memstream(&p.script_text, &p.script_len);
	p.caption = open_memstream(&p.caption_text, &p.caption_len);
	if (p.script && p.caption)
		ret = make(&p, o->kind, err);
	else
		fail(err, ret, "out of memory");
	if (p.script && fclose(p.script) && !ret)
		ret = fail(err, -ENOMEM, "out of memory");
	if (p.caption && fclose(p.caption) && !ret)
		ret = fail(err, -ENOMEM, "out of memory");
	if (!ret) {
		*script = p.script_text;
		*caption = p.caption_text;
	} else {
		free(p.script_text);
		free(p.caption_text);
	}
	plot_fini(&p);
	return ret;
}

/* ---- the command ---------------------------------------------------------------------------- */

enum { OPT_KIND = 256, OPT_WIDTH, OPT_CAUSE, OPT_BENCH, OPT_BACKEND, OPT_FOOTER, OPT_SCRIPT };

struct command {
	const char *file, *out, *script;
	const char *glob[OPTIONS_GLOBS];
	struct plot_options o;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "The figure; .svg, .pdf or .png says which format", 0 },
	{ "kind", OPT_KIND, "KIND", 0,
	  "cost, traps, distances, timeline, ablation or overhead (default: what the file's "
	  "columns "
	  "speak for)",
	  0 },
	{ "width", OPT_WIDTH, "WIDTH", 0,
	  "single: a column of two, 3.33 in (default); double: both, 7 in", 0 },
	{ "bench", OPT_BENCH, "GLOB", 0, "Only benchmarks with such a name; may be given again",
	  0 },
	{ "backend", OPT_BACKEND, "LIST", 0, "Only these, as in kvm,swbt:bt", 0 },
	{ "cause", OPT_CAUSE, "CAUSE", 0, "Distances between traps of CAUSE (default: of all)", 0 },
	{ "footer", OPT_FOOTER, NULL, 0, "Write the caption into the figure, too", 0 },
	{ "script", OPT_SCRIPT, "FILE", 0, "Also keep the script for gnuplot, to change it", 0 },
	{ 0 }
};

static const char doc[] =
	"Draw FILE, which fvbench run wrote, with gnuplot, to be printed in a paper: 8 point type, "
	"colours that colour-blind people tell apart, hatching and dashes that are told apart in "
	"black and white. The caption, which says what was left out, is printed.\v"
	"cost       of --csv: cycles per operation, by variant, on a log axis, with intervals\n"
	"traps      of --traps or --csv: which causes, in percent, and how many for an operation\n"
	"distances  of --distances: between one trap and the next, as cumulative distribution\n"
	"timeline   of --timeline: traps a second over time, by cause\n"
	"ablation   of --csv of a run with --matrix: cost of each set of options against the "
	"defaults\n"
	"overhead   of --overhead: where the time goes, in percent\n\n"
	"Exit status: 0; 2 bad option, or a file that is not for that; 4 no gnuplot, or the host "
	"failed us.";

static void set_kind(struct command *c, const char *arg, struct argp_state *state)
{
	for (c->o.kind = 0; c->o.kind < PLOT_KINDS; c->o.kind++)
		if (!strcmp(kinds[c->o.kind].name, arg))
			return;
	argp_failure(
		state, EXIT_USAGE, 0,
		"--kind takes cost, traps, distances, timeline, ablation or overhead; not '%s'",
		arg);
}

static void set_width(struct command *c, const char *arg, struct argp_state *state)
{
	if (strcmp(arg, "single") && strcmp(arg, "double"))
		argp_failure(state, EXIT_USAGE, 0, "--width takes single or double; not '%s'", arg);
	c->o.width = *arg == 's' ? DRAWING_SINGLE : DRAWING_DOUBLE;
}

static void set_output(struct command *c, const char *arg, struct argp_state *state)
{
	int format = drawing_format(arg);

	if (format < 0)
		argp_failure(state, EXIT_USAGE, 0,
			     "-o takes a file that ends in .svg, .pdf or .png; not '%s'", arg);
	c->o.format = (enum drawing_format)format;
	c->out = arg;
}

static void check_whole(const struct command *c, struct argp_state *state)
{
	if (!c->file)
		argp_failure(state, EXIT_USAGE, 0, "which file? fvbench plot FILE -o OUT.svg");
	if (!c->out)
		argp_failure(state, EXIT_USAGE, 0, "-o says where the figure goes: -o OUT.svg");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case 'o':
		set_output(c, arg, state);
		return 0;
	case OPT_KIND:
		set_kind(c, arg, state);
		return 0;
	case OPT_WIDTH:
		set_width(c, arg, state);
		return 0;
	case OPT_CAUSE:
		c->o.cause = arg;
		return 0;
	case OPT_BACKEND:
		c->o.backends = arg;
		return 0;
	case OPT_FOOTER:
		c->o.footer = true;
		return 0;
	case OPT_SCRIPT:
		c->script = arg;
		return 0;
	case OPT_BENCH:
		options_glob(state, c->glob, &c->o.globs, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (c->file)
			argp_failure(state, EXIT_USAGE, 0, "one file at a time, not also '%s'",
				     arg);
		c->file = arg;
		return 0;
	case ARGP_KEY_END:
		check_whole(c, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* SCRIPT's figure into the file that was asked for. */
static int draw(const struct command *c, const char *script, struct error *err)
{
	char *out = NULL;
	size_t len = 0;
	int ret = c->script ? save_file(c->script, script, strlen(script), err) : 0;

	if (!ret)
		ret = gnuplot_run(script, &out, &len, err);
	if (!ret)
		ret = save_file(c->out, out, len, err);
	free(out);
	return ret;
}

int cmd_plot(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "FILE -o OUT", doc, NULL, NULL, NULL };
	static struct command c = { .o = { .kind = -1, .width = DRAWING_SINGLE } };
	struct data d;
	struct error err = { "" };
	char *script = NULL, *caption = NULL;
	int ret, status = EXIT_USAGE;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	c.o.glob = c.glob;
	ret = data_load(&d, &c.file, 1, "fvbench plot", stderr, &err);
	if (!ret)
		ret = plot_script(&d, 0, &c.o, &script, &caption, &err);
	if (!ret) {
		ret = draw(&c, script, &err);
		status = ret == -EINVAL ? EXIT_USAGE : EXIT_HOST;
	}
	if (ret)
		fprintf(stderr, "fvbench plot: %s\n", err.text);
	else
		printf("%s: %s\n", c.out, caption);
	data_free(&d);
	free(script);
	free(caption);
	return ret ? status : EXIT_FINE;
}
