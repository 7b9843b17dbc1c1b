/* SPDX-License-Identifier: MIT */
/*
 * What code in a world may try to get out of it. Looked at from outside: what is mapped there, what
 * came of files, pipes, signals and processes that it was after.
 */
#include "backends/swbt/direct/compat.h"
#include "backends/swbt/direct/stub_signal.h"
#include "backends/swbt/fpu.h"
#include "common/error.h"
#include "tests/unit/world_rig.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define MAPS 4096

/* ---- the outside ------------------------------------------------------------------------------
 */

/* Where attempts go to, and what they would leave behind. */
static struct outside {
	char file[32];	 /* to be emptied, removed; beside it others to be made */
	int pipe[2];	 /* to be written to */
	char maps[MAPS]; /* of the world */
	volatile int signals;
} outside;

static void on_signal(int signo)
{
	(void)signo;
	outside.signals++;
}

static void plant(struct world_rig *rig)
{
	int fd;

	strcpy(outside.file, "/tmp/canary-XXXXXX");
	fd = mkstemp(outside.file);
	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "canary", 6), 6);
	close(fd);
	CU_ASSERT_EQUAL_FATAL(pipe2(outside.pipe, O_NONBLOCK), 0);
	signal(SIGUSR2, on_signal);
	outside.signals = 0;
	world_rig_maps(rig, outside.maps, MAPS);
}

static unsigned int children(pid_t pid)
{
	char path[64], text[64] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text)) : 0;
	close(fd);
	return n > 0;
}

static void check_maps(struct world_rig *rig)
{
	char now[MAPS];

	if (rig->w.dead)
		return;
	world_rig_maps(rig, now, MAPS);
	CU_ASSERT_STRING_EQUAL(now, outside.maps);
}

static void check_outside(struct world_rig *rig)
{
	struct stat st;
	char c;

	CU_ASSERT_EQUAL(stat(outside.file, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 6);
	CU_ASSERT_EQUAL(read(outside.pipe[0], &c, 1), -1);
	CU_ASSERT_EQUAL(errno, EAGAIN);
	CU_ASSERT_EQUAL(outside.signals, 0);
	check_maps(rig);
	if (!rig->w.dead)
		CU_ASSERT_FALSE(children(rig->w.pid));
	unlink(outside.file);
	close(outside.pipe[0]);
	close(outside.pipe[1]);
}

/* ---- system calls -----------------------------------------------------------------------------
 */

WR_ASM(by_syscall, 64, "syscall; hlt");
WR_ASM(by_int80, 64, "int $0x80; hlt");
WR_ASM(by_sysenter, 64, "sysenter; hlt");

/* Arguments that would do something, whichever call it is. */
static void tempt(struct world_rig *rig, u64 nr)
{
	struct world_regs *r = &rig->r;

	r->rip = WR_CODE;
	r->gpr[RAX] = nr;
	strcpy((char *)rig->data, outside.file);
	r->gpr[RDI] = r->gpr[RBX] = WR_DATA;
	r->gpr[RSI] = r->gpr[RCX] = O_RDWR | O_TRUNC;
	r->gpr[RDX] = 0600;
	r->gpr[R10] = MAP_SHARED | MAP_FIXED;
	r->gpr[R8] = (u64)rig->w.ram_fd;
	r->gpr[R9] = 0;
	r->gpr[RSP] = WR_DATA + 2048;
	r->gpr[RBP] = WR_DATA + 2048;
	switch (nr) {
	case SYS_write:
	case SYS_dup2:
		r->gpr[RDI] = (u64)outside.pipe[1];
		r->gpr[RSI] = WR_DATA;
		break;
	case SYS_kill:
	case SYS_tkill:
		r->gpr[RDI] = (u64)getpid();
		r->gpr[RSI] = SIGUSR2;
		break;
	case SYS_exit:
	case SYS_exit_group:
		r->gpr[RDI] = 0;
		break;
	case SYS_mmap:
	case SYS_munmap:
	case SYS_mprotect:
		r->gpr[RDI] = WR_CODE;
		r->gpr[RSI] = 4096;
		r->gpr[RDX] = PROT_READ | PROT_WRITE;
		break;
	}
}

/* It must end in a stop right behind, with nothing done. True: it did. */
static bool refused(struct world_rig *rig, u64 nr, unsigned int len)
{
	tempt(rig, nr);
	if (world_rig_run(rig) || rig->stop.kind != WORLD_SYSCALL)
		return false;
	return rig->r.rip == WR_CODE + len && (u32)rig->r.gpr[RAX] == (u32)nr;
}

static void all_calls(struct world_rig *rig, unsigned int len)
{
	static const u32 kinds[] = { 0, 0x40000000 }; /* and those of x32 */

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (u64 nr = 0; nr < 480; nr++) {
			if (refused(rig, nr + kinds[k], len))
				continue;
			printf("%s: call %#llx was not refused\n", rig->w.transport->name,
			       (unsigned long long)nr + kinds[k]);
			CU_FAIL("a system call was not refused");
			return;
		}
}

static void with_calls(struct world_rig *rig)
{
	plant(rig);
	WR_LOAD(rig, by_syscall);
	all_calls(rig, 2);
	WR_LOAD(rig, by_int80);
	all_calls(rig, 2);
	/* Where it is defined, it comes back where the kernel likes. */
	WR_LOAD(rig, by_sysenter);
	for (u64 nr = 0; nr < 480; nr++) {
		tempt(rig, nr);
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		CU_ASSERT_FALSE(rig->w.dead);
	}
	check_outside(rig);
}

static void test_calls(void)
{
	world_rig_each(with_calls);
}

/* The page that every process has: three calls at its entries, and no others. */
WR_ASM(by_vsyscall, 64, "call *%rbx; hlt");

static void with_vsyscall(struct world_rig *rig)
{
	static const u64 at[] = { 0, 0x400, 0x800, 1, 0x401, 0xffe };

	plant(rig);
	WR_LOAD(rig, by_vsyscall);
	memset(rig->data, 0xee, 4096);
	for (size_t n = 0; n < ARRAY_SIZE(at); n++) {
		tempt(rig, 0);
		rig->r.gpr[RBX] = 0xffffffffff600000 + at[n];
		rig->r.gpr[RDI] = rig->r.gpr[RSI] = WR_DATA + 64;
		CU_ASSERT_EQUAL(world_rig_run(rig), 0);
		CU_ASSERT_EQUAL(rig->stop.kind, WORLD_FAULT);
		CU_ASSERT_EQUAL(rig->r.rip, rig->r.gpr[RBX]);
		CU_ASSERT_EQUAL(rig->r.gpr[RSP], WR_DATA + 2048 - 8);
		CU_ASSERT_EQUAL(rig->data[64], 0xee);
	}
	check_outside(rig);
}

static void test_vsyscall(void)
{
	world_rig_each(with_vsyscall);
}

/* 32-bit code, in Linux's own segment for it. */
WR_ASM(to_32, 64, "ljmp *(%rbx)");
WR_ASM(calls_32, 32, "1: int $0x80; mov %esi, %eax; sysenter; mov %esi, %eax; syscall; hlt");

static void with_calls_32(struct world_rig *rig)
{
	u32 far[2] = { WR_CODE + 16, 0x23 };

	plant(rig);
	WR_LOAD(rig, to_32);
	memcpy(rig->code + 16, calls_32, (size_t)(calls_32_end - calls_32));
	for (u32 nr = 0; nr < 450 && !rig->w.dead; nr++) {
		tempt(rig, nr);
		memcpy(rig->data + 1024, far, 8);
		rig->r.gpr[RSI] = nr;
		rig->r.gpr[RBX] = WR_DATA + 1024;
		/* Each of its three, then HLT, or the end of it where the host has no such code. */
		for (unsigned int n = 0; n < 4; n++) {
			CU_ASSERT_EQUAL(world_rig_run_for(rig, 20), 0);
			if (rig->stop.kind != WORLD_SYSCALL || rig->r.rip < WR_CODE + 16 ||
			    rig->r.rip >= WR_CODE + 32)
				break;
		}
		rig->r.cs = HOST_CS64;
		rig->r.ss = HOST_SS;
	}
	check_outside(rig);
}

static void test_calls_32(void)
{
	world_rig_each(with_calls_32);
}

/* ---- the stub ---------------------------------------------------------------------------------
 */

/* Into every byte of the stub, with registers made for the worst. */
WR_ASM(jump, 64, "jmp *%rbx");

static void prepare_jump(struct world_rig *rig, u64 to, unsigned int variant)
{
	static const u64 calls[] = { SYS_mmap, SYS_mprotect, SYS_rt_sigreturn, SYS_prctl };

	tempt(rig, calls[variant]);
	rig->r.gpr[RBX] = to;
	/* mprotect(code, writable), or of the page of orders. */
	rig->r.gpr[RDI] = variant & 1 ? STUB_CONTROL : WR_CODE;
	rig->r.gpr[RSI] = 4096;
	rig->r.gpr[RDX] = PROT_READ | PROT_WRITE | PROT_EXEC;
	/* A list of calls of our own for whatever looks for one. */
	memset(rig->data, 0, 4096);
	memcpy(rig->data, &(struct world_call){ SYS_mprotect, { WR_CODE, 4096, 7 } },
	       sizeof(struct world_call));
	rig->r.gpr[R12] = 1;
	rig->r.gpr[R13] = rig->r.gpr[RBP] = WR_DATA;
	rig->r.gpr[R14] = 1;
}

static void with_jumps(struct world_rig *rig)
{
	const struct transport *t = rig->w.transport;

	plant(rig);
	WR_LOAD(rig, jump);
	for (unsigned int n = 0; n < 4096; n++) {
		for (unsigned int variant = 0; variant < 4; variant++) {
			prepare_jump(rig, WORLD_STUB + n, variant);
			CU_ASSERT_EQUAL(world_rig_run_for(rig, 2), 0);
			check_maps(rig);
			if (!rig->w.dead) {
				rig->r.cs = HOST_CS64;
				rig->r.ss = HOST_SS;
				rig->r.fs = rig->r.gs = rig->r.ds = rig->r.es = 0;
				continue;
			}
			world_rig_end(rig);
			CU_ASSERT_EQUAL_FATAL(world_rig_begin(rig, t), 0);
			WR_LOAD(rig, jump);
		}
	}
	world_rig_maps(rig, outside.maps, MAPS);
	check_outside(rig);
}

static void test_jumps(void)
{
	world_rig_each(with_jumps);
}

CU_TestInfo tests_worlds_hostile[] = {
	{ "no system call, by whatever instruction", test_calls },
	{ "the vsyscall page", test_vsyscall },
	{ "no system call from 32-bit code", test_calls_32 },
	{ "jumps into every byte of the stub", test_jumps },
	CU_TEST_INFO_NULL,
};
