/* SPDX-License-Identifier: MIT */
/* SSE2 on registers: packed add of doubles, multiply of doubles, add of integers. */
#include "nano.h"

static const double one[2] __attribute__((aligned(16))) = { 1.0, 1.0 };
static const u64 three[2] __attribute__((aligned(16))) = { 3, 3 };
static u64 doubles, integers, product;

static void run(uword n)
{
	asm volatile("pxor %%xmm0, %%xmm0\n\t"
		     "pxor %%xmm2, %%xmm2\n\t"
		     "movapd %0, %%xmm1\n\t"
		     "movdqa %1, %%xmm3\n\t"
		     "movapd %0, %%xmm4"
		     :
		     : "m"(one), "m"(three));
	LOOP (n)
		asm volatile("addpd %xmm1, %xmm0\n\t"
			     "mulpd %xmm1, %xmm4\n\t"
			     "paddq %xmm3, %xmm2");
	/* The upper lanes: those that code which knows only scalars would get wrong. */
	asm volatile("unpckhpd %%xmm0, %%xmm0\n\t"
		     "unpckhpd %%xmm4, %%xmm4\n\t"
		     "punpckhqdq %%xmm2, %%xmm2\n\t"
		     "cvttsd2siq %%xmm0, %0\n\t"
		     "cvttsd2siq %%xmm4, %1\n\t"
		     "movq %%xmm2, %2"
		     : "=r"(doubles), "=r"(product), "=r"(integers));
}

static void check(uword n)
{
	expect("sum of doubles", doubles, n);
	expect("product of doubles", product, 1);
	expect("sum of integers", integers, 3 * n);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
