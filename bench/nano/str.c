/* SPDX-License-Identifier: MIT */
/* STR to a register. */
#include "cpu.h"

static void run(uword n)
{
	u32 v;

	LOOP (n) {
		asm volatile("str %0" : "=r"(v));
		sum += v;
	}
}

static void check(uword n)
{
	expect("sum of selectors", sum, n * SEL_TSS);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
