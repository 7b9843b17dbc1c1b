/* SPDX-License-Identifier: MIT */
/*
 * Process 1 of a workload's guest. Says that it is there, runs /bin/ARGV[1] with the arguments
 * after it and `mark`, and ends the machine through the exit port with that program's status.
 * `boot` is no program: to have come here is its work.
 */
#include "syscall.h"
#include "x86.h"

#include <linux/fcntl.h>
#include <linux/reboot.h>

#define PORT_EXIT  0xf4
#define TCSBRK	   0x5409
#define WORDS	   8
#define FIRST_LINE "init: first line\n"

enum outcome { OK, FAIL };

static char program[64] = "/bin/";
static char *argument[WORDS + 2];

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

__attribute__((noreturn)) static void end(u32 value)
{
	/* What was printed is not yet out of the serial port. */
	system_call(__NR_ioctl, 1, TCSBRK, 1, 0, 0);
	if (!system_call(__NR_ioperm, PORT_EXIT, 4, 1, 0, 0))
		outl(PORT_EXIT, value);
	for (;;)
		system_call(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			    LINUX_REBOOT_CMD_POWER_OFF, 0, 0);
}

static void mount(const char *what, const char *where)
{
	system_call(__NR_mkdir, (long)where, 0755, 0, 0, 0);
	if (!system_call(__NR_mount, (long)what, (long)where, (long)what, 0, 0))
		return;
	print_text("init: cannot mount ");
	print_text(where);
	print_text("\n");
	end(FAIL);
}

/* Kernels leave 2 MiB pages out where there is less than 512 MiB. */
static void allow_huge_pages(void)
{
	static const char how[] = "madvise";
	long fd = system_call(__NR_open, (long)"/sys/kernel/mm/transparent_hugepage/enabled",
			      O_WRONLY, 0, 0, 0);

	if (fd < 0)
		return;
	system_call(__NR_write, fd, (long)how, sizeof(how) - 1, 0, 0);
	system_call(__NR_close, fd, 0, 0, 0, 0);
}

static void run_program(char **argv)
{
	char *to = program + 5;
	int words = 1;

	for (const char *p = argv[1]; *p && to < program + sizeof(program) - 1; p++)
		*to++ = *p;
	argument[0] = program;
	for (char **arg = argv + 2; *arg && words < WORDS; arg++)
		argument[words++] = *arg;
	argument[words] = "mark";
	system_call(__NR_execve, (long)program, (long)argument, 0, 0, 0);
	print_text("init: cannot run ");
	print_text(program);
	print_text("\n");
	system_call(__NR_exit_group, FAIL << 1 | 1, 0, 0, 0, 0);
}

/* The exit status of process PID, or that of a failure. */
static int wait_for(long pid)
{
	int status = 0;

	/* Orphans of the program end here, too. */
	while (system_call(__NR_wait4, -1, (long)&status, 0, 0, 0) != pid)
		;
	if (!(status & 0x7f))
		return status >> 8 & 0xff;
	print_text("init: the program died of a signal\n");
	return FAIL << 1 | 1;
}

__attribute__((noreturn, used)) static void begin(char **stack)
{
	char **argv = stack + 1;
	long pid;

	print_text(FIRST_LINE);
	if (!argv[0] || !argv[1] || same(argv[1], "boot")) {
		print_text("fvbench: bench=boot mode=64 iters=1 cycles=0 loop=0 ok\n");
		end(OK);
	}
	mount("proc", "/proc");
	mount("sysfs", "/sys");
	mount("devtmpfs", "/dev");
	mount("tmpfs", "/dev/shm");
	allow_huge_pages();
	pid = system_call(__NR_fork, 0, 0, 0, 0, 0);
	if (!pid)
		run_program(argv);
	end((u32)wait_for(pid) >> 1);
}

asm(".globl _start\n"
    "_start:\n\t"
    "mov %rsp, %rdi\n\t"
    "call begin");
