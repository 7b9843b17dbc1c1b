/* SPDX-License-Identifier: MIT */
/* A near call of a function that counts in a register, and its return. */
#include "nano.h"

asm("count_one:\n"
    "	inc %eax\n"
    "	ret\n");

static u32 calls;

static void run(uword n)
{
	u32 count = 0;

	LOOP (n)
		asm volatile("call count_one" : "+a"(count));
	calls = count;
}

static void check(uword n)
{
	expect("calls", calls, n);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
