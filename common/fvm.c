/* SPDX-License-Identifier: MIT */
/* fvm: run one virtual machine. */
#include "common/args.h"
#include "common/boot/boot.h"
#include "common/disk.h"
#include "common/hvc.h"
#include "common/pc_pci.h"
#include "common/postmortem.h"
#include "common/process.h"
#include "common/records.h"
#include "common/sandbox.h"
#include "common/terminal.h"
#include "common/vm.h"
#include "version.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Exit statuses of our own are even, so that none can be a guest's (value << 1) | 1; only 128 + N
 * of a signal can look like one. */
enum {
	EXIT_OK = 0,
	EXIT_BAD_INPUT = 2,
	EXIT_HOST = 4,
	EXIT_GUEST_DIED = 6,
	EXIT_RESET = 8,
	EXIT_TIMEOUT = 124
};

struct options {
	struct vm_config vm;
	struct backend_words words;
	struct boot_params boot;
	const char *disk[VM_DISKS];
	bool hvc;
	enum display_mode display;
	bool address_given, mode_given, no_sandbox;
	struct record_paths records;
};

enum {
	OPT_BACKEND = 256,
	OPT_ENGINE,
	OPT_KERNEL,
	OPT_INITRD,
	OPT_APPEND,
	OPT_MEM,
	OPT_IRQCHIP,
	OPT_CPU,
	OPT_DISK,
	OPT_CONSOLE,
	OPT_RNG,
	OPT_DISPLAY,
	OPT_TIMEOUT,
	OPT_NO_SANDBOX,
	OPT_TRAPS,
	OPT_COUNTERS,
	OPT_TRACE,
	OPT_OVERHEAD,
	OPT_FORMAT,
	OPT_ADDRESS,
	OPT_MODE
};

static const struct argp_option argp_options[] = {
	{ NULL, 0, NULL, 0, "What to run:", 1 },
	{ "kernel", OPT_KERNEL, "FILE", 0,
	  "Guest to load: Linux bzImage, Multiboot, PVH, ELF or flat binary", 1 },
	{ "initrd", OPT_INITRD, "FILE", 0,
	  "Hand FILE to the guest (Multiboot, PVH: its first module)", 1 },
	{ "append", OPT_APPEND, "STR", 0, "The guest's command line", 1 },
	{ "format", OPT_FORMAT, "FMT", 0,
	  "Say what the kernel file is: auto (default), multiboot, pvh, elf, linux or flat", 1 },
	{ "address", OPT_ADDRESS, "ADDR", 0,
	  "Flat binaries: where to load and enter it (default 0x7c00 in real mode, else 1M)", 1 },
	{ "mode", OPT_MODE, "MODE", 0,
	  "Flat binaries: enter it in real (default), protected or long mode", 1 },
	{ NULL, 0, NULL, 0, "The machine:", 2 },
	{ "backend", OPT_BACKEND, "NAME", 0,
	  "Way of running the vCPU, of those that fvbench probe lists (default: the first that "
	  "works)",
	  2 },
	{ "engine", OPT_ENGINE, "NAME", 0,
	  "Way of running within the backend, where it has several", 2 },
	{ "mem", OPT_MEM, "SIZE", 0, "Guest RAM, 1M to 64G (default 512M)", 2 },
	{ "cpu", OPT_CPU, "MODEL", 0,
	  "Processor to show: host (default), or the x86-64 level v1, v2 or v3", 2 },
	{ "irqchip", OPT_IRQCHIP, "WHERE", 0,
	  "Interrupt controllers in user space (default; every exit is seen) or in the kernel", 2 },
	{ "disk", OPT_DISK, "FILE[,ro|,snapshot]", 0,
	  "Give the guest a virtio disk: a raw image or block device; read-only, or with writes "
	  "that "
	  "are forgotten; may be repeated",
	  2 },
	{ "console", OPT_CONSOLE, "KIND", 0,
	  "What the terminal's input goes to, and whose output it shows: serial (COM1, default) or "
	  "virtio (hvc0), then with COM1's output alike",
	  2 },
	{ "rng", OPT_RNG, NULL, 0, "Give the guest a virtio entropy device", 2 },
	{ "display", OPT_DISPLAY, "WHAT", 0,
	  "On the terminal: auto (default: the screen, if it has text and COM1 is silent), serial "
	  "(COM1) or text (screen and keyboard)",
	  2 },
	{ "timeout", OPT_TIMEOUT, "SEC", 0, "Stop after SEC seconds of wall time, exit status 124",
	  2 },
	{ "no-sandbox", OPT_NO_SANDBOX, NULL, 0,
	  "Keep system calls that the running machine does not need, for debuggers and sanitizers",
	  2 },
	{ NULL, 0, NULL, 0, "What to record:", 3 },
	{ "traps", OPT_TRAPS, "FILE.csv", 0,
	  "At the end, write count and cycles of each trap cause", 3 },
	{ "counters", OPT_COUNTERS, "FILE.csv", 0, "At the end, write the backend's own counters",
	  3 },
	{ "trace", OPT_TRACE, "FILE.csv", 0,
	  "Write a line for each trap that comes back to fvm, as it happens", 3 },
	{ "overhead", OPT_OVERHEAD, "FILE.csv", 0,
	  "At the end, write where the time went: translated code, translation, devices, ...; "
	  "keeping this account takes some time, too",
	  3 },
	{ 0 }
};

static const char doc[] =
	"Run one virtual machine, with its COM1, or its screen and keyboard, on the terminal: "
	"Ctrl-A x "
	"quits, Ctrl-A h helps.\v"
	"Exit status: what the guest wrote to port 0xf4, times two plus one; 0 when it powered off "
	"or you quit; 2 bad option or file; 4 this host cannot run it; 6 the guest died "
	"(triple fault); 8 it asked for a reset (reboot): run fvm again; 124 time-out; 128 + N "
	"ended by signal N.\n\n"
	"Examples:\n"
	"  fvm --kernel build/nano/in.elf --append iters=1000 --traps traps.csv\n"
	"  fvm --format flat --address 0x7c00 --kernel boot.bin --timeout 5";

const char *argp_program_version = "fvm " FVB_VERSION;

static const struct backend *parse_backend(struct argp_state *state, const char *name)
{
	const struct backend *b = backend_by_name(name);
	char known[128] = "";

	if (b)
		return b;
	for (unsigned int i = 0; backends[i]; i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 i ? ", " : "", backends[i]->name);
	argp_failure(state, EXIT_BAD_INPUT, 0, "no backend '%s'; there are: %s", name, known);
	return NULL;
}

/* Index of WORD in the NULL-terminated WORDS; a usage error if it is none of them. */
static int parse_word(struct argp_state *state, const char *option, const char *word,
		      const char *const *words)
{
	char known[128] = "";

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], word))
			return i;
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 i ? ", " : "", words[i]);
	}
	argp_failure(state, EXIT_BAD_INPUT, 0, "%s takes one of: %s; not '%s'", option, known,
		     word);
	return 0;
}

static const char *const console_words[] = { "serial", "virtio", NULL };
static const char *const irqchip_words[] = { "user", "kernel", NULL };
static const char *const display_words[] = { "auto", "serial", "text", NULL };
static const char *const format_words[] = {
	"auto", "multiboot", "pvh", "elf", "linux", "flat", NULL
};
static const char *const mode_words[] = { "real", "protected", "long", NULL };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;
	double seconds;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &o->words;
		state->child_inputs[1] = &o->records.single;
		break;
	case OPT_BACKEND:
		o->vm.backend = parse_backend(state, arg);
		break;
	case OPT_ENGINE:
		o->vm.engine = arg;
		break;
	case OPT_KERNEL:
		o->boot.kernel = arg;
		break;
	case OPT_INITRD:
		o->boot.initrd = arg;
		break;
	case OPT_APPEND:
		o->boot.append = arg;
		break;
	case OPT_MEM:
		if (args_size(arg, &o->vm.mem_size))
			argp_failure(state, EXIT_BAD_INPUT, 0,
				     "--mem takes a size such as 512M or 4G; not '%s'", arg);
		break;
	case OPT_IRQCHIP:
		o->vm.irqchip = (enum irqchip)parse_word(state, "--irqchip", arg, irqchip_words);
		break;
	case OPT_CPU:
		o->vm.cpu = arg;
		break;
	case OPT_DISK:
		if (o->vm.nr_disks == VM_DISKS)
			argp_failure(state, EXIT_BAD_INPUT, 0, "there can be %d disks", VM_DISKS);
		o->disk[o->vm.nr_disks++] = arg;
		break;
	case OPT_CONSOLE:
		o->hvc = parse_word(state, "--console", arg, console_words);
		break;
	case OPT_RNG:
		o->vm.rng = true;
		break;
	case OPT_DISPLAY:
		o->display = (enum display_mode)parse_word(state, "--display", arg, display_words);
		break;
	case OPT_TIMEOUT:
		if (args_real(arg, 0, 1e9, &seconds))
			argp_failure(state, EXIT_BAD_INPUT, 0,
				     "--timeout takes seconds above zero; not '%s'", arg);
		o->vm.timeout_ns = (u64)(seconds * NSEC_PER_SEC);
		break;
	case OPT_NO_SANDBOX:
		o->no_sandbox = true;
		break;
	case OPT_TRAPS:
		o->records.traps = arg;
		break;
	case OPT_COUNTERS:
		o->records.counters = arg;
		break;
	case OPT_TRACE:
		o->records.trace = arg;
		break;
	case OPT_OVERHEAD:
		o->records.overhead = arg;
		break;
	case OPT_FORMAT:
		o->boot.format = (enum boot_format)parse_word(state, "--format", arg, format_words);
		break;
	case OPT_ADDRESS:
		if (args_address(arg, &o->boot.address) || o->boot.address == BOOT_ADDRESS_DEFAULT)
			argp_failure(state, EXIT_BAD_INPUT, 0,
				     "--address takes an address such as 0x7c00; not '%s'", arg);
		o->address_given = true;
		break;
	case OPT_MODE:
		o->boot.mode = (enum flat_mode)parse_word(state, "--mode", arg, mode_words);
		o->mode_given = true;
		break;
	case ARGP_KEY_ARG:
		argp_failure(state, EXIT_BAD_INPUT, 0,
			     "'%s' is not an option; the guest is --kernel %s", arg, arg);
		break;
	case ARGP_KEY_END:
		if (!o->boot.kernel)
			argp_failure(state, EXIT_BAD_INPUT, 0,
				     "--kernel FILE is missing; see fvm --help");
		if (o->hvc && o->display == DISPLAY_TEXT)
			argp_failure(state, EXIT_BAD_INPUT, 0,
				     "--console virtio and --display text both want the terminal");
		if (o->boot.format != BOOT_FLAT && (o->address_given || o->mode_given))
			argp_failure(state, EXIT_BAD_INPUT, 0,
				     "--address and --mode are for --format flat only");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* The first backend that works here, or NULL with a line on stderr for each that does not. */
static const struct backend *choose_backend(void)
{
	struct error err;

	for (unsigned int i = 0; backends[i]; i++)
		if (backends[i]->probe(&err) == 0)
			return backends[i];
	for (unsigned int i = 0; backends[i]; i++) {
		err.text[0] = 0;
		backends[i]->probe(&err);
		fprintf(stderr, "fvm: %s: %s\n", backends[i]->name, err.text);
	}
	return NULL;
}

static u64 time_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* Say how it ended, where that is not plain, and turn it into the exit status. */
static int report_stop(struct vm *vm, int run_error)
{
	if (run_error) {
		fprintf(stderr, "fvm: %s\n", vm->error.text);
		postmortem(vm, stderr);
		return EXIT_HOST;
	}
	switch (vm->stop.kind) {
	case STOP_EXIT_PORT:
		return vm->stop.code & 0xff;
	case STOP_SIGNAL:
		fprintf(stderr, "fvm: stopped by %s\n", strsignal(vm->stop.code));
		return 128 + vm->stop.code;
	case STOP_TIMEOUT:
		fprintf(stderr, "fvm: the guest was still running at the --timeout\n");
		postmortem(vm, stderr);
		return EXIT_TIMEOUT;
	case STOP_TRIPLE_FAULT:
		fprintf(stderr, "fvm: the guest died of a triple fault\n");
		if (vm->error.text[0])
			fprintf(stderr, "fvm: %s\n", vm->error.text);
		postmortem(vm, stderr);
		return EXIT_GUEST_DIED;
	case STOP_UNHANDLED:
		fprintf(stderr, "fvm: %s\n", vm->error.text);
		postmortem(vm, stderr);
		return EXIT_GUEST_DIED;
	case STOP_RESET:
		fprintf(stderr, "fvm: the guest asked for a reset\n");
		return EXIT_RESET;
	case STOP_NONE:
	case STOP_POWEROFF:
	case STOP_QUIT:
		break;
	}
	return EXIT_OK;
}

/* What the guest printed and nobody has, where that is not the reader's own wish. */
static int report_output(const struct console *c)
{
	if (!c->out_error || c->out_error == -EPIPE || c->out_error == -EINTR)
		return 0;
	fprintf(stderr, "fvm: the guest's output is incomplete: %s\n", strerror(-c->out_error));
	return c->out_error;
}

static int open_disks(struct options *o, struct error *err)
{
	int r = 0;

	for (unsigned int i = 0; i < o->vm.nr_disks && !r; i++)
		r = disk_open(&o->vm.disk[i], o->disk[i], err);
	return r;
}

static void close_disks(struct options *o)
{
	for (unsigned int i = 0; i < o->vm.nr_disks; i++)
		disk_close(o->vm.disk[i]);
}

static int run(struct options *o, struct records *rec, struct error *err)
{
	struct terminal term = { 0 };
	const struct virtio_console_io hvc = hvc_io(&term);
	struct cpu_state *entry;
	struct vm *vm = NULL;
	int r, status = EXIT_HOST;

	o->vm.kernel = o->records.single.symbols ?: o->boot.kernel;
	o->vm.console = terminal_output;
	o->vm.console_arg = &term;
	o->vm.hvc = o->hvc ? &hvc : NULL;
	o->vm.count_exits = o->records.traps || o->records.counters || o->records.single.timeline;
	o->vm.account = o->records.overhead;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return fail(err, EXIT_HOST, "out of memory");
	o->boot.pci = pc_has_pci(&o->vm);
	if (open_disks(o, err)) {
		status = EXIT_BAD_INPUT;
		goto out;
	}
	r = vm_create(&vm, &o->vm, err);
	if (r) {
		status = r == -EINVAL ? EXIT_BAD_INPUT : EXIT_HOST;
		goto out;
	}
	r = boot_load(&vm->ram, &o->boot, entry, err);
	if (r) {
		status = EXIT_BAD_INPUT;
		goto out;
	}
	r = vm->backend->set_state(vm, entry, err);
	if (r)
		goto out;
	/* Not before all else is known to be good: opening empties what an earlier run left. */
	if (records_open(rec, &o->records, vm, o->boot.kernel, err)) {
		status = EXIT_BAD_INPUT;
		goto out;
	}
	r = terminal_open(&term, vm, o->hvc ? DISPLAY_SERIAL : o->display, err);
	if (!r && !o->no_sandbox)
		r = sandbox_enter(vm->backend->syscalls ? vm->backend->syscalls(vm) : NULL, err);
	if (r)
		goto out;
	rec->start = time_ns(CLOCK_MONOTONIC) - rec->begin;
	rec->start_cpu = time_ns(CLOCK_PROCESS_CPUTIME_ID);
	r = vm_run(vm);
	terminal_close(&term);
	status = report_stop(vm, r);
	/* A guest's own status is odd, so this one cannot be taken for it. */
	if (report_output(&term.console) |
	    records_write(rec, vm, o->boot.kernel, irqchip_words[vm->config.irqchip]))
		status = EXIT_HOST;
out:
	terminal_close(&term);
	vm_destroy(vm);
	records_free(rec);
	close_disks(o);
	free(entry);
	return status;
}

/* What the options say about each other. */
static int check_options(struct options *o, struct error *err)
{
	const struct backend *b = o->vm.backend;
	char known[64];

	if (o->vm.engine && !backend_has_engine(b, o->vm.engine))
		return fail(err, -EINVAL, "backend %s has no engine '%s'; there are: %s", b->name,
			    o->vm.engine, backend_engines(b, known, sizeof(known)));
	if (o->vm.irqchip == IRQCHIP_KERNEL && !b->irq_line)
		return fail(err, -EINVAL, "backend %s has no --irqchip kernel", b->name);
	return backendopt_set_all(&o->vm.options, b, o->vm.engine, &o->words, err);
}

int main(int argc, char **argv)
{
	const struct argp_child children[] = { { backendopt_argp(true), 0, NULL, 0 },
					       { trapfiles_argp(), 0, NULL, 0 },
					       { 0 } };
	const struct argp argp = { argp_options, parse, NULL, doc, children, NULL, NULL };
	struct options o = { .vm = { .mem_size = 512 * MiB, .cpu = "host" },
			     .boot = { .address = BOOT_ADDRESS_DEFAULT } };
	struct records rec = { .begin = time_ns(CLOCK_MONOTONIC) };
	struct error err = { "" };
	int status;

	process_init();
	argp_err_exit_status = EXIT_BAD_INPUT;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	if (!o.vm.backend)
		o.vm.backend = choose_backend();
	if (!o.vm.backend)
		return EXIT_HOST;
	status = check_options(&o, &err) ? EXIT_BAD_INPUT : run(&o, &rec, &err);
	if (err.text[0])
		fprintf(stderr, "fvm: %s\n", err.text);
	return status;
}
