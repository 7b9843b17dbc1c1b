/* SPDX-License-Identifier: MIT */
/* MOV to CR4 that flips PGE: every translation is forgotten, global ones too. */
#include "paging.h"

static uword others;

static void setup(void)
{
	if (!(cpuid(1, 0).d & 1u << 13))
		skip("no global pages");
	others = read_cr4() & ~CR4_PGE;
}

static void flip_twice(void)
{
	write_cr4(others);
	write_cr4(others | CR4_PGE);
}

static void run(uword n)
{
	LOOP (n)
		write_cr4(others | (n & 1 ? CR4_PGE : 0));
}

static void check(uword n)
{
	(void)n;
	expect("CR4", read_cr4(), others | CR4_PGE);
	expect_flush(flip_twice, PTE_G);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
