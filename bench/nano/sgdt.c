/* SPDX-License-Identifier: MIT */
/* SGDT. */
#include "cpu.h"

static struct table_reg got;

static void prepare(uword n)
{
	(void)n;
	got = (struct table_reg){ 0, 0 };
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("sgdt %0" : "=m"(got));
}

static void check(uword n)
{
	(void)n;
	expect("limit", got.limit, GDT_SLOTS * 8 - 1);
	expect("base", got.base, (uword)gdt);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
