/* SPDX-License-Identifier: MIT */
/* What a confined process can still do, and how it ends when it tries something else: each case in
 * a child of its own. */
#include "common/sandbox.h"
#include "common/types.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define SURVIVED 77

static const struct sandbox_rule extra[] = {
	{ __NR_ioctl, 1, 0xff00, 0xae00 },
	{ .syscall = __NR_pread64 },
	SANDBOX_END,
};

/* Run ATTEMPT confined; its exit status, or 128 + signal. What it wrote to stderr goes to TEXT. */
static int attempt_in_child(void (*attempt)(void), char *text, size_t size)
{
	int p[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(p))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(p[1], STDERR_FILENO);
		if (sandbox_enter(extra, NULL))
			_exit(1);
		attempt();
		_exit(SURVIVED);
	}
	close(p[1]);
	while (len < size - 1 && (n = read(p[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(p[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void try_open(void)
{
	open("/etc/passwd", O_RDONLY);
}
static void try_socket(void)
{
	socket(AF_UNIX, SOCK_STREAM, 0);
}
static void try_execve(void)
{
	execl("/bin/true", "true", (char *)NULL);
}
static void try_fork(void)
{
	syscall(__NR_clone, SIGCHLD, 0, 0, 0, 0);
}
static void try_ptrace(void)
{
	syscall(__NR_ptrace, 0, 0, 0, 0);
}
static void try_peek(void)
{
	syscall(__NR_process_vm_readv, getpid(), 0, 0, 0, 0, 0);
}
static void try_executable_memory(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static void try_make_executable(void)
{
	mprotect((void *)((uintptr_t)try_open & ~4095ul), 4096, PROT_READ | PROT_EXEC);
}
static void try_type_for_the_user(void)
{
	ioctl(STDIN_FILENO, TIOCSTI, "x");
}
static void try_other_requests(void)
{
	/* Differs from a permitted one only where the kernel does look. */
	ioctl(-1, 0xae80u ^ 0x100u, 0);
}
static void try_signal_to_another(void)
{
	syscall(__NR_tgkill, 1, 1, 0);
}
static void try_signal(void)
{
	kill(getpid(), 0);
}
static void try_stat_by_name(void)
{
	struct stat *st = NULL;

	syscall(__NR_newfstatat, AT_FDCWD, "/etc/passwd", st, 0);
}
static void try_int80(void)
{
	long r;

	/* 20 is getpid there. Without IA-32 emulation the instruction is a #GP. */
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory");
}
static void try_x32(void)
{
	syscall(0x40000000 + __NR_getpid);
}
static void try_unknown(void)
{
	syscall(100000);
}

static void *from_thread(void *go)
{
	char c;

	if (read(*(int *)go, &c, 1) == 1)
		try_open();
	return NULL;
}

static void test_forbidden(void)
{
	static const struct {
		void (*attempt)(void);
		const char *says;
	} cases[] = {
		{ try_open, "257 (openat)" },
		{ try_socket, "41 (socket)" },
		{ try_execve, "59 (execve)" },
		{ try_fork, "56 (clone)" },
		{ try_ptrace, "101 (ptrace)" },
		{ try_peek, "310 (process_vm_readv)" },
		{ try_executable_memory, "9 (mmap)" },
		{ try_make_executable, "10 (mprotect)" },
		{ try_type_for_the_user, "16 (ioctl)" },
		{ try_other_requests, "16 (ioctl)" },
		{ try_signal_to_another, "234 (tgkill)" },
		{ try_signal, "62 (kill)" },
		{ try_stat_by_name, "262 (newfstatat)" },
		{ try_x32, "1073741863" },
		{ try_unknown, "100000" },
	};
	char text[400], want[100];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(want, sizeof(want), "fvm: sandbox: system call %s is not allowed\n",
			 cases[i].says);
		CU_ASSERT_EQUAL(attempt_in_child(cases[i].attempt, text, sizeof(text)),
				SANDBOX_STATUS);
		CU_ASSERT_STRING_EQUAL(text, want);
	}
}

static void test_other_abi(void)
{
	char text[400];
	int status = attempt_in_child(try_int80, text, sizeof(text));

	if (status == 128 + SIGSEGV)
		return; /* this host has no IA-32 emulation */
	CU_ASSERT_EQUAL(status, SANDBOX_STATUS);
	CU_ASSERT_STRING_EQUAL(text, "fvm: sandbox: 32-bit system call 20 is not allowed\n");
}

/* The terminal's requests, memory, time, signals to oneself, what the extra rules allow. */
static void try_permitted(void)
{
	struct termios t;
	struct timespec ts;
	void *p = malloc(1 << 20);
	char c;

	if (!p || raise(0) || clock_gettime(CLOCK_MONOTONIC, &ts))
		_exit(2);
	memset(p, 1, 1 << 20);
	free(p);
	tcgetattr(-1, &t);
	tcsetattr(-1, TCSANOW, &t);
	tcgetpgrp(-1);
	if (ioctl(-1, 0xae80, 0) != -1 || errno != EBADF || pread(-1, &c, 1, 0) != -1)
		_exit(3);
}

static void test_permitted(void)
{
	char text[400];

	CU_ASSERT_EQUAL(attempt_in_child(try_permitted, text, sizeof(text)), SURVIVED);
	CU_ASSERT_STRING_EQUAL(text, "");
}

/* A thread from before is confined, too. */
static void confined_thread(void)
{
	static int go[2];
	pthread_t thread;

	if (pipe(go) || pthread_create(&thread, NULL, from_thread, &go[0]) ||
	    sandbox_enter(NULL, NULL) || write(go[1], "x", 1) != 1)
		_exit(1);
	pthread_join(thread, NULL);
	_exit(SURVIVED);
}

static void test_threads(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		confined_thread();
	}
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	CU_ASSERT(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), SANDBOX_STATUS);
}

/* A SIGSYS that somebody sends is no system call of ours. */
static void get_signal(void)
{
	raise(SIGSYS);
}

static void test_sent_signal(void)
{
	char text[400];

	CU_ASSERT_EQUAL(attempt_in_child(get_signal, text, sizeof(text)), SURVIVED);
	CU_ASSERT_STRING_EQUAL(text, "");
}

CU_TestInfo tests_sandbox[] = {
	{ "what is forbidden ends the process with a line", test_forbidden },
	{ "other ways to call the kernel", test_other_abi },
	{ "what a machine needs", test_permitted },
	{ "threads from before", test_threads },
	{ "a signal that was sent", test_sent_signal },
	CU_TEST_INFO_NULL,
};
