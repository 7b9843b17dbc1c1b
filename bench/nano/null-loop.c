/* SPDX-License-Identifier: MIT */
/*
 * Nothing, in the loop that every guest measures with (and a register that counts the turns). Both
 * runs are the same, so what subtraction leaves is the error of all the others.
 */
#include "nano.h"

static void run(uword n)
{
	uword turns = 0;

	LOOP (n)
		turns = opaque(turns + 1);
	events = turns;
}

static void check(uword n)
{
	expect("turns of the loop", events, n);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .empty = run, .check = check };
