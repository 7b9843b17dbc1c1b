/* SPDX-License-Identifier: MIT */
/* RDTSC, unserialized. The time stamp must never go back. */
#include "x86.h"

static void run(uword n)
{
	u64 last = tsc(), now;
	u32 lo, hi;

	LOOP (n) {
		asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
		now = (u64)hi << 32 | lo;
		events += now < last;
		last = now;
	}
}

static void check(uword n)
{
	u64 start = tsc();

	expect("steps back", events, 0);
	for (; n; n--)
		tsc();
	if (tsc() == start)
		fail("the time stamp stands still");
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
