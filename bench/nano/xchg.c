/* SPDX-License-Identifier: MIT */
/* XCHG with memory that is in the cache. */
#include "nano.h"

static uword word;

static void run(uword n)
{
	uword s = 0;

	word = 0;
	LOOP (n) {
		uword v = n;

		asm volatile("xchg %0, %1" : "+r"(v), "+m"(word));
		s += v;
	}
	sum = s;
}

static void check(uword n)
{
	expect("word", word, 1);
	expect("sum of words that were there", sum, (u64)n * (n + 1) / 2 - 1);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
