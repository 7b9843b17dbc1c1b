/* SPDX-License-Identifier: MIT */
/* A guest whose operation is an exception, a handler that counts it, and IRET. */
#ifndef NANO_FAULT_H
#define NANO_FAULT_H

#include "cpu.h"

/* INSN, an asm statement, raises VECTOR, behind which the handler goes on SKIP bytes later; WHAT
 * they are called if their number is wrong. */
#define FAULT_GUEST(vector, skip, what, insn)      \
	__interrupt void on_fault(struct frame *f) \
	{                                          \
		f->ip += (skip);                   \
		events = events + 1;               \
	}                                          \
                                                   \
	static void setup(void)                    \
	{                                          \
		gate_set(vector, on_fault);        \
	}                                          \
                                                   \
	static void run(uword n)                   \
	{                                          \
		LOOP (n)                           \
			insn;                      \
	}                                          \
                                                   \
	static void check(uword n)                 \
	{                                          \
		expect(what, events, n);           \
	}                                          \
                                                   \
	const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check }

#endif
