/* SPDX-License-Identifier: MIT */
/* LAR: the access rights of the user code segment. */
#include "cpu.h"

#define LAR_BITS 0xf0ff00u /* the others are undefined */

static void run(uword n)
{
	u32 rights;

	LOOP (n) {
		asm volatile("lar %1, %0" : "=r"(rights) : "r"(SEL_UCODE) : "cc");
		sum += rights & LAR_BITS;
	}
}

static void check(uword n)
{
	expect("sum of access rights", sum, n * (gdt[SEL_UCODE / 8] >> 32 & LAR_BITS));
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
