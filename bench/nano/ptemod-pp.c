/* SPDX-License-Identifier: MIT */
/* A page table entry changed from one present page to another, INVLPG, and a load there. */
#include "paging.h"

static u8 frame[2][PAGE] __page_aligned;

static void prepare(uword n)
{
	store(frame[0], 1);
	store(frame[1], 2);
	for (uword i = 0; i < n; i++) {
		window_map(i, frame[0]);
		load(window_page(i));
	}
}

static void run(uword n)
{
	LOOP (n) {
		window_pte[n - 1] = pte(frame[1]);
		invlpg(window_page(n - 1));
		sum += load(window_page(n - 1));
	}
}

static void check(uword n)
{
	expect("sum of words read", sum, n * 2);
}

const struct nano nano = {
	.name = NANO_NAME, .prepare = prepare, .run = run, .check = check, .max = WINDOW_PAGES
};
