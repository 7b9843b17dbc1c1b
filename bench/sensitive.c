/* SPDX-License-Identifier: MIT */
#include "bench/sensitive.h"
#include "bench/machine.h"
#include "bench/nano/lib/probe.h"
#include "bench/options.h"
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

#define REFERENCE_ENGINE "step" /* the architecture, one instruction at a time */
#define MEMORY		 (16 * MiB)

struct command {
	const char *glob[OPTIONS_GLOBS];
	unsigned int globs;
	const char *backends, *guests, *csv;
	bool markdown, mode[SNIPPET_MODES];
	char dir[PATH_MAX];
	struct variant reference[VARIANTS_MAX], variant[VARIANTS_MAX]; /* reference: the first */
	const struct backend *alike[VARIANTS_MAX + 2];
	struct sample_runner runner;
	sigset_t mask;
	u64 nothing[VARIANTS_MAX][SNIPPET_MODES][2 * SNIPPET_TS]; /* traps + 1; 0: not known */
	struct sensitive table;
};

/* ---- running ----------------------------------------------------------------------------------
 */

static u64 extra(const struct verdict *v, const char *key)
{
	for (unsigned int i = 0; i < v->nr_extra; i++)
		if (!strcmp(v->extra[i].key, key))
			return v->extra[i].value;
	return 0;
}

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
	seen->vector = (u32)extra(v, "vector");
	seen->error = (u32)extra(v, "error");
	seen->out[0] = extra(v, "a");
	seen->out[1] = extra(v, "c");
	seen->out[2] = extra(v, "d");
	seen->cs = extra(v, "cs");
	seen->flags = extra(v, "flags");
	seen->traps = count_traps(sample->raw);
}

/* CODE in a fresh machine. */
static int take(const struct command *c, const struct variant *variant, enum snippet_mode mode,
		const struct snippet_code *code, unsigned int flags, struct seen *seen,
		struct error *err)
{
	const struct bench guest = { .name = "shows/probe", .mode = 64, .iterations = 1 };
	const struct bench guest32 = { .name = "shows/probe-32", .mode = 32, .iterations = 1 };
	char args[LINUX_APPEND - 32];
	const struct sample_request request = { .bench = mode == SNIPPET_64 ? &guest : &guest32,
						.variant = variant,
						.iterations = 1,
						.args = args,
						.mem_size = MEMORY,
						.cpu = "host",
						.alike = c->alike,
						.timeout_ns = 20 * NSEC_PER_SEC };
	struct sample sample;
	size_t n = (size_t)snprintf(args, sizeof(args),
				    "bits=%u flags=%u insn=%u resume=%u code=", snippet_bits[mode],
				    flags, code->insn, code->resume);
	int ret;

	for (unsigned int i = 0; i < code->len && n + 3 < sizeof(args); i++)
		n += (size_t)snprintf(args + n, sizeof(args) - n, "%02x", code->code[i]);
	ret = sample_take(&c->runner, &request, &c->mask, &sample, err);
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
		ret = take(c, &c->variant[variant], row->mode, &rest, flags, &seen, err);
		*known = !ret && !seen.failed ? seen.traps + 1 : 1;
	}
	*traps = *known - 1;
	return ret;
}

static int run_row(struct command *c, struct sensitive_row *row, struct error *err)
{
	const struct snippet_code *code = &row->s->code[row->mode];
	u64 nothing;
	int ret = take(c, c->reference, row->mode, code, row->s->flags, &row->ref, err);

	native_run(row->s, row->mode, &row->here);
	for (unsigned int i = 0; !ret && i < c->table.variants; i++) {
		ret = take(c, &c->variant[i], row->mode, code, row->s->flags, &row->seen[i], err);
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

enum { OPT_BACKEND = 256, OPT_CSV, OPT_MARKDOWN, OPT_MODE, OPT_GUESTS };

static const struct argp_option options[] = {
	{ "backend", OPT_BACKEND, "LIST", 0,
	  "Engines to try, as in run (default: all that work here but " REFERENCE_ENGINE ")", 0 },
	{ "mode", OPT_MODE, "BITS", 0,
	  "64, 32 or 16; may be given again (default: those that this host runs natively)", 0 },
	{ "csv", OPT_CSV, "FILE", 0, "Write all that was seen to FILE", 0 },
	{ "markdown", OPT_MARKDOWN, NULL, 0, "Print a Markdown table", 0 },
	{ "guests", OPT_GUESTS, "DIR", 0,
	  "Folder of the guests' files (default: build/nano beside this program)", 0 },
	{ 0 }
};

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
	case OPT_BACKEND:
		c->backends = arg;
		return 0;
	case OPT_CSV:
		c->csv = arg;
		return 0;
	case OPT_MARKDOWN:
		c->markdown = true;
		return 0;
	case OPT_GUESTS:
		c->guests = arg;
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
		if (c->globs == OPTIONS_GLOBS)
			argp_failure(state, EXIT_USAGE, 0, "more than %d patterns", OPTIONS_GLOBS);
		c->glob[c->globs++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* "swbt:trap,swbt:bt,kvm": every way that works here but the reference. */
static void default_backends(char *text, size_t size)
{
	struct error why;
	size_t n = 0;

	text[0] = '\0';
	for (const struct backend *const *b = backends; *b; b++) {
		if ((*b)->probe(&why))
			continue;
		for (unsigned int e = 0; !(*b)->engines ? !e : (*b)->engines[e] != NULL; e++) {
			const char *engine = (*b)->engines ? (*b)->engines[e] : "";

			if (strcmp(engine, REFERENCE_ENGINE) && n < size)
				n += (size_t)snprintf(text + n, size - n, "%s%s%s%s", n ? "," : "",
						      (*b)->name, *engine ? ":" : "", engine);
		}
	}
}

static int find_reference(struct command *c, struct error *err)
{
	const struct variant_defaults none = { .irqchip = IRQCHIP_USER };
	char name[64];

	for (const struct backend *const *b = backends; *b; b++)
		if (backend_has_engine(*b, REFERENCE_ENGINE)) {
			snprintf(name, sizeof(name), "%s:" REFERENCE_ENGINE, (*b)->name);
			return variants_parse(c->reference, backends, name, &none, err);
		}
	return fail(err, -ENODEV, "no engine " REFERENCE_ENGINE);
}

static int find_variants(struct command *c, struct error *err)
{
	const struct variant_defaults none = { .irqchip = IRQCHIP_USER };
	char all[256];
	int ret = find_reference(c, err);

	if (ret < 0)
		return ret;
	default_backends(all, sizeof(all));
	ret = variants_parse(c->variant, backends, c->backends ? c->backends : all, &none, err);
	if (ret < 0)
		return ret;
	c->table.variant = c->variant;
	c->table.variants = (unsigned int)ret;
	c->table.hardware = -1;
	c->alike[0] = c->reference->backend;
	for (int i = 0; i < ret; i++) {
		c->alike[i + 1] = c->variant[i].backend;
		if (c->variant[i].backend->hardware)
			c->table.hardware = i;
	}
	return 0;
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

	sigprocmask(SIG_BLOCK, NULL, &c->mask);
	for (unsigned int i = 0; !ret && i < c->table.rows; i++) {
		if (progress)
			fprintf(stderr, "\r%u/%u \r", i, c->table.rows);
		ret = run_row(c, &c->table.row[i], err);
	}
	return ret;
}

static int write_csv(const struct command *c, struct error *err)
{
	struct record csv = { NULL, c->csv };
	int ret;

	if (!c->csv)
		return 0;
	csv.file = fopen(c->csv, "we");
	if (!csv.file)
		return fail(err, -errno, "cannot write %s: %s", c->csv, strerror(errno));
	sensitive_csv(csv.file, &c->table);
	ret = record_close(&csv, err);
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
		    (c->variant[v].backend->hardware && !strcmp(host_kind(), "emulated")))
			continue;
		fprintf(stderr,
			"fvbench sensitive: %u-bit %s under %s: %s, which it should not be\n",
			snippet_bits[row->mode], row->s->title, c->variant[v].label,
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
	static const struct argp argp = { options, parse, "[GLOB...]", doc, NULL, NULL, NULL };
	static struct command c;
	struct error err = { "" };
	int ret, status;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, &c);
	ret = suite_guest_dir(c.guests, c.dir, &err);
	if (!ret)
		ret = find_variants(&c, &err);
	if (!ret)
		ret = make_rows(&c, &err);
	if (ret)
		return complain(&err, EXIT_USAGE);
	c.runner = (struct sample_runner){ machine_body, c.dir, 5 * NSEC_PER_SEC };
	ret = run_rows(&c, &err);
	if (!ret)
		ret = write_csv(&c, &err);
	if (ret)
		return complain(&err, EXIT_HOST);
	sensitive_print(stdout, &c.table, c.markdown);
	status = judge_all(&c);
	free(c.table.row);
	return status;
}
