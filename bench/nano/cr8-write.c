/* SPDX-License-Identifier: MIT */
/* MOV to CR8, the task priority: 1, 0, 1, 0... with no interrupt pending. */
#include "x86.h"

static void run(uword n)
{
	LOOP (n)
		write_cr8(n & 1);
}

static void check(uword n)
{
	(void)n;
	expect("CR8", read_cr8(), 1);
	write_cr8(0);
	expect("CR8 put back", read_cr8(), 0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
