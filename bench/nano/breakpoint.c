/* SPDX-License-Identifier: MIT */
/* INT3, to a handler that counts, and IRET to the instruction after it. */
#include "cpu.h"

#define VECTOR_BP 3

__interrupt void on_breakpoint(struct frame *f)
{
	(void)f;
	events = events + 1;
}

static void setup(void)
{
	gate_set(VECTOR_BP, on_breakpoint);
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("int3" : : : "memory");
}

static void check(uword n)
{
	expect("breakpoints", events, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
