/* SPDX-License-Identifier: MIT */
/* INVLPG of a mapped page. */
#include "paging.h"

static u8 frame[PAGE] __page_aligned;

static void flush(void)
{
	invlpg(WINDOW);
}

static void prepare(uword n)
{
	(void)n;
	window_map(0, frame);
}

static void run(uword n)
{
	LOOP (n)
		invlpg(WINDOW);
}

static void check(uword n)
{
	(void)n;
	expect_flush(flush, 0);
	expect_flush(flush, PTE_G);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
