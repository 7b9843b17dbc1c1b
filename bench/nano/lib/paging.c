/* SPDX-License-Identifier: MIT */
#include "paging.h"

void window_map(uword i, const void *frame)
{
	window_pte[i] = pte(frame);
	invlpg(window_page(i));
}

void window_clear(void)
{
	for (uword i = 0; i < WINDOW_PAGES; i++)
		window_pte[i] = 0;
	write_cr3(read_cr3());
}

void expect_flush(void (*flush)(void), uword flags)
{
	static u8 old[PAGE] __page_aligned, new[PAGE] __page_aligned;

	store(old, 1);
	store(new, 2);
	window_map(0, old);
	window_pte[0] |= flags;
	invlpg(WINDOW);
	expect("page before the flush", load(WINDOW), 1);
	window_pte[0] = pte(new) | flags;
	flush();
	expect("page after the flush", load(WINDOW), 2);
}

#ifdef __x86_64__
extern u64 page_pointers[512], page_dirs[4][512];

static u64 root2[512] __page_aligned, pointers2[512] __page_aligned, dir2[512] __page_aligned,
	table2[512] __page_aligned;

uword space_new(const void *frame)
{
	for (int i = 0; i < 512; i++) {
		pointers2[i] = page_pointers[i];
		dir2[i] = page_dirs[1][i];
	}
	root2[0] = pte(pointers2);
	pointers2[1] = pte(dir2);
	dir2[0] = pte(table2);
	table2[0] = pte(frame);
	return (uword)root2;
}
#endif
