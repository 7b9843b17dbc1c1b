/* SPDX-License-Identifier: MIT */
#include "backends/swbt/hostfault.h"
#include "common/console.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_MS 5000

static struct console con; /* 20 KiB: not on the stack */

struct pty {
	int master, slave;
};

static void pty_open(struct pty *p)
{
	CU_ASSERT_EQUAL_FATAL(openpty(&p->master, &p->slave, NULL, NULL, NULL), 0);
}

static void pty_close(struct pty *p)
{
	close(p->master);
	close(p->slave);
}

/* The local modes that raw mode turns off and that are on in a fresh terminal. */
static bool is_raw(int fd)
{
	struct termios t;

	CU_ASSERT_EQUAL(tcgetattr(fd, &t), 0);
	return !(t.c_lflag & (ECHO | ICANON | ISIG | IEXTEN)) && !(t.c_iflag & (ICRNL | IXON));
}

static bool is_cooked(int fd)
{
	struct termios t;

	CU_ASSERT_EQUAL(tcgetattr(fd, &t), 0);
	return (t.c_lflag & (ECHO | ICANON | ISIG)) == (ECHO | ICANON | ISIG);
}

static void nap(void)
{
	usleep(1000);
}

/* Read until LEN bytes came, or quit, or it takes too long. */
static size_t collect(u8 *buf, size_t len, bool *quit)
{
	size_t n = 0;

	for (int i = 0; i < WAIT_MS && n < len && !*quit; i++) {
		size_t got = console_read(&con, buf + n, len - n, quit);

		n += got;
		if (!got)
			nap();
	}
	return n;
}

static void post(void *arg)
{
	sem_post(arg);
}

static bool wait_for(sem_t *sem)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_MS / 1000;
	return !sem_timedwait(sem, &until);
}

struct producer {
	int fd;
	size_t total;
	atomic_size_t written;
};

static u8 pattern(size_t i)
{
	return (u8)(i * 7 + i / 251);
}

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (size_t i = 0; i < p->total;) {
		u8 block[100];

		for (size_t k = 0; k < sizeof(block); k++)
			block[k] = pattern(i + k);
		if (write(p->fd, block, sizeof(block)) != sizeof(block))
			break;
		i += sizeof(block);
		atomic_store(&p->written, i);
	}
	close(p->fd);
	return NULL;
}

/* More than pipe and ring hold, every byte value, Ctrl-A x among them. */
static void test_pipe(void)
{
	struct producer p = { .total = 300000 };
	pthread_t thread;
	int fd[2];
	size_t i = 0, before;
	bool quit = false, right = true;
	u8 buf[1000];

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	p.fd = fd[1];
	CU_ASSERT_EQUAL_FATAL(console_open(&con, fd[0], -1, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(console_start(&con, NULL), 0);
	pthread_create(&thread, NULL, produce, &p);
	/* Nobody reads: it must come to a halt, and well before the end. */
	do {
		before = atomic_load(&p.written);
		for (int ms = 0; ms < 100; ms++)
			nap();
	} while (atomic_load(&p.written) != before || !before);
	CU_ASSERT_TRUE(before < p.total);
	for (int ms = 0; i < p.total && ms < WAIT_MS;) {
		size_t n = console_read(&con, buf, sizeof(buf), &quit);

		for (size_t k = 0; k < n; k++)
			right &= buf[k] == pattern(i++);
		if (!n) {
			ms++;
			nap();
		}
	}
	CU_ASSERT_EQUAL(i, p.total);
	CU_ASSERT_TRUE(right);
	/* The end of the file is silence, not a request to quit. */
	CU_ASSERT_EQUAL(console_read(&con, buf, sizeof(buf), &quit), 0);
	CU_ASSERT_FALSE(quit);
	console_close(&con);
	close(fd[0]);
	pthread_join(thread, NULL);
}

static void test_escapes(void)
{
	static const char in[] = "a\1\1b\1ac\3\r\1b\1zd";
	static const char want[] = "a\1b\1c\3\rd";
	struct pty p;
	u8 buf[64];
	bool quit = false;
	size_t n;
	sem_t notified;

	pty_open(&p);
	sem_init(&notified, 0, 0);
	CU_ASSERT_EQUAL_FATAL(console_open(&con, p.slave, -1, NULL), 0);
	con.notify = post;
	con.notify_arg = &notified;
	CU_ASSERT_EQUAL_FATAL(console_start(&con, NULL), 0);
	CU_ASSERT_FALSE(console_break(&con));
	CU_ASSERT_EQUAL(write(p.master, in, sizeof(in) - 1), sizeof(in) - 1);
	CU_ASSERT_TRUE(wait_for(&notified));
	n = collect(buf, sizeof(want) - 1, &quit);
	CU_ASSERT_EQUAL(n, sizeof(want) - 1);
	CU_ASSERT_EQUAL(memcmp(buf, want, sizeof(want) - 1), 0);
	CU_ASSERT_TRUE(console_break(&con));
	CU_ASSERT_FALSE(console_break(&con));
	CU_ASSERT_FALSE(quit);
	/* Quit arrives without any byte for the guest, and cut in two. */
	while (!sem_trywait(&notified))
		;
	CU_ASSERT_EQUAL(write(p.master, "\1", 1), 1);
	CU_ASSERT_TRUE(wait_for(&notified));
	CU_ASSERT_EQUAL(write(p.master, "x", 1), 1);
	CU_ASSERT_TRUE(wait_for(&notified));
	n = collect(buf, 1, &quit);
	CU_ASSERT_EQUAL(n, 0);
	CU_ASSERT_TRUE(quit);
	console_close(&con);
	sem_destroy(&notified);
	pty_close(&p);
}

static void test_modes(void)
{
	static struct console second;
	struct termios t;
	struct pty p;
	struct error err = { "" };

	pty_open(&p);
	CU_ASSERT_TRUE(is_cooked(p.slave));
	CU_ASSERT_EQUAL(console_open(&con, p.slave, -1, NULL), 0);
	CU_ASSERT_TRUE(is_raw(p.slave));
	tcgetattr(p.slave, &t);
	CU_ASSERT_TRUE(t.c_oflag & OPOST);
	CU_ASSERT_EQUAL(console_open(&second, p.slave, -1, &err), -EBUSY);
	CU_ASSERT_NOT_EQUAL(err.text[0], 0);
	CU_ASSERT_TRUE(is_raw(p.slave));
	console_close(&con);
	CU_ASSERT_TRUE(is_cooked(p.slave));
	console_close(&con);
	console_restore();
	/* It can be opened again. */
	CU_ASSERT_EQUAL(console_open(&con, p.slave, -1, NULL), 0);
	CU_ASSERT_TRUE(is_raw(p.slave));
	console_close(&con);
	pty_close(&p);
}

/* A child opens the console on P, says so, and ends by SIGNO, or by exit(7) for 0. FAULTS: faults
 * of the host are caught, as where a guest runs. */
static int die_of(struct pty *p, int signo, bool faults)
{
	void *stack;

	int ready[2], status = -1;
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		/* Sanitizers have handlers of their own, which console_open would respect. */
		if (signo)
			signal(signo, SIG_DFL);
		if (faults && hostfault_init(&stack))
			_exit(99);
		if (console_open(&con, p->slave, -1, NULL) || console_start(&con, NULL) ||
		    write(ready[1], "r", 1) != 1)
			_exit(99);
		while (signo)
			pause();
		nap();
		exit(7);
	}
	CU_ASSERT_EQUAL(read(ready[0], &byte, 1), 1);
	if (signo) {
		CU_ASSERT_TRUE(is_raw(p->slave));
		kill(pid, signo);
	}
	waitpid(pid, &status, 0);
	close(ready[0]);
	close(ready[1]);
	return status;
}

static void test_death(void)
{
	static const int signals[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGILL,  SIGABRT,
				       SIGTRAP, SIGBUS,	 SIGFPE,  SIGSEGV, SIGTERM,
				       SIGUSR1, SIGUSR2, SIGALRM, SIGXFSZ, SIGIO };
	struct pty p;
	int status;

	pty_open(&p);
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++) {
		for (int faults = 0; faults < 2; faults++) {
			status = die_of(&p, signals[i], faults);
			CU_ASSERT_TRUE(WIFSIGNALED(status));
			CU_ASSERT_EQUAL(WTERMSIG(status), signals[i]);
			CU_ASSERT_TRUE(is_cooked(p.slave));
		}
	}
	status = die_of(&p, 0, false);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 7);
	CU_ASSERT_TRUE(is_cooked(p.slave));
	pty_close(&p);
}

/* Stop and continue a child whose controlling terminal is the pty, as a shell's job is. */
static void test_suspend(void)
{
	int master, status, tries;
	char byte = 0;
	pid_t pid;

	fflush(NULL);
	pid = forkpty(&master, NULL, NULL, NULL);
	if (!pid) {
		if (console_open(&con, STDIN_FILENO, -1, NULL) || write(1, "r", 1) != 1)
			_exit(99);
		for (;;)
			pause();
	}
	CU_ASSERT_EQUAL(read(master, &byte, 1), 1);
	CU_ASSERT_EQUAL(byte, 'r');
	CU_ASSERT_TRUE(is_raw(master));
	kill(pid, SIGTSTP);
	CU_ASSERT_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
	CU_ASSERT_TRUE(WIFSTOPPED(status));
	CU_ASSERT_TRUE(is_cooked(master));
	kill(pid, SIGCONT);
	for (tries = 0; tries < WAIT_MS && !is_raw(master); tries++)
		nap();
	CU_ASSERT_TRUE(is_raw(master));
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	CU_ASSERT_TRUE(is_cooked(master));
	close(master);
}

static size_t available(int fd)
{
	static u8 buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	return n < 0 ? 0 : (size_t)n;
}

static void test_output(void)
{
	u8 big[CONSOLE_OUT + 100];
	int fd[2];

	memset(big, 'x', sizeof(big));
	CU_ASSERT_EQUAL_FATAL(pipe2(fd, O_NONBLOCK), 0);
	CU_ASSERT_EQUAL_FATAL(console_open(&con, -1, fd[1], NULL), 0);
	CU_ASSERT_EQUAL_FATAL(console_start(&con, NULL), 0);
	CU_ASSERT_EQUAL(console_write(&con, "no newline", 10), 0);
	CU_ASSERT_EQUAL(available(fd[0]), 0);
	CU_ASSERT_EQUAL(console_flush(&con), 0);
	CU_ASSERT_EQUAL(available(fd[0]), 10);
	CU_ASSERT_EQUAL(console_write(&con, "line\nrest", 9), 0);
	CU_ASSERT_EQUAL(available(fd[0]), 9);
	CU_ASSERT_EQUAL(console_write(&con, big, sizeof(big)), 0);
	CU_ASSERT_EQUAL(available(fd[0]), CONSOLE_OUT);
	console_close(&con);
	CU_ASSERT_EQUAL(available(fd[0]), 100);
	close(fd[0]);
	close(fd[1]);
}

#define SLOW_TOTAL 300000

static u8 no_newline(size_t i)
{
	return pattern(i) | 0x80;
}

/* Takes SLOW_TOTAL bytes; returns ARG if they were not what was sent. */
static void *slow_reader(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };
	static u8 buf[3000];
	size_t at = 0;
	bool right = true;

	while (at < SLOW_TOTAL && poll(&p, 1, WAIT_MS) > 0) {
		ssize_t n = read(p.fd, buf, sizeof(buf));

		for (ssize_t i = 0; i < n; i++)
			right &= buf[i] == no_newline(at++);
		usleep(1000);
	}
	return right && at == SLOW_TOTAL ? NULL : arg;
}

/* A non-blocking terminal, which is full most of the time and takes writes in part. */
static void test_slow_output(void)
{
	struct termios t;
	pthread_t thread;
	struct pty p;
	void *wrong;

	pty_open(&p);
	tcgetattr(p.slave, &t);
	cfmakeraw(&t);
	tcsetattr(p.slave, TCSANOW, &t);
	fcntl(p.slave, F_SETFL, O_NONBLOCK);
	CU_ASSERT_EQUAL_FATAL(console_open(&con, -1, p.slave, NULL), 0);
	pthread_create(&thread, NULL, slow_reader, &p.master);
	for (size_t i = 0; i < SLOW_TOTAL; i++) {
		u8 byte = no_newline(i);

		if (console_write(&con, &byte, 1))
			break;
	}
	console_close(&con);
	pthread_join(thread, &wrong);
	CU_ASSERT_PTR_NULL(wrong);
	pty_close(&p);
}

static void test_broken_pipe(void)
{
	int fd[2];

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	CU_ASSERT_EQUAL_FATAL(console_open(&con, -1, fd[1], NULL), 0);
	close(fd[0]);
	CU_ASSERT_EQUAL(console_write(&con, "x\n", 2), -EPIPE);
	CU_ASSERT_EQUAL(console_write(&con, "y", 1), -EPIPE);
	CU_ASSERT_EQUAL(con.out_len, 0);
	console_close(&con);
	close(fd[1]);
}

static bool yes(void *arg)
{
	(*(int *)arg)++;
	return true;
}

static void test_stuck_output(void)
{
	int fd[2], asked = 0;
	u8 line[CONSOLE_OUT] = { 0 };

	CU_ASSERT_EQUAL_FATAL(pipe(fd), 0);
	fcntl(fd[1], F_SETPIPE_SZ, 4096);
	CU_ASSERT_EQUAL_FATAL(console_open(&con, -1, fd[1], NULL), 0);
	con.stopping = yes;
	con.stopping_arg = &asked;
	CU_ASSERT_EQUAL(console_write(&con, line, sizeof(line)), 0);
	CU_ASSERT_EQUAL(asked, 0);
	CU_ASSERT_EQUAL(console_write(&con, line, sizeof(line)), -EINTR);
	CU_ASSERT_EQUAL(asked, 1);
	console_close(&con);
	close(fd[0]);
	close(fd[1]);
}

static void test_no_descriptors(void)
{
	bool quit = false;
	u8 byte;

	memset(&con, 0, sizeof(con));
	console_close(&con);
	CU_ASSERT_EQUAL_FATAL(console_open(&con, -1, -1, NULL), 0);
	CU_ASSERT_EQUAL(console_start(&con, NULL), 0);
	CU_ASSERT_EQUAL(console_read(&con, &byte, 1, &quit), 0);
	CU_ASSERT_EQUAL(console_write(&con, "x\n", 2), 0);
	CU_ASSERT_FALSE(quit);
	console_close(&con);
	/* A descriptor that is not open is no input either. */
	CU_ASSERT_EQUAL_FATAL(console_open(&con, 1000, -1, NULL), 0);
	CU_ASSERT_EQUAL(con.in, -1);
	console_close(&con);
}

CU_TestInfo tests_console[] = {
	{ "a pipe passes byte by byte, and is held back", test_pipe },
	{ "escapes on a terminal", test_escapes },
	{ "raw mode and back", test_modes },
	{ "the terminal survives our death", test_death },
	{ "suspend and continue", test_suspend },
	{ "output is buffered by line", test_output },
	{ "a slow reader loses nothing", test_slow_output },
	{ "a reader that is gone is an error", test_broken_pipe },
	{ "a stuck reader does not keep us", test_stuck_output },
	{ "no descriptors", test_no_descriptors },
	CU_TEST_INFO_NULL,
};
