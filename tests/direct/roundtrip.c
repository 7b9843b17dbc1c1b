/* SPDX-License-Identifier: MIT */
/*
 * What a stop of guest code costs under each transport: cycles from one guest instruction that
 * traps to the next, the VMM only stepping over it. usage: roundtrip [spin]
 */
#include "backends/swbt/direct/world.h"
#include "common/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define CODE 0x100000
#define NR   4000

static const struct kind {
	const char *name;
	u8 code[8];
	u8 len;	    /* of the instruction */
	bool after; /* RIP is behind it at the stop */
	u8 vector;
} kinds[] = {
	{ "#GP: hlt", { 0xf4 }, 1, false, GP },
	{ "#UD: ud2", { 0x0f, 0x0b }, 2, false, UD },
	{ "#PF: mov (%rbx), %eax", { 0x8b, 0x03 }, 2, false, PF },
	{ "#BP: int3", { 0xcc }, 1, true, BP },
	{ "#DE: div %ecx", { 0xf7, 0xf1 }, 2, false, DE },
	{ "system call", { 0x0f, 0x05 }, 2, true, 0 },
};

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static void measure(struct world *w, const struct kind *k)
{
	static u64 sample[NR];
	struct world_regs r = { .cs = HOST_CS64, .ss = HOST_SS, .rflags = 2 };
	struct world_stop stop;
	u64 loaded, start;
	u32 skip = k->after ? 0 : k->len;

	r.rip = CODE;
	r.gpr[RBX] = 0x200000;
	for (unsigned int n = 0; n < NR; n++) {
		start = __rdtsc();
		if (w->transport->run(w, &r, &loaded, &stop) || stop.kind == WORLD_DEAD) {
			printf("  %s: dead\n", k->name);
			exit(1);
		}
		sample[n] = __rdtsc() - start;
		if (r.rip + skip != (u64)(CODE + k->len) ||
		    (stop.kind == WORLD_FAULT && stop.vector != k->vector) ||
		    (stop.kind == WORLD_SYSCALL && k->vector)) {
			printf("  %s: kind %d vector %d at %llx, address %llx\n", k->name,
			       stop.kind, stop.vector, (unsigned long long)r.rip,
			       (unsigned long long)stop.address);
			exit(1);
		}
		r.rip = CODE;
	}
	qsort(sample, NR, sizeof(sample[0]), by_value);
	printf("  %-24s %8llu  (%llu .. %llu)\n", k->name, (unsigned long long)sample[NR / 2],
	       (unsigned long long)sample[NR / 10], (unsigned long long)sample[NR * 9 / 10]);
}

static void calls(struct world *w)
{
	static u64 sample[NR];
	struct world_call c = {
		SYS_mmap, { 0x300000, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, (u64)w->ram_fd, 0 }
	};
	struct world_regs r = { .cs = HOST_CS64, .ss = HOST_SS, .rflags = 2, .rip = CODE };
	struct world_stop stop;
	u64 loaded;

	for (unsigned int n = 0; n < NR; n++) {
		u64 start = __rdtsc();
		int ret;

		ret = w->transport->calls(w, &c, 1);
		if (ret) {
			printf("mmap: %d\n", ret);
			exit(1);
		}
		sample[n] = __rdtsc() - start;
		if (w->transport->run(w, &r, &loaded, &stop))
			exit(1);
	}
	qsort(sample, NR, sizeof(sample[0]), by_value);
	printf("  %-24s %8llu  (%llu .. %llu)\n", "mmap", (unsigned long long)sample[NR / 2],
	       (unsigned long long)sample[NR / 10], (unsigned long long)sample[NR * 9 / 10]);
}

static void transport(const struct transport *t)
{
	struct error err = { 0 };
	struct world w = {
		.transport = t, .name = "roundtrip", .copy_fd = -1, .gate = -1, .spin = 80000
	};
	struct world_call map = {
		SYS_mmap, { CODE, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, 0, 0 }
	};
	int r;
	u8 *page;

	printf("%s:\n", t->name);
	if (t->missing && t->missing()) {
		printf("  this host lacks %s\n", t->missing());
		return;
	}
	w.ram_fd = memfd_create("ram", 0);
	if (w.ram_fd < 0 || ftruncate(w.ram_fd, 1 << 20))
		exit(1);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, w.ram_fd, 0);
	if (t->start(&w, &err)) {
		printf("  %s\n", err.text);
		exit(1);
	}
	map.arg[4] = (u64)w.ram_fd;
	r = t->calls(&w, &map, 1);
	if (r) {
		printf("  mmap: %s\n", strerror(-r));
		exit(1);
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(kinds); n++) {
		memcpy(page, kinds[n].code, 8);
		measure(&w, &kinds[n]);
	}
	calls(&w);
	t->end(&w);
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	transport(&signal_transport);
	transport(&ptrace_transport);
	return 0;
}
