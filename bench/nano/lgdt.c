/* SPDX-License-Identifier: MIT */
/* LGDT: the same table again, with a limit one byte shorter. */
#include "cpu.h"

static struct table_reg old, new;

static void prepare(uword n)
{
	(void)n;
	asm volatile("lgdt %0" : : "m"(old));
}

static void setup(void)
{
	old = new = read_gdtr();
	new.limit--;
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("lgdt %0" : : "m"(new));
}

static void check(uword n)
{
	struct table_reg now = read_gdtr();

	(void)n;
	expect("limit", now.limit, new.limit);
	expect("base", now.base, new.base);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
