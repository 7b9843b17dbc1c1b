/* SPDX-License-Identifier: MIT */
/*
 * hostile [--backend NAME] [--engine NAME] [--irqchip user|kernel] [--mem SIZE] [--flat]
 *         [--append STR] [--damage N] [--option NAME=VALUE]... GUEST
 *
 * Runs a guest that tries to get at its host, confined as by fvm, with canaries around it: next to
 * its RAM on both sides, where its own addresses would be in the host, on the heap, on the stack.
 * The guest is told where everything is. Exit status 0: the guest found that its machine behaves,
 * and no canary has changed. --damage changes one, to see that this is noticed.
 */
#include "common/args.h"
#include "common/boot/boot.h"
#include "common/disk.h"
#include "common/postmortem.h"
#include "common/sandbox.h"
#include "common/vm.h"
#include "tests/hostile/canary.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_CANARIES 64
#define MAX_TARGETS  2000
#define TIMEOUT	     (300ull * NSEC_PER_SEC)
#define HEAP_BLOCKS  16
#define HEAP_BLOCK   4096
#define SECTORS	     2048u

struct canary {
	u64 *at;
	size_t words;
	const char *where;
};

static struct state {
	struct canary canary[MAX_CANARIES];
	unsigned int nr_canaries;
	u64 target[MAX_TARGETS];
	unsigned int nr_targets;
	const struct backend *real;
} state;

static void __attribute__((format(printf, 1, 2), noreturn)) die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("hostile: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	exit(2);
}

/* ---- canaries ------------------------------------------------------------------------------- */

static void add_canary(void *at, size_t size, const char *where)
{
	struct canary *c = &state.canary[state.nr_canaries++];

	if (state.nr_canaries > MAX_CANARIES)
		die("too many canaries");
	*c = (struct canary){ at, size / sizeof(u64), where };
	for (size_t i = 0; i < c->words; i++)
		c->at[i] = CANARY;
}

static void map_canary(u64 at, size_t size, const char *where)
{
	void *p = mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		die("no room for a canary at %#" PRIx64 " (%s): %s", at, where, strerror(errno));
	add_canary(p, size, where);
}

/* The first free SIZE bytes below END: devices' buffers and threads' stacks may come first. */
static u64 free_below(u64 end, size_t size)
{
	for (u64 at = end - size; at > end - GiB; at -= size) {
		void *p = mmap((void *)(uintptr_t)at, size, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (p == MAP_FAILED)
			continue;
		munmap(p, size);
		return at;
	}
	return end - size;
}

/* Between RAM, which exists, and the rest of the backend's memory, which comes to lie elsewhere. */
static int plant_and_create(struct vm *vm, struct error *err)
{
	u64 ram = (uintptr_t)vm->ram.host;

	map_canary(free_below(ram, 64 * KiB), 64 * KiB, "below RAM");
	map_canary(ram + vm->ram.size, 256 * KiB, "above RAM");
	/* Where a guest address that was taken for a host address would lead. */
	map_canary(vm->ram.size, 64 * KiB, "at the guest's end of RAM");
	map_canary(GiB, 64 * KiB, "at the guest's window");
	map_canary(RAM_HOLE_START, 64 * KiB, "at the guest's hole");
	return state.real->create(vm, err);
}

static unsigned int damaged_canaries(void)
{
	unsigned int bad = 0;

	for (unsigned int n = 0; n < state.nr_canaries; n++) {
		const struct canary *c = &state.canary[n];

		for (size_t i = 0; i < c->words; i++) {
			if (c->at[i] == CANARY)
				continue;
			printf("hostile: canary %s changed at %p: %016" PRIx64 "\n", c->where,
			       (const void *)&c->at[i], c->at[i]);
			bad++;
			break;
		}
	}
	return bad;
}

/* ---- what the guest is told ----------------------------------------------------------------- */

static void add_target(u64 address)
{
	if (state.nr_targets < MAX_TARGETS)
		state.target[state.nr_targets++] = address;
}

static void find_targets(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	u64 start, end;
	char line[400];

	if (!f)
		die("cannot read /proc/self/maps: %s", strerror(errno));
	for (unsigned int n = 0; n < state.nr_canaries; n++)
		add_target((uintptr_t)state.canary[n].at + state.canary[n].words * 4);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		add_target(start);
		add_target(start + (end - start) / 2 / 4096 * 4096 + 0x7f8);
		add_target(end - 8);
	}
	fclose(f);
}

/* The Multiboot module: a file in memory, by its path. */
static void write_targets(char *path, size_t size)
{
	size_t bytes = state.nr_targets * sizeof(state.target[0]);
	int fd = memfd_create("targets", 0);

	if (fd < 0 || write(fd, state.target, bytes) != (ssize_t)bytes)
		die("cannot hand over the list of targets: %s", strerror(errno));
	snprintf(path, size, "/proc/self/fd/%d", fd);
}

/* A disk with a function that returns N in sector N: mov $N, %eax; ret. */
static struct disk *make_disk(void)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);
	struct error err = { "" };
	struct disk *disk;
	char path[40];

	for (u32 i = 0; i < SECTORS; i++) {
		u8 code[DISK_SECTOR] = { 0xb8, (u8)i, (u8)(i >> 8), 0, 0, 0xc3 };

		if (write(fd, code, sizeof(code)) != sizeof(code))
			die("cannot make a disk: %s", strerror(errno));
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (disk_open(&disk, path, &err))
		die("%s", err.text);
	return disk;
}

/* ---- running -------------------------------------------------------------------------------- */

struct options {
	struct vm_config vm;
	struct boot_params boot;
	int damage;
};

static void print(void *arg, const void *data, size_t len)
{
	(void)arg;
	fwrite(data, 1, len, stdout);
}

static int confine(struct vm *vm, struct error *err)
{
	return sandbox_enter(vm->backend->syscalls ? vm->backend->syscalls(vm) : NULL, err);
}

static void load(struct vm *vm, struct options *o)
{
	static struct cpu_state entry;
	struct error err = { "" };
	char path[40];

	if (o->boot.format != BOOT_FLAT) {
		write_targets(path, sizeof(path));
		o->boot.initrd = path;
	}
	if (boot_load(&vm->ram, &o->boot, &entry, &err) ||
	    vm->backend->set_state(vm, &entry, &err) || confine(vm, &err))
		die("%s", err.text);
}

/* 0: the guest is content and so are we. */
static int run(struct options *o)
{
	static struct backend backend;
	u64 on_stack[64];
	struct error err = { "" };
	struct vm *vm;
	int r;

	for (unsigned int i = 0; i < HEAP_BLOCKS; i++) {
		void *block = malloc(HEAP_BLOCK);

		if (!block)
			die("out of memory");
		add_canary(block, HEAP_BLOCK, "on the heap");
	}
	add_canary(on_stack, sizeof(on_stack), "on the stack");
	state.real = o->vm.backend;
	backend = *o->vm.backend;
	backend.create = plant_and_create;
	o->vm.backend = &backend;
	o->vm.console = print;
	o->vm.disk[0] = make_disk();
	o->vm.nr_disks = 1;
	if (vm_create(&vm, &o->vm, &err))
		die("%s", err.text);
	find_targets();
	load(vm, o);
	r = vm_run(vm);
	if (o->damage >= 0)
		state.canary[(unsigned int)o->damage % state.nr_canaries].at[7] ^= 1;
	if (r || vm->stop.kind != STOP_EXIT_PORT) {
		printf("hostile: the machine stopped (%d): %s\n", vm->stop.kind, vm->error.text);
		postmortem(vm, stdout);
		return 1;
	}
	r = vm->stop.code != 1;
	if (damaged_canaries())
		r = 1;
	return r;
}

/* TEXT is NAME=VALUE, of the backend's. */
static void set_option(struct options *o, char *text)
{
	struct error err = { "" };
	char *value = strchr(text, '=');

	if (!value)
		die("--option takes NAME=VALUE, not '%s'", text);
	*value++ = '\0';
	if (backendopt_set(&o->vm.options, o->vm.backend, o->vm.engine, text, value, &err))
		die("%s", err.text);
}

static const struct option long_options[] = {
	{ "backend", required_argument, NULL, 'b' },
	{ "engine", required_argument, NULL, 'e' },
	{ "irqchip", required_argument, NULL, 'i' },
	{ "mem", required_argument, NULL, 'm' },
	{ "append", required_argument, NULL, 'a' },
	{ "damage", required_argument, NULL, 'd' },
	{ "flat", no_argument, NULL, 'f' },
	{ "option", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
	/* RAM ends in the middle of a large page. */
	struct options o = { .vm = { .mem_size = 5 * MiB + 4096,
				     .cpu = "host",
				     .timeout_ns = TIMEOUT,
				     .backend = backend_by_name("swbt") },
			     .boot = { .address = BOOT_ADDRESS_DEFAULT },
			     .damage = -1 };
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
		switch (c) {
		case 'b':
			o.vm.backend = backend_by_name(optarg);
			if (!o.vm.backend)
				die("no backend '%s'", optarg);
			break;
		case 'e':
			o.vm.engine = optarg;
			break;
		case 'i':
			o.vm.irqchip = strcmp(optarg, "kernel") ? IRQCHIP_USER : IRQCHIP_KERNEL;
			break;
		case 'm':
			if (args_size(optarg, &o.vm.mem_size))
				die("--mem takes a size, not '%s'", optarg);
			break;
		case 'a':
			o.boot.append = optarg;
			break;
		case 'd':
			o.damage = atoi(optarg);
			break;
		case 'o':
			set_option(&o, optarg);
			break;
		case 'f':
			o.boot.format = BOOT_FLAT;
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1)
		die("which guest?");
	o.boot.kernel = argv[optind];
	return run(&o);
}
