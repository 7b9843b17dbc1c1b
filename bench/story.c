/* SPDX-License-Identifier: MIT */
#include "bench/story.h"
#include "bench/commands.h"
#include "bench/options.h"
#include "bench/show.h"
#include "common/args.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS 1000
#define TRIAL	   2 /* enough to see whether instructions are stepped */
#define TIMEOUT	   (120 * NSEC_PER_SEC)

struct command {
	struct show_options o;
	struct record csv;
	u64 iterations;
	bool mode32, mode64;
	struct show show;
	struct told told[2 * VARIANTS_MAX];
	char name[VARIANTS_MAX][128];
	unsigned int n;
};

enum { OPT_MODE = 256, OPT_ITERS };

static const struct argp_option options[] = {
	{ "mode", OPT_MODE, "BITS", 0, "The 64-bit or the 32-bit kernel only", 0 },
	{ "iters", OPT_ITERS, "N", 0, "N updates of the ledger (default 1000)", 0 },
	{ 0 }
};

static const struct argp_child children[] = { { &show_argp, 0, NULL, 0 }, { 0 } };

static const char doc[] =
	"A kernel shares data with its timer interrupt and keeps the interrupt out by POPF, which "
	"at CPL "
	"3 neither works nor traps. Watch it corrupt its data under classical trap-and-emulate, "
	"and see "
	"it right where the instruction was edited, translated, or run by hardware.\v"
	"Columns of the CSV: bits,where,metric,value. Exit status: 0 the story came out as told; 1 "
	"it did "
	"not; 2 bad option; 4 the host failed us.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &c->o;
		return 0;
	case OPT_ITERS:
		if (args_number(arg, 100, 1000000, &c->iterations))
			argp_failure(state, EXIT_USAGE, 0,
				     "--iters takes a number from 100 to 1000000; not '%s'", arg);
		return 0;
	case OPT_MODE:
		c->mode64 |= !strcmp(arg, "64");
		c->mode32 |= !strcmp(arg, "32");
		if (!c->mode64 && !c->mode32)
			argp_failure(state, EXIT_USAGE, 0, "--mode takes 64 or 32; not '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void note(struct told *t, const struct sample *s)
{
	const struct verdict *v = &s->verdict;

	t->failed = s->status != SAMPLE_OK;
	snprintf(t->reason, sizeof(t->reason), "%.190s", s->reason);
	if (t->failed)
		return;
	t->iterations = v->iters;
	t->ticks = show_extra(v, "ticks");
	t->ticks2 = show_extra(v, "ticks2");
	t->cycles1 = show_extra(v, "cycles1");
	t->cycles2 = show_extra(v, "cycles2");
	t->inside = show_extra(v, "inside");
	t->lost = show_extra(v, "lost");
	t->torn = show_extra(v, "torn");
	t->popf = show_extra(v, "popf");
	t->popf2 = show_extra(v, "popf2");
	t->at = show_extra(v, "at");
	t->flags = show_extra(v, "flags");
	t->stepped |= sample_stepped(s->raw);
	t->run_ns = s->raw->wall_ns;
	t->traps = s->raw->traps;
}

static int tell(struct command *c, unsigned int variant, unsigned int bits, struct error *err)
{
	const struct variant *v = &c->show.variant[variant];
	struct told *t = &c->told[c->n++];
	u64 n = TRIAL;

	*t = (struct told){ .where = c->name[variant], .bits = bits };
	show_name(v, c->name[variant], sizeof(c->name[variant]));
	for (;;) {
		struct sample sample;
		int ret = show_take(&c->show, v, "story", bits, n, NULL, n == TRIAL, TIMEOUT,
				    &sample, err);

		if (ret)
			return ret;
		note(t, &sample);
		sample_free(&sample);
		if (n != TRIAL || t->failed || t->stepped)
			return 0;
		n = c->iterations;
	}
}

static const char beginning[] = "A kernel keeps a ledger, with a checksum. Its timer interrupt, "
				"1000 times a second, makes entries,\n"
				"too. So the kernel switches interrupts off while it updates the "
				"ledger, which takes it several steps:\n"
				"first by POPF with a clear IF on the stack; then, as most kernels "
				"do, by PUSHF and CLI, with POPF to\n"
				"have interrupts as they were. An interrupt in between would make "
				"its entry in the middle of the\n"
				"kernel's, and one of them would be lost.\n\n";

static int tell_all(struct command *c, struct error *err)
{
	bool both = !c->mode64 && !c->mode32;
	int ret = 0;

	fputs(beginning, stdout);
	for (unsigned int bits = 64; bits >= 32; bits /= 2)
		for (unsigned int i = 0; !ret && i < c->show.variants; i++) {
			if (!both && !(bits == 64 ? c->mode64 : c->mode32))
				continue;
			ret = tell(c, i, bits, err);
			if (ret)
				return ret;
			told_print(stdout, &c->told[c->n - 1]);
			fflush(stdout);
		}
	told_costs(stdout, c->told, c->n);
	return 0;
}

static void csv_header(FILE *f)
{
	fprintf(f, "bits,where,metric,value\n");
}

static int conclude(const struct command *c)
{
	unsigned int bad = 0;

	for (unsigned int i = 0; i < c->n; i++)
		bad += !told_as_expected(&c->told[i]);
	if (bad)
		printf("%u of %u did not come out as told.\n", bad, c->n);
	else
		printf("The story came out as told.\n");
	return bad ? EXIT_BENCH_FAILED : EXIT_FINE;
}

static int complain(const struct error *err, int status)
{
	fprintf(stderr, "fvbench story: %s\n", err->text);
	return status;
}

int cmd_story(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, doc, children, NULL, NULL };
	static struct command c = { .iterations = ITERATIONS };
	struct error err = { "" };
	int ret;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	c.csv.path = c.o.csv;
	if (show_init(&c.show, c.o.backends, c.o.guests, &err) ||
	    record_open(&c.csv, csv_header, &err))
		return complain(&err, EXIT_USAGE);
	ret = tell_all(&c, &err);
	for (unsigned int i = 0; c.csv.file && i < c.n; i++)
		told_csv(c.csv.file, &c.told[i]);
	if (record_close(&c.csv, &err) && !ret)
		ret = -EIO;
	return ret ? complain(&err, EXIT_HOST) : conclude(&c);
}
