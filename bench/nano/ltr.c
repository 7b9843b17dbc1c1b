/* SPDX-License-Identifier: MIT */
/* LTR of the same TSS, marked free again first: the CPU marks it busy each time. */
#include "cpu.h"

#define TSS_BUSY (1ull << 41)

static void run(uword n)
{
	LOOP (n) {
		gdt[SEL_TSS / 8] &= ~TSS_BUSY;
		asm volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
	}
}

static void check(uword n)
{
	u32 selector;

	(void)n;
	asm volatile("str %0" : "=r"(selector));
	expect("task register", selector, SEL_TSS);
	expect("busy bit", gdt[SEL_TSS / 8] & TSS_BUSY, TSS_BUSY);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
