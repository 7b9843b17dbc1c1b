/* SPDX-License-Identifier: MIT */
/* UD2, to a handler that steps over it, and IRET. */
#include "cpu.h"

#define VECTOR_UD 6

__interrupt void on_undefined(struct frame *f)
{
	f->ip += 2;
	events = events + 1;
}

static void setup(void)
{
	gate_set(VECTOR_UD, on_undefined);
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("ud2" : : : "memory");
}

static void check(uword n)
{
	expect("undefined opcodes", events, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
