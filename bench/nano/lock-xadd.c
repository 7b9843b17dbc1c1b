/* SPDX-License-Identifier: MIT */
/* LOCK XADD to memory that is in the cache. */
#include "nano.h"

static void run(uword n)
{
	LOOP (n) {
		u64 one = 1;

		asm volatile("lock xaddq %0, %1" : "+r"(one), "+m"(sum) : : "cc");
	}
}

static void check(uword n)
{
	expect("sum", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
