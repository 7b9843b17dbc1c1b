/* SPDX-License-Identifier: MIT */
/* A page table entry changed from not present to present, and a load there: needs no INVLPG. */
#include "paging.h"

#define WORD 0x1234

static u8 frame[PAGE] __page_aligned;

static void prepare(uword n)
{
	(void)n;
	window_clear();
	store(frame, WORD);
}

static void run(uword n)
{
	LOOP (n) {
		window_pte[n - 1] = pte(frame);
		sum += load(window_page(n - 1));
	}
}

static void check(uword n)
{
	expect("sum of words read", sum, n * WORD);
}

const struct nano nano = {
	.name = NANO_NAME, .prepare = prepare, .run = run, .check = check, .max = WINDOW_PAGES
};
