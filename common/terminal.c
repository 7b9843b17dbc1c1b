/* SPDX-License-Identifier: MIT */
#include "common/terminal.h"

#include "common/keys.h"

#include <string.h>
#include <unistd.h>

void terminal_output(void *arg, const void *data, size_t len)
{
	struct terminal *t = arg;

	if (!display_serial(&t->display))
		return;
	console_write(&t->console, data, len);
	console_flush(&t->console);
}

static bool terminal_stopping(void *arg)
{
	const struct terminal *t = arg;
	struct vm *vm = t->vm;

	/* The vCPU thread is what asks, so the time-out and the quit key wait behind this write. */
	return atomic_load(&vm->stop_signal) || atomic_load(&t->console.quit) ||
	       vm->stop.kind == STOP_TIMEOUT || clock_now(&vm->clock) >= vm->timeout.deadline;
}

static void terminal_notify(void *arg)
{
	struct terminal *t = arg;

	vm_kick(t->vm);
}

/* Hand on what was typed to the keyboard, as far as its queue has room. */
static void press_keys(struct terminal *t, bool *quit)
{
	struct i8042 *keyboard = &t->vm->pc.i8042;

	for (;;) {
		u8 codes[KEYS_MAX];
		size_t nr, used;

		t->nr_typed += console_read(&t->console, t->typed + t->nr_typed,
					    sizeof(t->typed) - t->nr_typed, quit);
		if (!t->nr_typed || i8042_room(keyboard) < KEYS_MAX)
			return;
		used = keys_next(t->typed, t->nr_typed, codes, &nr);
		i8042_key(keyboard, codes, nr);
		t->nr_typed -= used;
		memmove(t->typed, t->typed + used, t->nr_typed);
	}
}

static void receive(struct terminal *t, bool *quit)
{
	struct uart *uart = &t->vm->pc.com1;
	u8 buf[64];
	/* A virtio console takes what is typed by itself. */
	size_t n = t->vm->config.hvc ? 0 : uart_room(uart);

	n = console_read(&t->console, buf, n < sizeof(buf) ? n : sizeof(buf), quit);
	uart_receive(uart, buf, n);
	if (console_break(&t->console) && !t->vm->config.hvc)
		uart_break(uart);
}

/* On the vCPU thread after each kick, and whenever the guest has read: hand on what was typed. */
static void terminal_input(void *arg)
{
	struct terminal *t = arg;
	bool quit = false;

	if (display_takes_keys(&t->display))
		press_keys(t, &quit);
	else
		receive(t, &quit);
	if (quit)
		vm_stop(t->vm, STOP_QUIT, 0);
}

int terminal_open(struct terminal *t, struct vm *vm, enum display_mode mode, struct error *err)
{
	int r;

	t->vm = vm;
	vm->on_kick = terminal_input;
	vm->on_kick_arg = t;
	vm_catch_signals(vm);
	r = console_open(&t->console, STDIN_FILENO, STDOUT_FILENO, err);
	if (r)
		return r;
	t->open = true;
	t->console.notify = terminal_notify;
	t->console.notify_arg = t;
	t->console.stopping = terminal_stopping;
	t->console.stopping_arg = t;
	display_open(&t->display, mode, &t->console, vm);
	return console_start(&t->console, err);
}

void terminal_close(struct terminal *t)
{
	if (t->open) {
		display_close(&t->display);
		console_close(&t->console);
	}
	if (!t->console.out_error)
		t->console.out_error = atomic_load(&t->hvc_error);
	t->open = false;
}
