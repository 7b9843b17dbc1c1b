/* SPDX-License-Identifier: MIT */
/* The extended state that AVX needs. */
#ifndef NANO_XSAVE_H
#define NANO_XSAVE_H

#include "x86.h"

#define CPUID_1C_XSAVE (1u << 26)
#define CPUID_1C_AVX   (1u << 28)
#define CPUID_7B_AVX2  (1u << 5)

#define XSAVE_X87 1u
#define XSAVE_SSE 2u
#define XSAVE_AVX 4u

/* Turn on these components, or skip() on a CPU that has no XSAVE or lacks one of them. */
static inline void xsave_enable(u32 components)
{
	if (!(cpuid(1, 0).c & CPUID_1C_XSAVE))
		skip("no XSAVE");
	if (~cpuid(0xd, 0).a & components)
		skip("XSAVE lacks a component");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	asm volatile("xsetbv" : : "c"(0), "a"(components), "d"(0));
}

#endif
