/* SPDX-License-Identifier: MIT */
/* CPUID leaf 0. */
#include "x86.h"

static struct cpuid before;

static void setup(void)
{
	before = cpuid(0, 0);
	if (before.a == 0 || before.b == 0)
		fail("CPUID leaf 0 names no vendor");
}

static void run(uword n)
{
	LOOP (n)
		sum += cpuid(0, 0).b;
}

static void check(uword n)
{
	expect("sum of EBX", sum, (u64)n * before.b);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
