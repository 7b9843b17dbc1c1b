/* SPDX-License-Identifier: MIT */
/* CPUID leaf 0. */
#include "x86.h"

static u64 sum;
static struct cpuid before;

static void setup(void)
{
	before = cpuid(0, 0);
	if (before.a == 0 || before.b == 0)
		fail("CPUID leaf 0 names no vendor");
}

static void prepare(uword n)
{
	(void)n;
	sum = 0;
}

static void run(uword n)
{
	LOOP(n)
	sum += cpuid(0, 0).b;
}

static void check(uword n)
{
	expect("sum of EBX", sum, (u64)n * before.b);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
