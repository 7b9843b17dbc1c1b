/* SPDX-License-Identifier: MIT */
/* Code modified, then run: a new immediate in `mov $imm, %eax; ret`, and a call of it. */
#include "nano.h"

/* Nothing else on its page: stores to neighbours must not look like stores to code. */
static union {
	struct {
		u8 mov;
		u32 immediate;
		u8 ret;
	} __attribute__((packed));
	u8 page[PAGE];
} code __page_aligned = { { 0xb8, 0, 0xc3 } };

static void run(uword n)
{
	u32 v;

	LOOP (n) {
		code.immediate = (u32)n * 3;
		asm volatile("call *%1" : "=a"(v) : "r"(&code), "m"(code));
		sum += v == (u32)n * 3;
	}
}

static void check(uword n)
{
	expect("calls that ran the new code", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
