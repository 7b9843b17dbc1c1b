/* SPDX-License-Identifier: MIT */
/*
 * Straight-line code, each instruction run once: blocks of sixteen instructions, all different.
 * Warm-up and measured run take different blocks. One operation is one instruction.
 */
#include "nano.h"

#define BLOCKS	   1280
#define BLOCK_SIZE 128
#define BLOCK_INSN 16

extern const char cold_block[];
/* clang-format off */
asm("	.balign " TEXT(BLOCK_SIZE) "\n"
    "cold_block:\n"
    "	.set k, 1\n"
    "	.rept " TEXT(BLOCKS) "\n"
    "	.balign " TEXT(BLOCK_SIZE) "\n"
    "	add $k, %eax\n"
    "	mov $k * 3, %ecx\n"
    "	lea 0x1000 + k(%rcx), %edx\n"
    "	xor $k, %ecx\n"
    "	imul $k, %edx, %edx\n"
    "	rol $3, %ecx\n"
    "	sub %ecx, %edx\n"
    "	shl $2, %edx\n"
    "	test $k, %edx\n"
    "	setz %cl\n"
    "	movzbl %cl, %ecx\n"
    "	add %ecx, %eax\n"
    "	sub %ecx, %eax\n"
    "	cmp $k, %edx\n"
    "	cmovb %edx, %ecx\n"
    "	ret\n"
    "	.set k, k + 1\n"
    "	.endr\n");
/* clang-format on */

static uword next, first;

static void prepare(uword n)
{
	(void)n;
	first = next;
}

static void run(uword n)
{
	u32 s = 0;

	LOOP (n) {
		asm volatile("call *%1"
			     : "+a"(s)
			     : "r"(cold_block + next * BLOCK_SIZE)
			     : "rcx", "rdx", "cc");
		next++;
		n -= BLOCK_INSN - 1;
	}
	sum = s;
}

static void empty(uword n)
{
	LOOP (n)
		n -= BLOCK_INSN - 1;
}

static void check(uword n)
{
	uword want = 0;

	expect("blocks run", next - first, n / BLOCK_INSN);
	for (uword k = first + 1; k <= next; k++)
		want += k;
	expect("sum of block numbers", sum, want);
}

/* With the warm-up's tenth on top, the most that there is code for. */
const struct nano nano = {
	.name = NANO_NAME,
	.prepare = prepare,
	.run = run,
	.empty = empty,
	.check = check,
	.max = (BLOCKS - 256) * BLOCK_INSN,
	.granule = BLOCK_INSN,
};
