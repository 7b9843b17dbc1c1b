/* SPDX-License-Identifier: MIT */
/* CLI and STI at CPL 0, with no interrupt pending. */
#include "x86.h"

static void run(uword n)
{
	LOOP (n) {
		cli();
		sti();
	}
}

static void check(uword n)
{
	(void)n;
	expect("IF after the loop", read_flags() & FLAGS_IF, FLAGS_IF);
	cli();
	expect("IF after CLI", read_flags() & FLAGS_IF, 0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
