/* SPDX-License-Identifier: MIT */
/* A store to a page whose accessed and dirty bits are clear: the CPU sets both. */
#include "paging.h"

static u8 frame[PAGE] __page_aligned;

static void prepare(uword n)
{
	for (uword i = 0; i < n; i++)
		window_map(i, frame);
}

static void run(uword n)
{
	LOOP (n)
		store(window_page(n - 1), (u32)n);
}

static void check(uword n)
{
	for (uword i = 0; i < n; i++)
		events = events + ((window_pte[i] & (PTE_A | PTE_D)) == (PTE_A | PTE_D));
	expect("entries with A and D set", events, n);
	expect("word stored last", load(frame), 1);
	window_map(0, frame);
	load(WINDOW);
	expect("A and D after a mere load", window_pte[0] & (PTE_A | PTE_D), PTE_A);
}

const struct nano nano = {
	.name = NANO_NAME, .prepare = prepare, .run = run, .check = check, .max = WINDOW_PAGES
};
