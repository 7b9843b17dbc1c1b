/* SPDX-License-Identifier: MIT */
/*
 * An indirect call, each time to the next of TARGETS functions (a power of two), and its return.
 * Function k adds k + 1 to a register. To be included by one guest for each number of targets.
 */
#include "nano.h"

#define TARGET_SIZE 32

extern const char icall_target[];
/* clang-format off */
asm("	.balign " TEXT(TARGET_SIZE) "\n"
    "icall_target:\n"
    "	.set k, 1\n"
    "	.rept " TEXT(TARGETS) "\n"
    "	.balign " TEXT(TARGET_SIZE) "\n"
    "	add $k, %eax\n"
    "	ret\n"
    "	.set k, k + 1\n"
    "	.endr\n");
/* clang-format on */

static void run(uword n)
{
	u32 s = 0;

	LOOP (n)
		asm volatile("call *%1"
			     : "+a"(s)
			     : "r"(icall_target + n % TARGETS * TARGET_SIZE)
			     : "cc");
	sum = s;
}

static void check(uword n)
{
	u32 want = 0;

	for (; n; n--)
		want += (u32)(n % TARGETS) + 1;
	expect("sum over the functions called", sum, want);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
