/* SPDX-License-Identifier: MIT */
/* XSAVE of the x87, SSE and, where there is one, AVX state. */
#include "string.h"
#include "xsave.h"

#define PATTERN 0x0123456789abcdefull

#define IMAGE_XMM0	(160 / 8) /* indices of 8-byte words */
#define IMAGE_XSTATE_BV (512 / 8)

static u64 image[PAGE / 8] __page_aligned;

static void setup(void)
{
	xsave_enable(XSAVE_X87 | XSAVE_SSE);
	if (cpuid(1, 0).c & CPUID_1C_AVX)
		xsave_enable(XSAVE_X87 | XSAVE_SSE | XSAVE_AVX);
	if (cpuid(0xd, 0).b > sizeof(image))
		fail("XSAVE area above 4096 bytes");
}

static void prepare(uword n)
{
	(void)n;
	memset(image, 0, sizeof(image));
	asm volatile("movq %0, %%xmm0" : : "r"(PATTERN));
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("xsave64 %0" : "+m"(image) : "a"(~0u), "d"(~0u));
}

static void check(uword n)
{
	(void)n;
	expect("XSTATE_BV.SSE", image[IMAGE_XSTATE_BV] & XSAVE_SSE, XSAVE_SSE);
	expect("XMM0 saved", image[IMAGE_XMM0], PATTERN);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
