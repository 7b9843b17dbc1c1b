/* SPDX-License-Identifier: MIT */
/* AVX on 256-bit registers: packed add and multiply of doubles, and XOR. */
#include "xsave.h"

#define PATTERN 0x0123456789abcdefull

static const double one[4] __attribute__((aligned(32))) = { 1.0, 1.0, 1.0, 1.0 };
static const u64 pattern[4] __attribute__((aligned(32))) = { 0, 0, 0, PATTERN };
static u64 doubles, product, flipped;

static void setup(void)
{
	if (!(cpuid(1, 0).c & CPUID_1C_AVX))
		skip("no AVX");
	xsave_enable(XSAVE_X87 | XSAVE_SSE | XSAVE_AVX);
}

static void run(uword n)
{
	asm volatile("vxorpd %%ymm0, %%ymm0, %%ymm0\n\t"
		     "vxorpd %%ymm2, %%ymm2, %%ymm2\n\t"
		     "vmovapd %0, %%ymm1\n\t"
		     "vmovapd %1, %%ymm3\n\t"
		     "vmovapd %0, %%ymm4"
		     :
		     : "m"(one), "m"(pattern));
	LOOP (n)
		asm volatile("vaddpd %ymm1, %ymm0, %ymm0\n\t"
			     "vmulpd %ymm1, %ymm4, %ymm4\n\t"
			     "vxorpd %ymm3, %ymm2, %ymm2");
	/* The topmost lane of each. */
	asm volatile("vextractf128 $1, %%ymm0, %%xmm0\n\t"
		     "vextractf128 $1, %%ymm4, %%xmm4\n\t"
		     "vextractf128 $1, %%ymm2, %%xmm2\n\t"
		     "vunpckhpd %%xmm0, %%xmm0, %%xmm0\n\t"
		     "vunpckhpd %%xmm4, %%xmm4, %%xmm4\n\t"
		     "vunpckhpd %%xmm2, %%xmm2, %%xmm2\n\t"
		     "vcvttsd2si %%xmm0, %0\n\t"
		     "vcvttsd2si %%xmm4, %1\n\t"
		     "vmovq %%xmm2, %2\n\t"
		     "vzeroupper"
		     : "=r"(doubles), "=r"(product), "=r"(flipped));
}

static void check(uword n)
{
	expect("sum of doubles", doubles, n);
	expect("product of doubles", product, 1);
	expect("XOR of patterns", flipped, n & 1 ? PATTERN : 0);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
