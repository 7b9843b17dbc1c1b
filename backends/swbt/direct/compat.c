/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/compat.h"

#include "backends/swbt/direct/world.h"

#include <asm/ldt.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define USER32_CS 0x23 /* Linux's */
#define USER_CS	  0x33
#define LDT_CS	  7 /* entry 0 of the LDT, for CPL 3 */

struct far {
	u32 offset;
	u16 selector;
} __attribute__((packed));

/* A code segment in the LDT that begins at BASE. */
static int make_segment(u32 base, bool is_32bit)
{
	struct user_desc d = { .base_addr = base,
			       .limit = 4095,
			       .seg_32bit = is_32bit,
			       .contents = MODIFY_LDT_CONTENTS_CODE };

	return (int)syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));
}

/* What 16- and 32-bit code alike do: not a byte of it means the same in 64-bit code. At VISIT_HLT
 * the handler below looks at what came of it. */
static const u8 visitor[] = {
	0x40, /* inc %eax; 64-bit code: a prefix */
	0xf4, /* hlt */
	0x40, /* inc %eax */
	      /* and a far jump */
};
#define VISIT_HLT  1
#define VISIT_JUMP 3

/* And in 64-bit code again: exit status 0 if EAX is 3. */
static const u8 leave[] = {
	0x8d, 0x78,	      0xfd,	  /* lea -3(%rax), %edi */
	0xb8, SYS_exit_group, 0,    0, 0, /* mov $SYS_exit_group, %eax */
	0x0f, 0x05,			  /* syscall */
};
#define LEAVE_AT 32

/* Where HLT is to be found. */
static struct far expected;

static void on_hlt(int signo, siginfo_t *info, void *context)
{
	greg_t *greg = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)signo, (void)info;
	if (greg[REG_RIP] != expected.offset || greg[REG_RAX] != 1 ||
	    (u16)greg[REG_CSGSFS] != expected.selector)
		_exit(1);
	greg[REG_RIP]++;
	greg[REG_RAX] = 2;
}

static int catch_hlt(void)
{
	static u8 stack[64 * KiB];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_sigaction = on_hlt, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	alarm(2);
	return sigaltstack(&ss, NULL) || sigaction(SIGSEGV, &sa, NULL);
}

/*
 * Far jump to code on PAGE that SELECTOR's segment has at OFFSET, with a fault on the way, and from
 * there to the end of this process. There are hosts that can do one but not the other. No stack is
 * used: who is interrupted in 32-bit code may lose the upper half of RSP (QEMU).
 */
static _Noreturn void visit(u8 *page, u16 selector, u32 offset, bool is_32bit)
{
	struct far far = { (u32)(uintptr_t)page + LEAVE_AT, USER_CS };
	u8 *p = page + VISIT_JUMP;

	memcpy(page, visitor, sizeof(visitor));
	if (!is_32bit)
		*p++ = 0x66;
	*p++ = 0xea;
	memcpy(p, &far, sizeof(far));
	memcpy(page + LEAVE_AT, leave, sizeof(leave));
	expected = (struct far){ offset + VISIT_HLT, selector };
	far = (struct far){ offset, selector };
	if (catch_hlt())
		_exit(1);
	__asm__ volatile("ljmp *(%0)" : : "r"(&far), "a"(0) : "memory");
	__builtin_unreachable();
}

/* In a process of its own, whose exit status is 0 if it works. */
static int try(u32 what)
{
	u8 *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (page == MAP_FAILED)
		return 1;
	if (what == COMPAT_FLAT)
		visit(page, USER32_CS, (u32)(uintptr_t)page, true);
	if (make_segment((u32)(uintptr_t)page, what == COMPAT_32))
		return 1;
	visit(page, LDT_CS, 0, what == COMPAT_32);
}

static bool works(u32 what)
{
	static const int faults[] = { SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGALRM };
	int status = -1;
	pid_t pid;

	world_keep_children();
	pid = fork();
	if (!pid) {
		for (size_t n = 0; n < ARRAY_SIZE(faults); n++)
			signal(faults[n], SIG_DFL);
		_exit(try(what));
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && !status;
}

u32 compat_probe(void)
{
	u32 found = 0;

	for (u32 what = COMPAT_FLAT; what <= COMPAT_16; what <<= 1)
		if (works(what))
			found |= what;
	return found;
}
