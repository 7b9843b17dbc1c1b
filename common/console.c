/* SPDX-License-Identifier: MIT */
#include "common/console.h"

#include "common/hostflags.h"
#include "common/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_A	 0x01
#define READ_MAX 1024u
/* How often a writer that waits for a slow reader asks whether it may give up. */
#define STOPPING_POLL_MS 200
/* How often a job in the background looks whether the terminal is its own again. */
#define BACKGROUND_POLL_MS 500

static const char help[] = "\n"
			   "Ctrl-A x   quit\n"
			   "Ctrl-A b   send a break\n"
			   "Ctrl-A a   send Ctrl-A (so does Ctrl-A twice)\n"
			   "Ctrl-A h   this help\n";

/*
 * The terminal. Global because signal handlers have no other way to it; written only while no
 * handler of ours is installed.
 */
static struct {
	int fd;
	struct termios cooked, raw;
	atomic_bool active; /* a console has the terminal */
	bool at_exit;	    /* console_restore is registered */
	atomic_int screen;  /* the terminal that shows its alternate screen; -1: none */
	atomic_uint stops;  /* how often we were stopped and came back */
} tty = { .fd = -1, .screen = -1 };

static const char screen_on[] = "\033[?1049h\033[H\033[2J\033[?7l";
static const char screen_off[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

static const int fatal_signals[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGILL,	 SIGTRAP,   SIGABRT,
				     SIGBUS,  SIGFPE,  SIGUSR1, SIGSEGV, SIGUSR2,   SIGALRM,
				     SIGTERM, SIGXCPU, SIGXFSZ, SIGPROF, SIGVTALRM, SIGIO };

/* A terminal that does not control us has no foreground: tcgetpgrp fails. */
static bool in_background(int fd)
{
	pid_t foreground = tcgetpgrp(fd);

	return foreground >= 0 && foreground != getpgrp();
}

/* In the background the terminal is somebody else's, and touching it would stop the process; when
 * we come to the foreground, SIGCONT does this again. */
static void tty_set(const struct termios *settings)
{
	int saved = errno;

	if (atomic_load(&tty.active) && !in_background(tty.fd))
		tcsetattr(tty.fd, TCSANOW, settings);
	errno = saved;
}

/* Nobody can be told that it failed. */
static void screen_say(const char *sequence, size_t len)
{
	int saved = errno, fd = atomic_load(&tty.screen);

	if (fd >= 0 && write(fd, sequence, len) < 0)
		fd = -1;
	errno = saved;
}

void console_restore(void)
{
	screen_say(screen_off, sizeof(screen_off) - 1);
	tty_set(&tty.cooked);
}

/* SA_RESETHAND and SA_NODEFER have put the default action back: die of it now. */
static void on_fatal(int signo)
{
	host_flags_clean();
	console_restore();
	raise(signo);
}

static void on_tstp(int signo)
{
	int saved;

	(void)signo;
	host_flags_clean();
	saved = errno;
	console_restore();
	raise(SIGSTOP);
	errno = saved;
}

static void on_cont(int signo)
{
	(void)signo;
	host_flags_clean();
	tty_set(&tty.raw);
	screen_say(screen_on, sizeof(screen_on) - 1);
	atomic_fetch_add(&tty.stops, 1);
}

/* Handle SIGNO with FN where nobody else does. */
static void take_signal(int signo, void (*fn)(int), int flags)
{
	struct sigaction old, sa = { .sa_handler = fn, .sa_flags = flags | SA_ONSTACK };

	/* Kicks wait until this is done, so that they find what the vCPU was doing, and so does all
	 * else but what the host reports of this code itself. */
	if (!(flags & SA_RESETHAND))
		signals_of_others(&sa.sa_mask);
	if (!sigaction(signo, NULL, &old) && old.sa_handler == SIG_DFL)
		sigaction(signo, &sa, NULL);
}

static void give_signal_back(int signo, void (*fn)(int))
{
	struct sigaction now;

	if (!sigaction(signo, NULL, &now) && now.sa_handler == fn)
		signal(signo, SIG_DFL);
}

static int tty_open(int fd, struct error *err)
{
	if (atomic_load(&tty.active))
		return fail(err, -EBUSY, "only one console can use the terminal");
	if (tcgetattr(fd, &tty.cooked))
		return fail(err, -errno, "cannot read the terminal's settings: %s",
			    strerror(errno));
	tty.fd = fd;
	tty.raw = tty.cooked;
	cfmakeraw(&tty.raw);
	tty.raw.c_oflag = tty.cooked.c_oflag;
	if (!tty.at_exit && atexit(console_restore))
		return fail(err, -ENOMEM, "cannot arrange for the terminal to be restored");
	tty.at_exit = true;
	atomic_store(&tty.active, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		take_signal(fatal_signals[i], on_fatal, SA_RESETHAND | SA_NODEFER);
	take_signal(SIGTSTP, on_tstp, SA_RESTART);
	take_signal(SIGCONT, on_cont, SA_RESTART);
	tty_set(&tty.raw);
	return 0;
}

static void tty_close(void)
{
	console_restore();
	atomic_store(&tty.active, false);
	for (unsigned int i = 0; i < ARRAY_SIZE(fatal_signals); i++)
		give_signal_back(fatal_signals[i], on_fatal);
	give_signal_back(SIGTSTP, on_tstp);
	give_signal_back(SIGCONT, on_cont);
}

static size_t ring_room(struct console *c)
{
	return CONSOLE_RING - (atomic_load(&c->head) - atomic_load(&c->tail));
}

/* Reader thread: put N bytes, which fit. */
static void ring_put(struct console *c, const u8 *data, size_t n)
{
	size_t head = atomic_load(&c->head);

	for (size_t i = 0; i < n; i++)
		c->ring[(head + i) % CONSOLE_RING] = data[i];
	atomic_store(&c->head, head + n);
}

/* Reader thread: what follows Ctrl-A. True if the byte goes to the guest. */
static bool escaped(struct console *c, u8 byte)
{
	switch (byte) {
	case 'x':
		atomic_store(&c->quit, true);
		return false;
	case 'b':
		atomic_store(&c->brk, true);
		return false;
	case 'h':
	case '?':
		if (write(STDERR_FILENO, help, sizeof(help) - 1) < 0)
			return false; /* nobody to help */
		return false;
	default: /* 'a' becomes Ctrl-A; an unknown escape is dropped, as is its Ctrl-A */
		return byte == 'a' || byte == CTRL_A;
	}
}

/* Reader thread: take the escapes out of N bytes at DATA, in place; returns how many remain. */
static size_t filter(struct console *c, u8 *data, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		u8 byte = data[i];

		if (c->escape) {
			c->escape = false;
			if (escaped(c, byte))
				data[kept++] = CTRL_A;
		} else if (byte == CTRL_A) {
			c->escape = true;
		} else {
			data[kept++] = byte;
		}
	}
	return kept;
}

/* Reader thread: room in the ring. If there is none, console_read will ring `wake`. */
static size_t ask_for_room(struct console *c)
{
	size_t room = ring_room(c);

	if (room)
		return room;
	/* Announce first, look second; console_read does it the other way round. */
	atomic_store(&c->starved, true);
	return ring_room(c);
}

/* Reader thread: sleep until there is input (if WANTED), room, an end, or TIMEOUT ms passed.
 * True if there is input. */
static bool wait_for_input(struct console *c, bool wanted, int timeout)
{
	struct pollfd p[] = { { .fd = c->wake, .events = POLLIN },
			      { .fd = wanted ? c->in : -1, .events = POLLIN } };
	u64 count;

	if (poll(p, ARRAY_SIZE(p), timeout) <= 0)
		return false;
	if (p[0].revents && read(c->wake, &count, sizeof(count)) < 0)
		return false;
	return p[1].revents;
}

/* Reader thread: read() failed with ERROR. Can it work later? */
static bool is_passing(struct console *c, int error)
{
	if (error == EIO && c->tty && in_background(c->in)) {
		/* SIGTTIN is blocked here: as a background job the guest runs on without input. */
		wait_for_input(c, false, BACKGROUND_POLL_MS);
		return true;
	}
	return error == EAGAIN || error == EINTR;
}

static void *reader(void *arg)
{
	struct console *c = arg;
	u8 data[READ_MAX];

	while (!atomic_load(&c->closing)) {
		size_t room = ask_for_room(c);
		ssize_t n;

		if (!wait_for_input(c, room, -1))
			continue;
		n = read(c->in, data, room < sizeof(data) ? room : sizeof(data));
		if (n < 0 && is_passing(c, errno))
			continue;
		if (n <= 0)
			break; /* the end of the input is not the end of the guest */
		ring_put(c, data, c->tty ? filter(c, data, (size_t)n) : (size_t)n);
		if (c->notify)
			c->notify(c->notify_arg);
	}
	return NULL;
}

/*
 * A descriptor of our own for the terminal or pipe at FD, so that it can be non-blocking without
 * being so for everybody who shares FD; FD itself where that cannot be had. With a blocking one, a
 * second reader of the same input could leave us in read() until more comes.
 */
static int reopen(int fd)
{
	char path[32];
	struct stat st;
	int own;

	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || isatty(fd)))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return own < 0 ? fd : own;
}

static void wake_reader(struct console *c)
{
	const u64 one = 1;

	/* It fails only where the counter is at its limit, and then the reader is awake. */
	if (write(c->wake, &one, sizeof(one)) < 0)
		return;
}

int console_open(struct console *console, int fd_in, int fd_out, struct error *err)
{
	int ret;

	memset(console, 0, sizeof(*console));
	/* A descriptor that is closed would be handed out again by the next open. */
	console->fd_in = fcntl(fd_in, F_GETFD) < 0 ? -1 : fd_in;
	console->in = -1;
	console->out = fd_out;
	console->out_tty = isatty(fd_out);
	console->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (console->wake < 0) {
		ret = fail(err, -errno, "cannot make an event descriptor: %s", strerror(errno));
		goto out;
	}
	if (console->fd_in >= 0 && isatty(fd_in)) {
		ret = tty_open(fd_in, err);
		if (ret)
			goto out;
		console->tty = true;
	}
	if (console->fd_in >= 0)
		console->in = reopen(fd_in);
	/* A reader of our output that goes away is an error of console_write, not our death. */
	take_signal(SIGPIPE, SIG_IGN, 0);
	return 0;
out:
	console->out = -1;
	console_close(console);
	return ret;
}

int console_start(struct console *console, struct error *err)
{
	int ret;

	if (console->in < 0 || console->started)
		return 0;
	ret = thread_start(&console->thread, reader, console);
	if (ret)
		return fail(err, ret, "cannot start the console's thread: %s", strerror(-ret));
	console->started = true;
	return 0;
}

void console_screen(struct console *console, bool on)
{
	if (!console->out_tty || on == console_has_screen(console))
		return;
	console_flush(console);
	if (!on)
		screen_say(screen_off, sizeof(screen_off) - 1);
	atomic_store(&tty.screen, on ? console->out : -1);
	if (on)
		screen_say(screen_on, sizeof(screen_on) - 1);
}

bool console_has_screen(const struct console *console)
{
	return console->out_tty && atomic_load(&tty.screen) == console->out;
}

unsigned int console_stops(void)
{
	return atomic_load(&tty.stops);
}

void console_close(struct console *console)
{
	console_flush(console);
	if (console->started) {
		atomic_store(&console->closing, true);
		wake_reader(console);
		pthread_join(console->thread, NULL);
	}
	if (console->tty)
		tty_close();
	if (console->wake > 0)
		close(console->wake);
	if (console->in > 0 && console->in != console->fd_in)
		close(console->in);
	console->started = console->tty = false;
	console->wake = console->fd_in = console->in = console->out = -1;
}

size_t console_read(struct console *console, u8 *buf, size_t max, bool *quit)
{
	size_t tail = atomic_load(&console->tail);
	size_t n = atomic_load(&console->head) - tail;

	n = n < max ? n : max;
	for (size_t i = 0; i < n; i++)
		buf[i] = console->ring[(tail + i) % CONSOLE_RING];
	if (n) {
		atomic_store(&console->tail, tail + n);
		if (atomic_exchange(&console->starved, false))
			wake_reader(console);
	}
	if (atomic_load(&console->quit))
		*quit = true;
	return n;
}

bool console_break(struct console *console)
{
	return atomic_load(&console->brk) && atomic_exchange(&console->brk, false);
}

/* Wait until OUT takes data. 0, or -EINTR when the machine is to end instead. */
static int wait_writable(struct console *c)
{
	struct pollfd p = { .fd = c->out, .events = POLLOUT };

	/* POLLERR and POLLHUP count as writable: write() says what it is. */
	while (poll(&p, 1, STOPPING_POLL_MS) <= 0)
		if (c->stopping && c->stopping(c->stopping_arg))
			return -EINTR;
	return 0;
}

static int give_up(struct console *c, int error)
{
	c->out_error = error;
	c->out_len = 0;
	return error;
}

int console_flush(struct console *console)
{
	size_t done = 0;

	if (console->out < 0)
		console->out_len = 0;
	while (done < console->out_len && !console->out_error) {
		ssize_t n;
		int ret = wait_writable(console);

		if (ret)
			return give_up(console, ret);
		n = write(console->out, console->out_buf + done, console->out_len - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR && errno != EAGAIN)
			return give_up(console, -errno);
	}
	console->out_len = 0;
	return console->out_error;
}

int console_write(struct console *console, const void *data, size_t len)
{
	const u8 *p = data;
	bool newline = memchr(data, '\n', len) != NULL;

	while (len && !console->out_error) {
		size_t n = sizeof(console->out_buf) - console->out_len;

		n = n < len ? n : len;
		memcpy(console->out_buf + console->out_len, p, n);
		console->out_len += n;
		p += n;
		len -= n;
		if (console->out_len == sizeof(console->out_buf))
			console_flush(console);
	}
	return newline ? console_flush(console) : console->out_error;
}
