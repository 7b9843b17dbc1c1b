/* SPDX-License-Identifier: MIT */
/* PUSHF and POPF at CPL 0, which turn interrupts on and off. */
#include "x86.h"

static void run(uword n)
{
	LOOP (n)
		asm volatile("pushf; popf" : : : "memory", "cc");
}

static void write_flags(uword flags)
{
	asm volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

static void check(uword n)
{
	(void)n;
	expect("IF after the loop", read_flags() & FLAGS_IF, 0);
	write_flags(read_flags() | FLAGS_IF);
	expect("IF after POPF", read_flags() & FLAGS_IF, FLAGS_IF);
	write_flags(read_flags() & ~FLAGS_IF);
	expect("IF after the second POPF", read_flags() & FLAGS_IF, 0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
