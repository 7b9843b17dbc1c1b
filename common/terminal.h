/* SPDX-License-Identifier: MIT */
/* A machine's COM1, or its screen and keyboard, on the terminal (or pipe, or file) of the program
 * that runs it. */
#ifndef FVB_TERMINAL_H
#define FVB_TERMINAL_H

#include "common/console.h"
#include "common/display.h"
#include "common/vm.h"

struct terminal {
	struct console console;
	struct vm *vm;
	bool open;	      /* console is */
	atomic_int hvc_error; /* why output of a virtio console was dropped (hvc.c), or 0 */
	struct display display;
	u8 typed[64]; /* for the keyboard, which takes it a key at a time */
	size_t nr_typed;
};

/* For vm_config.console, with the struct terminal as its argument; only after terminal_open. */
void terminal_output(void *arg, const void *data, size_t len);

/* Join VM and this process's standard input and output: opens them, starts the thread that reads,
 * takes VM's on_kick. MODE says who has the terminal. Takes SIGINT, SIGTERM and SIGHUP for VM. T
 * must outlive VM's run. 0 or a negative errno with ERR filled. */
int terminal_open(struct terminal *t, struct vm *vm, enum display_mode mode, struct error *err);

/* Print what is left, end the thread, give the terminal back. Also after a failed open. */
void terminal_close(struct terminal *t);

#endif
