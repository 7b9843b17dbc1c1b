/* SPDX-License-Identifier: MIT */
/* SWAPGS, once. */
#include "x86.h"

#define BASE_A 0x1000u
#define BASE_B 0x2000u

static void prepare(uword n)
{
	(void)n;
	wrmsr(MSR_GS_BASE, BASE_A);
	wrmsr(MSR_KERNEL_GS_BASE, BASE_B);
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("swapgs");
}

static void check(uword n)
{
	expect("GS base", rdmsr(MSR_GS_BASE), n & 1 ? BASE_B : BASE_A);
	expect("kernel GS base", rdmsr(MSR_KERNEL_GS_BASE), n & 1 ? BASE_A : BASE_B);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
