/* SPDX-License-Identifier: MIT */
/*
 * dialogue SECONDS {EXPECT SEND}... -- COMMAND [ARG...]: a person at a terminal, for tests.
 *
 * Runs COMMAND with a pseudo-terminal of 80 by 25 as its controlling one. For each pair: waits
 * until EXPECT has come out (after all that was found before), then types SEND. In SEND ^X is
 * Ctrl-X, so ^M the Enter key, ^[ Escape and ^^ a caret; an empty EXPECT waits for nothing; an
 * EXPECT "@HUP", "@TSTP"... sends COMMAND that signal instead of looking at its output. At last
 * waits for COMMAND's end.
 *
 * All that came out goes to stdout. Status: COMMAND's, 128 + N after its signal N; 124 when SECONDS
 * passed; 125 when the terminal's settings after COMMAND are not those before, with a line on
 * stderr.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h> /* login_tty */

enum { TIMED_OUT = 124, FAILED = 125 };

static struct {
	int master, slave;
	pid_t child;
	time_t end; /* of our patience, CLOCK_MONOTONIC */
	char *seen; /* output that no EXPECT has used up */
	size_t len, room;
} d;

static void __attribute__((noreturn)) fail(int status, const char *what, const char *which)
{
	fflush(stdout);
	fprintf(stderr, "dialogue: %s%s\n", what, which);
	if (d.child > 0)
		kill(d.child, SIGKILL);
	exit(status);
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Take what comes out within 50 ms. */
static void take(void)
{
	struct pollfd p = { .fd = d.master, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	if (poll(&p, 1, 50) <= 0)
		return;
	n = read(d.master, buf, sizeof(buf));
	if (n <= 0)
		return;
	fwrite(buf, 1, (size_t)n, stdout);
	if (d.len + (size_t)n > d.room) {
		d.room = 2 * (d.len + (size_t)n);
		d.seen = realloc(d.seen, d.room);
		if (!d.seen)
			fail(FAILED, "out of memory", "");
	}
	memcpy(d.seen + d.len, buf, (size_t)n);
	d.len += (size_t)n;
}

/* finish() collects it. */
static bool ended(void)
{
	siginfo_t info = { 0 };

	return !waitid(P_PID, (id_t)d.child, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid;
}

static void expect(const char *text)
{
	const size_t len = strlen(text);
	bool over;
	size_t had;
	char *at;

	while (!(at = memmem(d.seen, d.len, text, len))) {
		if (now() >= d.end)
			fail(TIMED_OUT, "never came: ", text);
		over = ended();
		had = d.len;
		take();
		if (over && d.len == had)
			fail(FAILED, "the command ended before: ", text);
	}
	at += len;
	d.len -= (size_t)(at - d.seen);
	memmove(d.seen, at, d.len);
}

static void send_keys(const char *keys)
{
	for (; *keys; keys++) {
		char c = *keys;

		if (c == '^' && keys[1])
			c = *++keys == '^' ? '^' : (char)(*keys & 0x1f);
		if (write(d.master, &c, 1) != 1)
			fail(FAILED, "cannot type", "");
	}
}

/* A SIGCONT takes a stop signal back that has not been delivered yet (signal(7)). */
static void wait_for_stop(void)
{
	siginfo_t info = { 0 };

	while (!waitid(P_PID, (id_t)d.child, &info, WSTOPPED | WNOHANG) && !info.si_pid) {
		if (now() >= d.end)
			fail(TIMED_OUT, "the command has not stopped", "");
		take();
	}
}

static void send_signal(const char *name)
{
	for (int n = 1; n < NSIG; n++)
		if (sigabbrev_np(n) && !strcmp(sigabbrev_np(n), name)) {
			kill(d.child, n);
			if (n == SIGTSTP)
				wait_for_stop();
			return;
		}
	fail(FAILED, "knows no signal ", name);
}

/* As a login has them, whatever we were started by: nohup, or a shell in the background. */
static void default_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTSTP };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_DFL);
}

static void start(char **command, struct termios *before)
{
	struct winsize size = { .ws_row = 25, .ws_col = 80 };

	if (openpty(&d.master, &d.slave, NULL, NULL, &size))
		fail(FAILED, "cannot open a pseudo-terminal: ", strerror(errno));
	if (tcgetattr(d.slave, before))
		fail(FAILED, "cannot read the terminal's settings", "");
	d.child = fork();
	if (d.child < 0)
		fail(FAILED, "cannot fork: ", strerror(errno));
	if (d.child)
		return;
	close(d.master);
	default_signals();
	if (login_tty(d.slave))
		_exit(126);
	execvp(command[0], command);
	_exit(127);
}

static int finish(const struct termios *before)
{
	struct termios after;
	int status;

	while (!waitpid(d.child, &status, WNOHANG)) {
		if (now() >= d.end)
			fail(TIMED_OUT, "the command has not ended", "");
		take();
	}
	for (size_t had = d.len + 1; had != d.len;) {
		had = d.len;
		take();
	}
	if (tcgetattr(d.slave, &after))
		fail(FAILED, "cannot read the terminal's settings", "");
	if (memcmp(&after, before, sizeof(after)))
		fail(FAILED, "the terminal's settings are not what they were", "");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct termios before;
	int i;

	for (i = 2; i < argc && strcmp(argv[i], "--"); i++)
		;
	if (i >= argc - 1 || i % 2) {
		fprintf(stderr, "usage: dialogue SECONDS {EXPECT SEND}... -- COMMAND [ARG...]\n");
		return FAILED;
	}
	d.end = now() + atol(argv[1]);
	d.seen = calloc(1, d.room = 4096);
	start(argv + i + 1, &before);
	for (i = 2; strcmp(argv[i], "--"); i += 2) {
		if (argv[i][0] == '@')
			send_signal(argv[i] + 1);
		else
			expect(argv[i]);
		send_keys(argv[i + 1]);
	}
	i = finish(&before);
	fflush(stdout);
	return i;
}
