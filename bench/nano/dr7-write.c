/* SPDX-License-Identifier: MIT */
/* MOV to DR7: the condition of breakpoint 0, which stays disabled, flips between W and X. */
#include "x86.h"

#define DR7_RESET   0x400ul
#define DR7_WRITE_0 (1ul << 16)

static void run(uword n)
{
	LOOP (n)
		write_dr7(DR7_RESET | (n & 1 ? DR7_WRITE_0 : 0));
}

static void check(uword n)
{
	(void)n;
	expect("DR7", read_dr7(), DR7_RESET | DR7_WRITE_0);
	write_dr7(DR7_RESET);
	expect("DR7 put back", read_dr7(), DR7_RESET);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
