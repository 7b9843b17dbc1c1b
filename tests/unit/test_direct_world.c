/* SPDX-License-Identifier: MIT */
/* Guest processes: what is in one, what it may do, how it ends; and what is mapped there. */
#include "backends/backends.h"
#include "tests/unit/direct_rig.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

DR_ASM(nothing, "nop" DR_END);
DR_ASM(forever, "1: jmp 1b");

static struct vm *machine(void)
{
	struct vm *vm = direct_rig("trap", nothing, (size_t)(nothing_end - nothing), NULL, 0);

	CU_ASSERT_PTR_NOT_NULL_FATAL(vm);
	return vm;
}

static struct direct *direct_of(struct vm *vm)
{
	return vcpu_direct(vm_vcpu(vm));
}

/* ---- what is in one -------------------------------------------------------------------------- */

static void test_maps(void)
{
	unsigned long long from, to;
	char path[64], line[256], prot[8];
	struct vm *vm;
	FILE *f;

	direct_transport = "ptrace"; /* test_worlds.c has the other */
	vm = machine();
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++) {
		unsigned int nr = 0;

		snprintf(path, sizeof(path), "/proc/%d/maps", direct_of(vm)->world[n].pid);
		f = fopen(path, "re");
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		while (fgets(line, sizeof(line), f)) {
			CU_ASSERT_EQUAL(sscanf(line, "%llx-%llx %4s", &from, &to, prot), 3);
			if (from >= 0xffffffff00000000) /* the vsyscall page is everywhere */
				continue;
			nr++;
			CU_ASSERT(from >= WORLD_STUB && to <= WORLD_DATA + 4096);
			CU_ASSERT_STRING_EQUAL(prot, from == WORLD_STUB ? "r-xp" : "r--s");
		}
		CU_ASSERT_EQUAL(nr, 2);
		fclose(f);
	}
	vm_destroy(vm);
}

DR_TEST(test_descriptors)
{
	struct vm *vm = machine();
	char path[64], name[32];
	struct dirent *e;
	DIR *dir;

	snprintf(name, sizeof(name), "%d", vm->ram.fd);
	snprintf(path, sizeof(path), "/proc/%d/fd", direct_of(vm)->world[0].pid);
	dir = opendir(path);
	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			CU_ASSERT_STRING_EQUAL(e->d_name, name);
	closedir(dir);
	vm_destroy(vm);
}

/* ---- what it may do -------------------------------------------------------------------------- */

static void test_filter(void)
{
	struct vm *vm = machine();
	const struct world *w = &direct_of(vm)->world[0];
	const u64 fd = (u64)vm->ram.fd, how = MAP_SHARED | MAP_FIXED;
	struct world_call good = { __NR_mmap, { 0x100000, 4096, PROT_READ, how, fd, 0 } };
	struct world_call bad[] = {
		{ __NR_getpid, { 0 } },
		{ __NR_write, { fd, 0x100000, 16 } },
		{ __NR_ptrace, { 0 } },
		{ __NR_mmap, { 0x100000, 4096, PROT_READ, how | MAP_ANONYMOUS, fd, 0 } },
		{ __NR_mmap, { 0x100000, 4096, PROT_READ, how, fd + 1, 0 } },
		{ __NR_mmap, { WORLD_STUB, 4096, PROT_READ, how, fd, 0 } },
		{ __NR_munmap, { WORLD_STUB, 4096 } },
		{ __NR_munmap, { 0xffff800000000000, 4096 } },
		{ __NR_mprotect, { WORLD_STUB, 4096, PROT_WRITE } },
	};

	CU_ASSERT_EQUAL(w->transport->calls((struct world *)w, &good, 1), 0);
	vm_destroy(vm);
	/* Each ends the world's use: the stub is not at its end. */
	for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
		struct world *victim;

		vm = machine();
		bad[n].arg[4] += bad[n].nr == __NR_mmap ? (u64)vm->ram.fd - fd : 0;
		victim = &direct_of(vm)->world[0];
		CU_ASSERT_EQUAL(victim->transport->calls(victim, &bad[n], 1), -EIO);
		vm_destroy(vm);
	}
}

/* What this process may do to its worlds, and to nobody else; other engines may not. */
DR_TEST(test_rules)
{
	struct vm *vm = machine(), *step = rig_vm("step", DR_RAM);
	const struct sandbox_rule *r = swbt_backend.syscalls(vm);
	unsigned int nr = 0;

	for (; r[nr].syscall >= 0; nr++) {
		bool mine = false;

		CU_ASSERT_EQUAL(r[nr].mask & UINT32_MAX, UINT32_MAX);
		for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
			mine |= r[nr].value == (u64)direct_of(vm)->world[n].pid;
		if (r[nr].syscall == __NR_ptrace || r[nr].syscall == __NR_kill ||
		    r[nr].syscall == __NR_wait4)
			CU_ASSERT_TRUE(mine);
	}
	CU_ASSERT(nr >= 2 * DIRECT_WORLDS);
	CU_ASSERT_PTR_NULL(swbt_backend.syscalls(step));
	CU_ASSERT_EQUAL(step->ram.fd, -1);
	vm_destroy(step);
	vm_destroy(vm);
}

/* ---- how it ends ----------------------------------------------------------------------------- */

static bool gone(pid_t pid)
{
	return kill(pid, 0) && errno == ESRCH;
}

DR_TEST(test_end)
{
	struct vm *vm = machine();
	pid_t pid[DIRECT_WORLDS];

	for (unsigned int n = 0; n < DIRECT_WORLDS; n++) {
		pid[n] = direct_of(vm)->world[n].pid;
		CU_ASSERT_FALSE(gone(pid[n]));
	}
	direct_go(vm);
	vm_destroy(vm);
	for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
		CU_ASSERT_TRUE(gone(pid[n]));
}

/* Somebody kills it: one line, and no more. */
DR_TEST(test_killed)
{
	struct vm *vm = machine();

	kill(direct_of(vm)->world[DIRECT_SUPER].pid, SIGKILL);
	CU_ASSERT_EQUAL(vm_run(vm), -EIO);
	CU_ASSERT_STRING_EQUAL(vm->error.text,
			       "the guest's process (guest-kernel) was killed by signal 9");
	vm_destroy(vm);
}

/* Signals from outside mean nothing to it. */
DR_TEST(test_signals)
{
	static const int signals[] = { SIGSEGV, SIGTRAP, SIGUSR1, SIGSYS, SIGINT, SIGTERM };
	struct vm *vm = machine();

	for (size_t n = 0; n < ARRAY_SIZE(signals); n++)
		kill(direct_of(vm)->world[DIRECT_SUPER].pid, signals[n]);
	direct_go(vm);
	vm_destroy(vm);
}

/* The VMM is killed while its guest runs: nothing of it stays. */
DR_TEST(test_orphans)
{
	pid_t pid[DIRECT_WORLDS], vmm;
	int fds[2], status;
	bool all = false;

	CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
	vmm = fork();
	if (!vmm) {
		struct vm *vm =
			direct_rig("trap", forever, (size_t)(forever_end - forever), NULL, 0);

		for (unsigned int n = 0; n < DIRECT_WORLDS; n++)
			pid[n] = direct_of(vm)->world[n].pid;
		if (write(fds[1], pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		vm_run(vm);
		_exit(1);
	}
	CU_ASSERT_EQUAL_FATAL(read(fds[0], pid, sizeof(pid)), sizeof(pid));
	usleep(20000);
	kill(vmm, SIGKILL);
	CU_ASSERT_EQUAL(waitpid(vmm, &status, 0), vmm);
	/* They are somebody else's children now, who may take a while to notice. */
	for (unsigned int n = 0; n < 1000 && !all; n++) {
		char path[64], state = 'X';

		all = true;
		for (unsigned int w = 0; w < DIRECT_WORLDS; w++) {
			FILE *f;

			snprintf(path, sizeof(path), "/proc/%d/stat", pid[w]);
			f = fopen(path, "re");
			if (f && fscanf(f, "%*d %*s %c", &state) == 1 && state != 'Z')
				all = false;
			if (f)
				fclose(f);
		}
		usleep(1000);
	}
	CU_ASSERT_TRUE(all);
	close(fds[0]);
	close(fds[1]);
}

/* ---- kicks ----------------------------------------------------------------------------------- */

static void *kick_later(void *arg)
{
	struct vm *vm = arg;

	usleep(20000);
	atomic_store(&vm->stop_signal, SIGINT);
	vm_kick(vm);
	return NULL;
}

DR_TEST(test_kick)
{
	struct vm *vm = direct_rig("trap", forever, (size_t)(forever_end - forever), NULL, 0);
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, kick_later, vm), 0);
	CU_ASSERT_EQUAL(vm_run(vm), 0);
	CU_ASSERT_EQUAL(vm->stop.kind, STOP_SIGNAL);
	pthread_join(thread, NULL);
	vm_destroy(vm);
}

/* ---- shadow mappings ------------------------------------------------------------------------- */

#define AT 0x40000000ull

static struct space_page page(struct vm *vm, u64 linear, u64 gpa, unsigned int shift)
{
	return (struct space_page){ .linear = linear,
				    .gpa = gpa,
				    .offset = gpa,
				    .fd = vm->ram.fd,
				    .prot = PROT_READ | PROT_WRITE,
				    .shift = (u8)shift };
}

/* How many mappings the world really has, the stub's aside. */
static unsigned int real_maps(struct vm *vm)
{
	char path[64], line[256];
	unsigned int nr = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", direct_of(vm)->world[0].pid);
	f = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	while (fgets(line, sizeof(line), f))
		nr += strtoull(line, NULL, 16) < WORLD_STUB;
	fclose(f);
	return nr;
}

DR_TEST(test_space)
{
	struct vm *vm = machine();
	struct space *s = direct_of(vm)->space[0];
	struct space_page p = page(vm, AT, 0x3000, 12), large = page(vm, 2 * AT, 0x200000, 21);

	CU_ASSERT_EQUAL(space_map(s, &p), 0);
	p = page(vm, AT + 0x2000, 0x3000, 12);
	p.global = true;
	CU_ASSERT_EQUAL(space_map(s, &p), 0);
	CU_ASSERT_EQUAL(space_map(s, &large), 0);
	CU_ASSERT_EQUAL(space_sync(s), 0);
	CU_ASSERT_EQUAL(real_maps(vm), 3);
	CU_ASSERT_EQUAL(space_prot(s, AT), PROT_READ | PROT_WRITE);
	CU_ASSERT_EQUAL(space_prot(s, AT + 0x1000), 0);
	CU_ASSERT_EQUAL(space_prot(s, 2 * AT + 0x12345), PROT_READ | PROT_WRITE);
	space_flush(s, false);
	CU_ASSERT_EQUAL(space_prot(s, AT), 0);
	CU_ASSERT_EQUAL(space_prot(s, AT + 0x2000), PROT_READ | PROT_WRITE);
	CU_ASSERT_EQUAL(space_prot(s, 2 * AT), 0);
	CU_ASSERT_EQUAL(space_sync(s), 0);
	CU_ASSERT_EQUAL(real_maps(vm), 1);
	CU_ASSERT_EQUAL(space_map(s, &large), 0);
	space_unmap(s, 2 * AT + 0x5000, 12); /* a piece of it: all of it */
	CU_ASSERT_EQUAL(space_prot(s, 2 * AT), 0);
	CU_ASSERT_EQUAL(space_map(s, &large), 0);
	space_unmap_gpa(s, 0x234000, PROT_EXEC);
	CU_ASSERT_EQUAL(space_prot(s, 2 * AT), PROT_READ | PROT_WRITE);
	space_unmap_gpa(s, 0x234000, PROT_WRITE);
	CU_ASSERT_EQUAL(space_prot(s, 2 * AT), 0);
	space_flush(s, true);
	CU_ASSERT_EQUAL(space_sync(s), 0);
	CU_ASSERT_EQUAL(real_maps(vm), 0);
	vm_destroy(vm);
}

DR_TEST(test_space_limits)
{
	struct vm *vm = machine();
	struct space *s = direct_of(vm)->space[0];
	struct space_page p = page(vm, 0, 0, 12);
	u64 last;

	CU_ASSERT_EQUAL(space_map(s, &p), -ERANGE);
	p = page(vm, WORLD_HIGH, 0, 12);
	CU_ASSERT_EQUAL(space_map(s, &p), -ERANGE);
	/* More than it keeps: older ones go, and those that it says it has are there. */
	for (u64 n = 0; n < 10000; n++) {
		p = page(vm, AT + n * 0x2000, n % 1024 * 0x1000, 12);
		CU_ASSERT_EQUAL(space_map(s, &p), 0);
		if (n % 50 == 0)
			CU_ASSERT_EQUAL(space_sync(s), 0);
	}
	CU_ASSERT_EQUAL(space_sync(s), 0);
	last = 0;
	for (u64 n = 0; n < 10000; n++)
		last += space_prot(s, AT + n * 0x2000) != 0;
	CU_ASSERT_EQUAL(real_maps(vm), last);
	CU_ASSERT(last > 0);
	vm_destroy(vm);
}

CU_TestInfo tests_direct_world[] = { { "nothing else is mapped", test_maps },
				     { "no descriptors", test_descriptors },
				     { "system calls of its own", test_filter },
				     { "what its VMM may do", test_rules },
				     { "ends with its machine", test_end },
				     { "killed", test_killed },
				     { "signals", test_signals },
				     { "ends with its VMM", test_orphans },
				     { "kick", test_kick },
				     { "shadow mappings", test_space },
				     { "more than fit", test_space_limits },
				     CU_TEST_INFO_NULL };
