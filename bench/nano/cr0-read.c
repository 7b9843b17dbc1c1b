/* SPDX-License-Identifier: MIT */
/* MOV from CR0. */
#include "x86.h"

static void run(uword n)
{
	LOOP (n)
		sum += read_cr0();
}

static void check(uword n)
{
	uword cr0 = read_cr0();

	expect("CR0.PG and WP", cr0 & (CR0_PG | CR0_WP), CR0_PG | CR0_WP);
	expect("sum of values read", sum, n * cr0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
