/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/reports.h"
#include "backends/swbt/decode.h"
#include "backends/swbt/hostfault.h"

#include <cpuid.h>

static _Alignas(64) u8 buffer[64];

/* Run INSN with AC set and an unaligned operand (%0). The handler clears AC, counts, and the
 * instruction runs again. What the ABI lets a function clobber may be used. */
#define REPORTS(insn)                                                                       \
	({                                                                                  \
		u64 before_ = hostfault_unaligned;                                          \
                                                                                            \
		__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"                               \
				 "pushfq\n\torl $0x40000, (%%rsp)\n\tpopfq\n\t" insn "\n\t" \
				 "pushfq\n\tandl $~0x40000, (%%rsp)\n\tpopfq\n\t"           \
				 "lea 128(%%rsp), %%rsp"                                    \
				 :                                                          \
				 : "r"(buffer + 3)                                          \
				 : "rax", "rdx", "memory", "cc");                           \
		hostfault_unaligned != before_;                                             \
	})

static bool x87(void)
{
	return REPORTS("flds (%0); fstp %%st(0)") && REPORTS("fldl (%0); fstp %%st(0)") &&
	       REPORTS("fildl (%0); fstp %%st(0)") && REPORTS("fldz; fstpl (%0)") &&
	       REPORTS("fnstcw (%0)");
}

static bool mmx(void)
{
	return REPORTS("movq (%0), %%mm0; emms") && REPORTS("paddb (%0), %%mm0; emms") &&
	       REPORTS("movq %%mm0, (%0); emms");
}

static bool sse(void)
{
	return REPORTS("movss (%0), %%xmm0") && REPORTS("movsd (%0), %%xmm0") &&
	       REPORTS("movsd %%xmm0, (%0)") && REPORTS("mulsd (%0), %%xmm0") &&
	       REPORTS("movd %%xmm0, (%0)") && REPORTS("movq (%0), %%xmm0") &&
	       REPORTS("movhps (%0), %%xmm0") && REPORTS("cvtsi2sdq (%0), %%xmm0");
}

static bool avx(void)
{
	return REPORTS("vmovsd (%0), %%xmm0") && REPORTS("vmovss %%xmm0, (%0)") &&
	       REPORTS("vmulsd (%0), %%xmm0, %%xmm0") && REPORTS("vbroadcastss (%0), %%xmm0") &&
	       REPORTS("vpmovzxbw (%0), %%xmm0") && REPORTS("vmovhps %%xmm0, (%0)");
}

bool bt_reports_moves(void)
{
	return REPORTS("movl (%0), %%eax") && REPORTS("movl %%eax, (%0)") &&
	       REPORTS("lock addq %%rax, (%0)");
}

static bool bmi(void)
{
	return REPORTS("rorx $3, (%0), %%rax") && REPORTS("mulx (%0), %%rax, %%rdx");
}

static bool has_avx(void)
{
	u32 a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && c & bit_OSXSAVE && c & bit_AVX;
}

u32 bt_reports(void)
{
	u32 r = 0;

	if (bmi())
		r |= BIT(FPU_NONE);
	if (x87())
		r |= BIT(FPU_X87);
	if (mmx())
		r |= BIT(FPU_MMX);
	if (sse())
		r |= BIT(FPU_SSE);
	if (has_avx() && avx())
		r |= BIT(FPU_AVX);
	return r;
}

bool bt_fast_pext(void)
{
	u32 a, b, c, d, signature, family;

	if (!__get_cpuid(0, &a, &signature, &c, &d) || !__get_cpuid(1, &a, &b, &c, &d))
		return false;
	family = (a >> 8 & 15) + (a >> 20 & 255);
	return signature == signature_INTEL_ebx || family >= 0x19;
}
