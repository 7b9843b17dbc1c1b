/* SPDX-License-Identifier: MIT */
#include "bench/sensitive.h"
#include "bench/commands.h"
#include "bench/machine.h"
#include "bench/nano/lib/probe.h"
#include "bench/options.h"
#include "bench/show.h"
#include "common/args.h"
#include "common/hostkind.h"

#include <argp.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
	const char *glob[OPTIONS_GLOBS];
	unsigned int globs;
	struct show_options o;
	struct record csv;
	bool markdown, mode[SNIPPET_MODES], user;
	struct show show;
	u64 nothing[VARIANTS_MAX][SNIPPET_MODES][2 * SNIPPET_TS]; /* traps + 1; 0: not known */
	struct sensitive table;
};

/* ---- running ----------------------------------------------------------------------------------
 */

/* Those that an instruction itself can be the cause of. */
static u64 count_traps(const struct sample_raw *raw)
{
	static const u32 others = BIT(TRAP_HIDDEN_FAULT) | BIT(TRAP_TLB_FILL) |
				  BIT(TRAP_INTERRUPT) | BIT(TRAP_IRQ_WINDOW) | BIT(TRAP_TRANSLATE) |
				  BIT(TRAP_INDIRECT) | BIT(TRAP_INVALIDATE) | BIT(TRAP_EXCEPTION);
	u64 n = 0;

	for (unsigned int i = 0; raw->have_traps && i < TRAP_NR; i++)
		if (raw->traps.counted & BIT(i) && !(others & BIT(i)))
			n += raw->traps.c[i].count;
	return n;
}

static void note(struct seen *seen, const struct sample *sample)
{
	const struct verdict *v = &sample->verdict;

	*seen = (struct seen){ .failed = sample->status == SAMPLE_FAIL,
			       .absent = sample->status == SAMPLE_SKIP };
	snprintf(seen->reason, sizeof(seen->reason), "%.150s", sample->reason);
	if (sample->status != SAMPLE_OK)
		return;
	seen->vector = (u32)show_extra(v, "vector");
	seen->error = (u32)show_extra(v, "error");
	seen->out[0] = show_extra(v, "a");
	seen->out[1] = show_extra(v, "c");
	seen->out[2] = show_extra(v, "d");
	seen->cs = show_extra(v, "cs");
	seen->flags = show_extra(v, "flags");
	seen->traps = count_traps(sample->raw);
}

/* CODE in a fresh machine. */
static int take(const struct command *c, const struct variant *variant, enum snippet_mode mode,
		const struct snippet_code *code, unsigned int flags, struct seen *seen,
		struct error *err)
{
	char args[LINUX_APPEND - 32];
	struct sample sample;
	size_t n = (size_t)snprintf(args, sizeof(args),
				    "bits=%u flags=%u insn=%u resume=%u code=", snippet_bits[mode],
				    flags | (c->user ? SNIPPET_CPL3 : 0), code->insn, code->resume);
	int ret;

	for (unsigned int i = 0; i < code->len && n + 3 < sizeof(args); i++)
		n += (size_t)snprintf(args + n, sizeof(args) - n, "%02x", code->code[i]);
	ret = show_take(&c->show, variant, "probe", mode == SNIPPET_64 ? 64 : 32, 1, args, false,
			10 * NSEC_PER_SEC, &sample, err);
	if (ret)
		return ret;
	note(seen, &sample);
	sample_free(&sample);
	return 0;
}

/* Traps between the marks when no instruction but the last part runs. */
static int traps_of_nothing(struct command *c, unsigned int variant,
			    const struct sensitive_row *row, u64 *traps, struct error *err)
{
	const struct snippet_code *code = &row->s->code[row->mode];
	const struct snippet_code rest = { code->code + code->resume, code->len - code->resume, 0,
					   0 };
	const unsigned int flags = row->s->flags & (BIT(SNIPPET_NEEDS_SHIFT) - 1);
	u64 *known = &c->nothing[variant][row->mode][flags];
	struct seen seen;
	int ret = 0;

	if (!*known) {
		ret = take(c, &c->show.variant[variant], row->mode, &rest, flags, &seen, err);
		*known = !ret && !seen.failed ? seen.traps + 1 : 1;
	}
	*traps = *known - 1;
	return ret;
}

static int run_row(struct command *c, struct sensitive_row *row, struct error *err)
{
	const struct snippet_code *code = &row->s->code[row->mode];
	u64 nothing;
	int ret = take(c, c->show.reference, row->mode, code, row->s->flags, &row->ref, err);

	native_run(row->s, row->mode, &row->here);
	for (unsigned int i = 0; !ret && i < c->table.variants; i++) {
		ret = take(c, &c->show.variant[i], row->mode, code, row->s->flags, &row->seen[i],
			   err);
		if (!ret)
			ret = traps_of_nothing(c, i, row, &nothing, err);
		if (!ret)
			row->outcome[i] = outcome_judge(row->s, &row->ref, &row->seen[i], nothing);
	}
	return ret;
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static unsigned int words(const char *text)
{
	unsigned int n = 0;

	for (bool in = false; *text; text++) {
		n += !in && *text != ' ';
		in = *text != ' ';
	}
	return n;
}

enum outcome outcome_judge(const struct snippet *s, const struct seen *ref, const struct seen *seen,
			   u64 traps)
{
	bool same = seen->cs == ref->cs && seen->flags == ref->flags && seen->error == ref->error;

	if (seen->failed)
		return OUTCOME_WRONG;
	if (seen->absent || ref->absent)
		return seen->absent && ref->absent ? OUTCOME_ABSENT : OUTCOME_WRONG;
	if (seen->vector != ref->vector && seen->vector != PROBE_NONE)
		return OUTCOME_WRONG;
	for (unsigned int i = 0; i < words(s->results); i++)
		same &= seen->out[i] == ref->out[i];
	if (!same || seen->vector != ref->vector)
		return OUTCOME_SILENT;
	return seen->traps > traps ? OUTCOME_TRAPPED : OUTCOME_RIGHT;
}

bool sensitive_unexpected(const struct sensitive *t, const struct sensitive_row *row,
			  unsigned int variant)
{
	bool holes = !strcmp(t->variant[variant].engine, "trap");
	enum snippet_trap says = snippet_says(row->s, row->mode);

	return row->outcome[variant] >= OUTCOME_SILENT &&
	       !(holes && (says == TRAPS_SILENT || says == TRAPS_BIT));
}

/* ---- the command ------------------------------------------------------------------------------
 */

enum { OPT_MARKDOWN = 256, OPT_MODE, OPT_CPL };

static const struct argp_option options[] = {
	{ "mode", OPT_MODE, "BITS", 0,
	  "64, 32 or 16; may be given again (default: those that this host runs natively)", 0 },
	{ "cpl", OPT_CPL, "N", 0,
	  "0: in the guest's kernel (default); 3: in its user mode, where some of them must fault",
	  0 },
	{ "markdown", OPT_MARKDOWN, NULL, 0, "Print a Markdown table", 0 },
	{ 0 }
};

static const struct argp_child children[] = { { &show_argp, 0, NULL, 0 }, { 0 } };

static const char doc[] =
	"One row for each sensitive instruction and mode: does it trap at CPL 3 (really run, in a "
	"process, on this processor and under this kernel), what it should give at CPL 0, and what "
	"each engine makes of it. GLOB: only instructions with such a name, as in 'popf*'.\v"
	"here       at CPL 3, in a process: the exception, or what it gave; UMIP: Linux executed "
	"it, "
	"with dummy values\n"
	"CPL 0      in a machine: by KVM where it works, else by the architecture (engine step)\n"
	"engines    right; trapped and right (an exit; under bt: something else was executed "
	"instead); "
	"wrong silently; WRONG: the guest got an exception or came to an end\n"
	"*          one of Robin & Irvine's\n\n"
	"Exit status: 0 only engine trap is wrong, and only where it is known to be; 1 otherwise; "
	"2 "
	"bad option; 4 the host failed us.";

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct command *c = state->input;
	int mode = 0;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &c->o;
		return 0;
	case OPT_CPL:
		if (strcmp(arg, "0") && strcmp(arg, "3"))
			argp_failure(state, EXIT_USAGE, 0, "--cpl takes 0 or 3; not '%s'", arg);
		c->user = *arg == '3';
		return 0;
	case OPT_MARKDOWN:
		c->markdown = true;
		return 0;
	case OPT_MODE:
		while (mode < SNIPPET_MODES && (int)snippet_bits[mode] != atoi(arg))
			mode++;
		if (mode == SNIPPET_MODES)
			argp_failure(state, EXIT_USAGE, 0, "--mode takes 64, 32 or 16; not '%s'",
				     arg);
		c->mode[mode] = true;
		return 0;
	case ARGP_KEY_ARG:
		options_glob(state, c->glob, &c->globs, arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int find_variants(struct command *c, struct error *err)
{
	int ret = show_init(&c->show, c->o.backends, c->o.guests, err);

	c->table.variant = c->show.variant;
	c->table.variants = c->show.variants;
	c->table.hardware = -1;
	c->table.cpl = c->user ? 3 : 0;
	for (unsigned int i = 0; i < c->show.variants; i++)
		if (c->show.variant[i].backend->hardware)
			c->table.hardware = (int)i;
	return ret;
}

static bool wanted(const struct command *c, const struct snippet *s)
{
	for (unsigned int i = 0; i < c->globs; i++)
		if (!fnmatch(c->glob[i], s->id, 0))
			return true;
	return !c->globs;
}

static int make_rows(struct command *c, struct error *err)
{
	size_t n;
	const struct snippet *s = snippets(&n);
	bool any = c->mode[0] || c->mode[1] || c->mode[2];

	c->table.row = calloc(n * SNIPPET_MODES, sizeof(*c->table.row));
	if (!c->table.row)
		return fail(err, -ENOMEM, "out of memory");
	for (enum snippet_mode m = 0; m < SNIPPET_MODES; m++) {
		if (any ? !c->mode[m] : !native_mode(m))
			continue;
		for (size_t i = 0; i < n; i++)
			if (s[i].code[m].code && wanted(c, &s[i]))
				c->table.row[c->table.rows++] =
					(struct sensitive_row){ .s = &s[i], .mode = m };
	}
	return c->table.rows ? 0
			     : fail(err, -EINVAL,
				    "no instruction has such a name; without names, all "
				    "are shown");
}

static int run_rows(struct command *c, struct error *err)
{
	bool progress = isatty(STDERR_FILENO);
	int ret = 0;

	for (unsigned int i = 0; !ret && i < c->table.rows; i++) {
		if (progress)
			fprintf(stderr, "\r%u/%u \r", i, c->table.rows);
		ret = run_row(c, &c->table.row[i], err);
	}
	return ret;
}

static int judge_all(const struct command *c)
{
	int status = EXIT_FINE;

	for (unsigned int i = 0; i < c->table.rows; i++)
		if (c->table.row[i].ref.failed) {
			fprintf(stderr, "fvbench sensitive: %s: the reference failed: %s\n",
				c->table.row[i].s->title, c->table.row[i].ref.reason);
			status = EXIT_BENCH_FAILED;
		}
	for (unsigned int i = 0; i < c->table.rows * c->table.variants; i++) {
		const struct sensitive_row *row = &c->table.row[i / c->table.variants];
		unsigned int v = i % c->table.variants;

		/* Emulated hardware has faults of its own: tests/fvbench/sensitive. */
		if (!sensitive_unexpected(&c->table, row, v) ||
		    (c->show.variant[v].backend->hardware && !strcmp(host_kind(), "emulated")))
			continue;
		fprintf(stderr,
			"fvbench sensitive: %u-bit %s under %s: %s, which it should not be\n",
			snippet_bits[row->mode], row->s->title, c->show.variant[v].label,
			outcome_name(row->outcome[v]));
		status = EXIT_BENCH_FAILED;
	}
	return status;
}

static int complain(const struct error *err, int status)
{
	fprintf(stderr, "fvbench sensitive: %s\n", err->text);
	return status;
}

int cmd_sensitive(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "[GLOB...]", doc, children, NULL, NULL };
	static struct command c;
	struct error err = { "" };
	int ret, status;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	c.csv.path = c.o.csv;
	ret = find_variants(&c, &err);
	if (!ret)
		ret = make_rows(&c, &err);
	if (!ret)
		ret = record_open(&c.csv, sensitive_csv_header, &err);
	if (ret)
		return complain(&err, EXIT_USAGE);
	ret = run_rows(&c, &err);
	if (!ret && c.csv.file)
		sensitive_csv(c.csv.file, &c.table);
	if (record_close(&c.csv, &err) && !ret)
		ret = -EIO;
	if (ret)
		return complain(&err, EXIT_HOST);
	sensitive_print(stdout, &c.table, c.markdown);
	status = judge_all(&c);
	free(c.table.row);
	return status;
}
