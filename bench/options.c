/* SPDX-License-Identifier: MIT */
#include "bench/options.h"
#include "common/args.h"

#include <argp.h>
#include <string.h>

enum {
	OPT_BENCH = 256,
	OPT_BACKEND,
	OPT_IRQCHIP,
	OPT_REPS,
	OPT_ITERS,
	OPT_SCALE,
	OPT_MEM,
	OPT_CPU,
	OPT_TIMEOUT,
	OPT_GUESTS,
	OPT_LINUX,
	OPT_CSV,
	OPT_TRAPS,
	OPT_META,
	OPT_REPORT,
	OPT_OVERHEAD,
	OPT_QUIET,
	OPT_COUNTS,
	OPT_EVENTS,
	OPT_ENGINE,
	OPT_MATRIX,
	OPT_SKIP_MISSING,
};

static void bad(struct argp_state *state, const char *option, const char *wants, const char *arg)
{
	argp_failure(state, EXIT_USAGE, 0, "%s takes %s; not '%s'", option, wants, arg);
}

void options_glob(const struct argp_state *state, const char *glob[OPTIONS_GLOBS],
		  unsigned int *globs, const char *arg)
{
	if (*globs == OPTIONS_GLOBS)
		argp_failure(state, EXIT_USAGE, 0, "more than %d patterns", OPTIONS_GLOBS);
	glob[(*globs)++] = arg;
}

/* Which benchmarks: for every command but probe. */
static error_t parse_bench(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	if (key != OPT_BENCH && key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	options_glob(state, o->glob, &o->globs, arg);
	return 0;
}

static const struct argp_option bench_options[] = {
	{ "bench", OPT_BENCH, "GLOB", 0,
	  "Only benchmarks whose name matches GLOB; may be given again, or as plain arguments", 1 },
	{ 0 }
};
static const struct argp bench_argp = { bench_options, parse_bench, NULL, NULL, NULL, NULL, NULL };

/* The machine and how often: run and verify. */
static error_t parse_machine(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	double seconds;
	int word;

	switch (key) {
	case OPT_BACKEND:
		o->backends = arg;
		break;
	case OPT_IRQCHIP:
		word = irqchip_by_name(arg);
		if (word < 0)
			bad(state, "--irqchip", "user or kernel", arg);
		o->variants.irqchip = (enum irqchip)word;
		break;
	case OPT_ITERS:
		if (args_number(arg, 1, UINT32_MAX, &o->iterations))
			bad(state, "--iters", "a number from 1 to 4294967295", arg);
		break;
	case OPT_SCALE:
		if (args_real(arg, 0, 1e6, &o->scale))
			bad(state, "--scale", "a factor above 0, up to 1000000", arg);
		break;
	case OPT_MEM:
		if (args_size(arg, &o->mem_size) || o->mem_size < RAM_MIN ||
		    o->mem_size > RAM_MAX || o->mem_size % (4 * KiB))
			bad(state, "--mem", "a size from 1M to 64G such as 128M", arg);
		break;
	case OPT_CPU:
		o->cpu = arg;
		break;
	case OPT_TIMEOUT:
		if (args_real(arg, 0, 1e6, &seconds))
			bad(state, "--timeout", "seconds above 0, up to 1000000", arg);
		o->timeout_ns = (u64)(seconds * NSEC_PER_SEC);
		break;
	case OPT_GUESTS:
		o->guests = arg;
		break;
	case OPT_LINUX:
		o->kernel = arg;
		break;
	case ARGP_KEY_END:
		if (o->iterations && o->scale > 0)
			argp_failure(state, EXIT_USAGE, 0,
				     "--iters and --scale exclude each other");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Groups of --help; the options of one may come from several parsers. */
#define HEAD_WHAT                                   \
	{                                           \
		NULL, 0, NULL, 0, "What is run:", 1 \
	}
#define HEAD_HOW                                                           \
	{                                                                  \
		NULL, 0, NULL, 0, "How often, for how long, and where:", 2 \
	}
#define HEAD_FILES                                                  \
	{                                                           \
		NULL, 0, NULL, 0, "What is counted and written:", 3 \
	}

static const struct argp_option machine_options[] = {
	HEAD_WHAT,
	HEAD_HOW,
	{ "backend", OPT_BACKEND, "LIST", 0,
	  "Comma-separated backends; NAME:WORD asks for an engine, an irqchip or an option, as in "
	  "kvm,kvm:kernel,swbt:step,swbt:bt-chain=off (default: every backend that works here)",
	  1 },
	{ "irqchip", OPT_IRQCHIP, "WHERE", 0,
	  "Interrupt controllers in user space (default: every exit is seen) or in the kernel", 1 },
	{ "iters", OPT_ITERS, "N", 0, "N operations in every sample", 2 },
	{ "scale", OPT_SCALE, "X", 0, "X times as many operations as each benchmark's default", 2 },
	{ "mem", OPT_MEM, "SIZE", 0, "Guest RAM (default 64M; 512M for linux/*)", 1 },
	{ "cpu", OPT_CPU, "MODEL", 0,
	  "Processor to show: host (default), or the x86-64 level v1, v2 or v3", 1 },
	{ "timeout", OPT_TIMEOUT, "SEC", 0,
	  "A sample that runs longer than SEC seconds (default 60; 300 if linux/* is among the "
	  "benchmarks) has "
	  "failed",
	  2 },
	{ "guests", OPT_GUESTS, "DIR", 0,
	  "Folder of the guests' files (default: those built or installed with this program)", 1 },
	{ "linux", OPT_LINUX, "FILE", 0,
	  "Kernel (bzImage) for linux/* (default: the cloud kernel of make guests)", 1 },
	{ 0 }
};
static const struct argp machine_argp = {
	machine_options, parse_machine, NULL, NULL, NULL, NULL, NULL
};

/* Of run and verify; the third is for the backends' own options. */
static struct argp_child machine_children[] = {
	{ &bench_argp, 0, NULL, 0 }, { &machine_argp, 0, NULL, 0 }, { NULL, 0, NULL, 0 }, { 0 }
};
static struct argp_child run_children[] = { { &bench_argp, 0, NULL, 0 },
					    { &machine_argp, 0, NULL, 0 },
					    { NULL, 0, NULL, 0 },
					    { &design_argp, 0, NULL, 0 },
					    { NULL, 0, NULL, 0 }, /* of traps */
					    { 0 } };
static const struct argp_child bench_only[] = { { &bench_argp, 0, NULL, 0 }, { 0 } };

static error_t init_machine(struct argp_state *state)
{
	struct options *o = state->input;

	state->child_inputs[0] = state->child_inputs[1] = o;
	state->child_inputs[2] = &o->variants.options;
	return 0;
}

void options_written(const struct options *o, const char *path[OPTIONS_WRITTEN])
{
	const char *const written[OPTIONS_WRITTEN] = { o->csv,	      o->traps,
						       o->meta,	      o->report,
						       o->overhead,   o->single.distances,
						       o->single.hot, o->single.timeline };

	memcpy(path, written, sizeof(written));
}

/* Writers of one file would spoil it for each other. */
static void check_files(struct argp_state *state)
{
	const char *path[OPTIONS_WRITTEN], *twice;

	options_written(state->input, path);
	twice = args_twice(path, OPTIONS_WRITTEN);

	if (twice)
		argp_failure(state, EXIT_USAGE, 0, "%s is named twice: each needs a file", twice);
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	struct error err;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[3] = &o->design;
		state->child_inputs[4] = &o->single;
		return init_machine(state);
	case OPT_REPS:
		if (args_number(arg, 1, 10000, &o->reps))
			bad(state, "--reps", "a number from 1 to 10000", arg);
		break;
	case OPT_CSV:
		o->csv = arg;
		break;
	case OPT_TRAPS:
		o->traps = arg;
		break;
	case OPT_META:
		o->meta = arg;
		break;
	case OPT_REPORT:
		o->report = arg;
		break;
	case OPT_OVERHEAD:
		o->overhead = arg;
		break;
	case OPT_EVENTS:
		o->events = arg;
		break;
	case OPT_QUIET:
		o->quiet = true;
		break;
	case OPT_ENGINE:
		o->variants.matrix.engines = arg;
		break;
	case OPT_MATRIX:
		if (matrix_add(&o->variants.matrix, arg, &err))
			argp_failure(state, EXIT_USAGE, 0, "%s", err.text);
		break;
	case OPT_SKIP_MISSING:
		o->skip_missing = true;
		break;
	case ARGP_KEY_END:
		if (o->design.max_reps && o->design.max_reps < o->reps)
			argp_failure(state, EXIT_USAGE, 0, "--max-reps is less than --reps");
		check_files(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp_option run_options[] = {
	HEAD_FILES,
	{ "reps", OPT_REPS, "N", 0,
	  "Timed samples of each benchmark (default 5; 3 if all are linux/*); with --ci: the "
	  "fewest, 6 at least",
	  2 },
	{ "engine", OPT_ENGINE, "LIST", 0,
	  "Comma-separated engines: each backend that has them, and does not name one itself, runs "
	  "with each",
	  1 },
	{ "matrix", OPT_MATRIX, "OPTION=LIST", 0,
	  "Each backend that takes --OPTION runs with every value of LIST; given again: with every "
	  "combination",
	  1 },
	{ "skip-missing", OPT_SKIP_MISSING, NULL, 0,
	  "Leave out, with a line saying so, what --backend names and cannot run here", 1 },
	{ "csv", OPT_CSV, "FILE", 0, "Write every sample to FILE as it is measured", 3 },
	{ "traps", OPT_TRAPS, "FILE", 0, "Write trap counts and cycles by cause to FILE", 3 },
	{ "meta", OPT_META, "FILE", 0,
	  "Write what build, host and guests these were to FILE (JSON)", 3 },
	{ "report", OPT_REPORT, "FILE", 0,
	  "Write the comparison (run: with native and qemu-tcg) to FILE (Markdown)", 3 },
	{ "overhead", OPT_OVERHEAD, "FILE", 0,
	  "Take one more sample of each that accounts for its time (translated code, translation, "
	  "dispatch, devices, ...); write that to FILE, and a table at the end",
	  3 },
	{ "events", OPT_EVENTS, "LIST", 0,
	  "Count these events of processor and kernel, too, between the guest's marks: names of "
	  "libpfm4 with modifiers, or tracepoints, with commas between them, as in "
	  "cycles,instructions:mg,page-faults,kvm:kvm_exit (fvbench events lists them)",
	  3 },
	{ "quiet", OPT_QUIET, NULL, 0, "No progress on the terminal", 3 },
	{ 0 }
};

static const char run_doc[] =
	"Measure what operations and their traps cost: each sample is a fresh virtual machine in a "
	"fresh process, backends take turns, the table at the end shows medians. Without GLOB: the "
	"microbenchmarks; 'linux/*': workloads in a Linux guest, which `make guests` fetches.\v"
	"Columns of the files: results/README.md. Exit status: 0; 1 a benchmark failed; 2 bad "
	"option, or a backend that does not work here; 4 the host failed us (disk full); 128+N "
	"after signal N, with what was measured so far in the files and the table.\n\n"
	"Examples:\n"
	"  fvbench run --csv all.csv\n"
	"  fvbench run 'in*' cpuid --reps 20\n"
	"  fvbench run --backend kvm,kvm:kernel 'hlt*' --traps traps.csv\n"
	"  fvbench run --backend swbt,swbt:bt-chain=off:bt-block=1 call-ret\n"
	"  fvbench run --backend swbt,native 'linux/*' --scale 0.1\n"
	"  fvbench run --backend kvm,swbt,native,qemu-tcg,qemu-kvm --skip-missing fib\n"
	"  fvbench run --backend swbt,native --engine bt,trap --matrix bt-chain=on,off fib";

static const char traps_doc[] =
	"Measure what a trap costs: benchmarks whose operation is one such event, the ways of "
	"running side "
	"by side. Without GLOB: privileged and I/O instructions, page faults, undefined opcodes, "
	"breakpoints, divide errors, system calls. Without --backend: engine trap with each "
	"transport, "
	"trap+patch, bt with and without inline emulation, kvm, as far as they work here.\v"
	"--report FILE: the table as Markdown. Files and exit status are those of fvbench run.";

static const struct argp_option selftest_options[] = {
	HEAD_FILES,
	{ "reps", OPT_REPS, "N", 0, "Timed samples of each benchmark and label (default 10)", 2 },
	{ "csv", OPT_CSV, "FILE", 0, "Write every sample, and what they came to, to FILE", 3 },
	{ "meta", OPT_META, "FILE", 0,
	  "Write what build, host and guests these were to FILE (JSON)", 3 },
	{ "quiet", OPT_QUIET, NULL, 0, "No progress on the terminal", 3 },
	{ 0 }
};

static const char selftest_doc[] =
	"Measure each benchmark twice in the same way, as A and as B, taking turns, and compare: "
	"how often do two differ that are the same (5 % is to be expected of 95 % intervals), how "
	"much do samples scatter, and what is the smallest difference that can be shown here? "
	"Without GLOB: the microbenchmarks.\v"
	"A tenth of the default iterations unless asked otherwise. Exit status: 0; 1 more "
	"differences than 5 % explains (chance below 1 %), or a benchmark failed; 2 bad option; 4 "
	"the host failed us; 128+N after signal N.\n\n"
	"Examples:\n"
	"  fvbench selftest --cpu-pin=auto --csv selftest.csv\n"
	"  fvbench selftest --backend swbt,native fib sieve --reps 20";

static error_t parse_verify(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		return init_machine(state);
	case OPT_COUNTS:
		o->counts = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option verify_options[] = {
	{ "counts", OPT_COUNTS, NULL, 0,
	  "Also check trap counts that are exact with hardware virtualization and --irqchip user",
	  3 },
	{ 0 }
};

static const char verify_doc[] =
	"Run every benchmark guest on every backend and compare what it prints and the "
	"architectural state it ends in, times aside.\v"
	"Where only one backend works, its user-space and kernel irqchips are compared. A tenth of "
	"the default iterations unless asked otherwise. Exit status: 0 all agree; 1 some do not; "
	"2 bad option; 4 the host failed us.";

static error_t parse_list(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static const char list_doc[] =
	"List the benchmarks that run takes with the same GLOBs: without any, the microbenchmarks; "
	"'linux/*': workloads in a Linux guest.";

static const char probe_doc[] = "Say what this host offers for running and measuring guests, and "
				"how to get what is missing.";

static void parse(const struct argp *argp, struct options *o, int argc, char **argv)
{
	run_children[2].argp = machine_children[2].argp = backendopt_argp(false);
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(argp, argc, argv, 0, NULL, o);
}

static void default_scale(struct options *o, double scale)
{
	if (o->scale <= 0)
		o->scale = scale;
}

static void set_defaults(struct options *o)
{
	*o = (struct options){ .cpu = "host" };
}

void options_list(struct options *o, int argc, char **argv)
{
	static const struct argp argp = { NULL,	      parse_list, "[GLOB...]", list_doc,
					  bench_only, NULL,	  NULL };

	set_defaults(o);
	parse(&argp, o, argc, argv);
}

void options_run(struct options *o, int argc, char **argv)
{
	static const struct argp argp = { run_options,	parse_run, "[GLOB...]", run_doc,
					  run_children, NULL,	   NULL };

	set_defaults(o);
	run_children[4].argp = trapfiles_argp();
	parse(&argp, o, argc, argv);
	default_scale(o, 1);
}

void options_traps(struct options *o, int argc, char **argv)
{
	static const struct argp argp = { run_options,	parse_run, "[GLOB...]", traps_doc,
					  run_children, NULL,	   NULL };

	set_defaults(o);
	run_children[4].argp = trapfiles_argp();
	parse(&argp, o, argc, argv);
	default_scale(o, 1);
}

void options_selftest(struct options *o, int argc, char **argv)
{
	static const struct argp argp = { selftest_options, parse_run, "[GLOB...]", selftest_doc,
					  run_children,	    NULL,      NULL };

	set_defaults(o);
	parse(&argp, o, argc, argv);
	default_scale(o, 0.1);
}

void options_verify(struct options *o, int argc, char **argv)
{
	static const struct argp argp = { verify_options,   parse_verify, "[GLOB...]", verify_doc,
					  machine_children, NULL,	  NULL };

	set_defaults(o);
	parse(&argp, o, argc, argv);
	default_scale(o, 0.1);
}

void options_probe(int argc, char **argv)
{
	static const struct argp argp = { NULL, NULL, NULL, probe_doc, NULL, NULL, NULL };

	parse(&argp, NULL, argc, argv);
}
