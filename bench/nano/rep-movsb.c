/* SPDX-License-Identifier: MIT */
/* REP MOVSB of 4 KiB, page to page. */
#include "nano.h"
#include "string.h"

static u8 from[PAGE] __page_aligned, to[PAGE] __page_aligned;

static void prepare(uword n)
{
	(void)n;
	for (u32 i = 0; i < PAGE; i++)
		from[i] = (u8)(i * 7 + i / 256);
	memset(to, 0, sizeof(to));
}

static void run(uword n)
{
	LOOP (n) {
		u8 *d = to, *s = from;
		uword count = PAGE;

		from[PAGE - 1] = (u8)n;
		asm volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(count) : : "memory");
		sum += to[PAGE - 1] == (u8)n;
	}
}

static void check(uword n)
{
	expect("copies whose last byte came over", sum, n);
	expect("difference after the last", memcmp(from, to, PAGE) != 0, 0);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
