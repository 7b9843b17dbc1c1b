/* SPDX-License-Identifier: MIT */
/* REP MOVSQ of 256 KiB. */
#include "nano.h"

#define WORDS 32768

static u64 from[WORDS], to[WORDS];

static void prepare(uword n)
{
	(void)n;
	for (u32 i = 0; i < WORDS; i++) {
		from[i] = i;
		to[i] = 0;
	}
}

static void run(uword n)
{
	LOOP (n) {
		u64 *d = to, *s = from;
		uword count = WORDS;

		from[WORDS - 1] = n;
		asm volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(count) : : "memory");
		sum += to[WORDS - 1] == n && !count;
	}
}

static void check(uword n)
{
	u64 wrong = 0;

	for (u32 i = 0; i < WORDS; i++)
		wrong += to[i] != from[i];
	expect("copies whose last word came over", sum, n);
	expect("wrong words after the last", wrong, 0);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
