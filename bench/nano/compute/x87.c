/* SPDX-License-Identifier: MIT */
/* The x87 stack: 256 square roots by Newton's method, in extended precision. */
#include "nano.h"

#define COUNT 256

static long double root[COUNT];

/* What a process begins with; a processor begins with other precision. */
static void setup(void)
{
	asm volatile("fninit");
}

static long double newton(long double v)
{
	long double x = v;

	for (int i = 0; i < 12; i++)
		x = (x + v / x) / 2;
	return x;
}

static void run(uword n)
{
	LOOP (n) {
		for (u32 i = 0; i < COUNT; i++)
			root[i] = newton((long double)(i + 1));
		sum += (u64)root[15] + (u64)root[99];
	}
}

static void check(uword n)
{
	u64 wrong = 0;

	for (u32 i = 0; i < COUNT; i++) {
		long double error = root[i] * root[i] - (long double)(i + 1);

		/* 64 bits of precision; doubles would be off by 2^-45. */
		wrong += error > 0x1p-52L || error < -0x1p-52L;
	}
	expect("wrong roots", wrong, 0);
	expect("sum of roots of 16 and 100", sum, 14 * (u64)n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
