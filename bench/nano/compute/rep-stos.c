/* SPDX-License-Identifier: MIT */
/* REP STOSQ of 256 KiB. */
#include "nano.h"

#define WORDS 32768

static u64 to[WORDS];

static void run(uword n)
{
	LOOP (n) {
		u64 *d = to;
		uword count = WORDS;

		asm volatile("rep stosq" : "+D"(d), "+c"(count) : "a"(n) : "memory");
		sum += to[WORDS - 1] == n && !count;
	}
}

static void check(uword n)
{
	u64 wrong = 0;

	for (u32 i = 0; i < WORDS; i++)
		wrong += to[i] != 1;
	expect("fills whose last word was written", sum, n);
	expect("wrong words after the last", wrong, 0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
