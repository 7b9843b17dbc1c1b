/* SPDX-License-Identifier: MIT */
/* A division by zero, to a handler that steps over it, and IRET. */
#include "cpu.h"

#define VECTOR_DE 0

__interrupt void on_divide_error(struct frame *f)
{
	f->ip += 2; /* div %ecx */
	events = events + 1;
}

static void setup(void)
{
	gate_set(VECTOR_DE, on_divide_error);
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0) : "cc", "memory");
}

static void check(uword n)
{
	expect("divide errors", events, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
