/* SPDX-License-Identifier: MIT */
/* SLDT to a register. */
#include "cpu.h"

static u64 ldt[1];

static void setup(void)
{
	segment_set(SEL_SPARE, ldt, sizeof(ldt) - 1, 2);
	asm volatile("lldt %w0" : : "r"(SEL_SPARE));
}

static void run(uword n)
{
	u32 v;

	LOOP (n) {
		asm volatile("sldt %0" : "=r"(v));
		sum += v;
	}
}

static void check(uword n)
{
	expect("sum of selectors", sum, n * SEL_SPARE);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
