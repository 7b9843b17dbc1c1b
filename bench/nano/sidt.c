/* SPDX-License-Identifier: MIT */
/* SIDT. */
#include "cpu.h"

static struct table_reg got, want;

static void setup(void)
{
	/* A table of our own, so that what is read is known. */
	want = (struct table_reg){ 0x7ff, read_idtr().base };
	asm volatile("lidt %0" : : "m"(want));
}

static void prepare(uword n)
{
	(void)n;
	got = (struct table_reg){ 0, 0 };
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("sidt %0" : "=m"(got));
}

static void check(uword n)
{
	(void)n;
	expect("limit", got.limit, want.limit);
	expect("base", got.base, want.base);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
