/* SPDX-License-Identifier: MIT */
/* MOV to CR3 of the value it has: every translation that is not global is forgotten. */
#include "paging.h"

static void flush(void)
{
	write_cr3(read_cr3());
}

static void run(uword n)
{
	uword root = read_cr3();

	LOOP (n)
		write_cr3(root);
	events = root;
}

static void check(uword n)
{
	(void)n;
	expect("CR3", read_cr3(), events);
	expect_flush(flush, 0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
