/* SPDX-License-Identifier: MIT */
/* SMSW to a register: the low half of CR0. */
#include "cpu.h"

static void run(uword n)
{
	u32 v;

	LOOP (n) {
		asm volatile("smsw %0" : "=r"(v));
		sum += v & 0xffff;
	}
}

static void check(uword n)
{
	expect("sum of machine status words", sum, n * (read_cr0() & 0xffff));
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
