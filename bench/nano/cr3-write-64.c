/* SPDX-License-Identifier: MIT */
/* MOV to CR3, then a load from each of 64 pages, whose translations it made the CPU forget. */
#include "paging.h"

#define PAGES 64

static u8 frame[PAGES][PAGE] __page_aligned;

static void prepare(uword n)
{
	(void)n;
	for (u32 i = 0; i < PAGES; i++) {
		store(frame[i], i + 1);
		window_map(i, frame[i]);
	}
}

static void run(uword n)
{
	uword root = read_cr3();

	LOOP (n) {
		write_cr3(root);
		for (uword i = 0; i < PAGES; i++)
			sum += load(window_page(i));
	}
}

static void check(uword n)
{
	expect("sum of words read", sum, n * (PAGES * (PAGES + 1) / 2));
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
