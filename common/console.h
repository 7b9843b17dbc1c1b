/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal: input to a guest's serial line and its output.
 *
 * Input: a thread reads FD_IN into a ring; the vCPU thread takes it out with console_read. When the
 * ring is full the thread stops reading, so a pipe is held back and nothing is lost. If FD_IN is a
 * terminal it is put into raw mode (Ctrl-C goes to the guest) and Ctrl-A is an escape:
 *
 *   Ctrl-A x   quit            Ctrl-A a, Ctrl-A Ctrl-A   send Ctrl-A
 *   Ctrl-A b   send a break    Ctrl-A h                  help
 *
 * Anything else passes through byte by byte. At end of file the guest just gets no more input.
 *
 * Output: buffered, written at each newline, at CONSOLE_OUT bytes and by console_flush. Newline
 * translation of the terminal stays on, so that our own messages print straight.
 */
#ifndef FVB_CONSOLE_H
#define FVB_CONSOLE_H

#include "common/error.h"
#include "common/types.h"

#include <pthread.h>
#include <stdatomic.h>

#define CONSOLE_RING 16384 /* a power of two */
#define CONSOLE_OUT  4096

struct console {
	int fd_in; /* the caller's; -1: none */
	int in;	   /* what is read: FD_IN, or our own descriptor for the same file */
	int out;
	bool tty;     /* FD_IN was put into raw mode */
	bool started; /* thread is valid */
	pthread_t thread;
	int wake; /* eventfd: there is room in the ring again, or the end has come */
	/* Called on the reader thread after input, break or quit came. May be set before
	 * console_start only. */
	void (*notify)(void *arg);
	void *notify_arg;
	/* Optional: asked on the vCPU thread while output cannot be written; true gives the
	 * output up, so that a machine whose reader is stuck can still be ended. */
	bool (*stopping)(void *arg);
	void *stopping_arg;

	bool escape; /* reader thread: the last byte was Ctrl-A */
	atomic_bool quit, brk, closing;
	atomic_bool starved;	  /* reader thread waits for room */
	atomic_size_t head, tail; /* bytes ever put and taken */
	u8 ring[CONSOLE_RING];

	bool out_tty;  /* OUT is a terminal */
	int out_error; /* negative errno after which output is dropped, or 0 */
	size_t out_len;
	u8 out_buf[CONSOLE_OUT];
};

/*
 * Take FD_IN (-1: no input) and FD_OUT (-1: output is dropped); neither is closed later. Puts a
 * terminal into raw mode, has it restored at exit() and on fatal signals whose action is still the
 * default, and around SIGTSTP/SIGCONT; ignores SIGPIPE. One console with a terminal per process
 * (-EBUSY). 0, or negative errno with ERR filled and the terminal untouched.
 */
int console_open(struct console *console, int fd_in, int fd_out, struct error *err);
/* Start reading. Set `notify` before. 0, or negative errno with ERR filled. */
int console_start(struct console *console, struct error *err);
/* Flush, end the thread, restore the terminal and signals. Harmless on one never opened. */
void console_close(struct console *console);

/* Give the terminal its settings back. Async-signal-safe, any thread, harmless twice or without a
 * console: for handlers of fatal signals. */
void console_restore(void);

/* OUT, where it is a terminal, shows its alternate screen for pictures (ON), or what it had before.
 * console_restore takes it back, too; when a stopped process continues it is ON again, and empty:
 * then console_stops counts one more. vCPU thread only. */
void console_screen(struct console *console, bool on);
/* Is the alternate screen on? */
bool console_has_screen(const struct console *console);
unsigned int console_stops(void);

/* Take up to MAX bytes of input; *QUIT becomes true once the user asked to quit (and is otherwise
 * left alone). vCPU thread only. */
size_t console_read(struct console *console, u8 *buf, size_t max, bool *quit);
/* Has the user asked for a break since the last call? vCPU thread only. */
bool console_break(struct console *console);

/* Print LEN bytes. 0, or the negative errno (-EPIPE: nobody reads any more) after which all output
 * is dropped. Waits while the reader is slow. vCPU thread only. */
int console_write(struct console *console, const void *data, size_t len);
/* Write out what is buffered: when the guest idles, and at the end. As console_write. */
int console_flush(struct console *console);

#endif
