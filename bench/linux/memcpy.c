/* SPDX-License-Identifier: MIT */
/* The C library's memcpy and memset of 4 MiB. */
#include "process.h"

#include <string.h>

#define SIZE (4 << 20)

static u8 from[SIZE], to[SIZE];

static void prepare(uword n)
{
	(void)n;
	memset(from, 1, SIZE);
	memset(to, 2, SIZE);
}

static void run(uword n)
{
	LOOP(n)
	{
		memset(from, (int)(n & 0x7f), SIZE);
		memcpy(to, from, SIZE);
		sum += to[opaque(SIZE - 1)] == (u8)(n & 0x7f);
	}
}

static void check(uword n)
{
	expect("copies whose last byte came over", sum, n);
	expect("difference to the last", memcmp(from, to, SIZE) != 0, 0);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
