/* SPDX-License-Identifier: MIT */
/* Calls and returns: the 16th Fibonacci number by recursion, 3193 calls. */
#include "nano.h"

#define ARGUMENT 16
#define RESULT	 987

/* Of two functions, both opaque: a compiler would inline a dozen levels of one. */
__attribute__((noinline)) static u32 fib(u32 n)
{
	u32 r = n;

	if (n >= 2) {
		r = fib((u32)opaque(n - 1));
		r += fib((u32)opaque(n - 2));
	}
	return (u32)opaque(r);
}

static void run(uword n)
{
	LOOP (n)
		sum += fib((u32)opaque(ARGUMENT));
}

static void check(uword n)
{
	expect("sum of Fibonacci numbers", sum, (u64)n * RESULT);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
