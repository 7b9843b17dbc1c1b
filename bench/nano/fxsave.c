/* SPDX-License-Identifier: MIT */
/* FXSAVE. */
#include "nano.h"
#include "string.h"

#define PATTERN 0x0123456789abcdefull

/* The layout: MXCSR at byte 24, XMM0 at byte 160. */
static struct {
	u32 head[6];
	u32 mxcsr;
	u32 between[33];
	u64 xmm0;
	u64 rest[43];
} image __attribute__((aligned(64)));

static void prepare(uword n)
{
	u32 mxcsr = 0x1f80;

	(void)n;
	memset(&image, 0, sizeof(image));
	asm volatile("movq %0, %%xmm0; ldmxcsr %1" : : "r"(PATTERN), "m"(mxcsr));
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("fxsave64 %0" : "=m"(image));
}

static void check(uword n)
{
	(void)n;
	expect("MXCSR saved", image.mxcsr, 0x1f80);
	expect("XMM0 saved", image.xmm0, PATTERN);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
