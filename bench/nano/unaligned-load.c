/* SPDX-License-Identifier: MIT */
/* An 8-byte load half in one page and half in the next, which lie apart in physical memory. */
#include "paging.h"

#define LOW_HALF  0x11223344u
#define HIGH_HALF 0x55667788u

static u8 frame[3][PAGE] __page_aligned;

static void setup(void)
{
	window_map(0, frame[2]);
	window_map(1, frame[0]);
	store(frame[2] + PAGE - 4, LOW_HALF);
	store(frame[0], HIGH_HALF);
}

static void run(uword n)
{
	u64 v;

	LOOP (n) {
		asm volatile("movq %1, %0" : "=r"(v) : "m"(*(u64 *)(WINDOW + PAGE - 4)));
		sum += v;
	}
}

static void check(uword n)
{
	expect("sum of words read", sum, n * ((u64)HIGH_HALF << 32 | LOW_HALF));
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
