/* SPDX-License-Identifier: MIT */
/*
 * How many user-space instructions does an exit cost, accounting included? The real run loop, bus
 * and devices run here against a KVM_RUN of our own, in a child that is single-stepped, so every
 * instruction between two exits is counted, those of the stand-in for the system call too. Needs
 * neither /dev/kvm nor hardware counters. Exit status 1 if an exit costs LIMIT or more.
 */
#include "backends/backends.h"
#include "backends/kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT	400
#define WARM_UP 5
#define EXITS	20

static const struct script {
	const char *name;
	u32 reason;
	u8 write, size;
	u64 addr;
	u32 value;
} scripts[] = {
	{ "out, 1 byte, UART data", KVM_EXIT_IO, 1, 1, 0x3f8, 'x' },
	{ "in, 1 byte, UART status", KVM_EXIT_IO, 0, 1, 0x3fd, 0 },
	{ "out, 4 bytes, test device", KVM_EXIT_IO, 1, 4, 0xe0, 0x12345678 },
	{ "out, 1 byte, interrupt controller", KVM_EXIT_IO, 1, 1, 0x21, 0xff },
	{ "in, 2 bytes, nobody", KVM_EXIT_IO, 0, 2, 0x300, 0 },
	{ "mmio read, 4 bytes, local APIC", KVM_EXIT_MMIO, 0, 4, 0xfee00030, 0 },
	{ "mmio write, 4 bytes, test device", KVM_EXIT_MMIO, 1, 4, 0xff000000, 1 },
};

/* What parent and child share. */
struct shared {
	volatile int counting;
	volatile unsigned int calls; /* of KVM_RUN while counting */
};

static const struct script *script;
static struct shared *shared;
static struct vm *vm;
static struct kvm kvm;
static unsigned int exits;

int ioctl(int fd, unsigned long request, ...);

/* In place of libc's: the linker takes ours. Only KVM_RUN means anything. */
int ioctl(int fd, unsigned long request, ...)
{
	struct kvm_run *run = kvm.run;

	(void)fd;
	if (request != KVM_RUN)
		return 0;
	exits++;
	shared->counting = exits > WARM_UP && exits <= WARM_UP + EXITS;
	if (exits > WARM_UP + EXITS) {
		errno = EINTR;
		return -1;
	}
	shared->calls += (unsigned int)shared->counting;
	run->exit_reason = script->reason;
	if (script->reason == KVM_EXIT_IO) {
		run->io.direction = script->write ? KVM_EXIT_IO_OUT : KVM_EXIT_IO_IN;
		run->io.size = script->size;
		run->io.port = (u16)script->addr;
		run->io.count = 1;
		run->io.data_offset = 4096;
		memcpy((u8 *)run + 4096, &script->value, sizeof(script->value));
	} else {
		run->mmio.phys_addr = script->addr;
		run->mmio.len = script->size;
		run->mmio.is_write = script->write;
		memcpy(run->mmio.data, &script->value, sizeof(script->value));
	}
	return 0;
}

static int make_machine(void)
{
	struct error err;
	int r;

	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	vm->backend = &kvm_backend;
	vm->priv = &kvm;
	r = ram_init(&vm->ram, RAM_MIN, &err);
	r = r ?: clock_init(&vm->clock, 0);
	r = r ?: cpuid_build(&vm->cpuid, "host", &err);
	r = r ?: pc_init(vm, &err);
	kvm.user_irqchip = true;
	kvm.apic_base = vm->pc.lapic.base;
	kvm.run = aligned_alloc(4096, 2 * 4096);
	if (!kvm.run)
		return -ENOMEM;
	memset(kvm.run, 0, 2 * 4096);
	kvm.run->apic_base = kvm.apic_base;
	return r;
}

static void child(void)
{
	if (make_machine() || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(2);
	raise(SIGSTOP);
	_exit(kvm_run(vm) == RUN_KICKED && exits == WARM_UP + EXITS + 1 ? 0 : 2);
}

/* Instructions that PID executes while shared->counting, or -1. */
static long count(pid_t pid)
{
	long steps = 0;
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
			return -1;
		if (waitpid(pid, &status, 0) != pid)
			return -1;
		if (WIFEXITED(status))
			return WEXITSTATUS(status) == 0 ? steps : -1;
		if (!WIFSTOPPED(status))
			return -1;
		steps += shared->counting;
	}
}

int main(void)
{
	int status = 0;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	printf("user-space instructions an exit (limit %d):\n", LIMIT);
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		long steps;
		pid_t pid;

		memset(shared, 0, sizeof(*shared));
		script = &scripts[i];
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			child();
		steps = pid > 0 ? count(pid) : -1;
		if (steps < 0 || shared->calls != EXITS) {
			fprintf(stderr, "exitcost: cannot single-step a child here\n");
			return 2;
		}
		printf("%6ld  %s\n", steps / EXITS, script->name);
		if (steps / EXITS >= LIMIT)
			status = 1;
	}
	return status;
}
