/* SPDX-License-Identifier: MIT */
#include "backends/swbt/fpu.h"

#include "common/hostflags.h"

#include <cpuid.h>

#define X87	 BIT64(0)
#define SSE	 BIT64(1)
#define AVX	 BIT64(2)
#define AVX512	 (7ull << 5)
#define GUESTS	 (X87 | SSE | AVX | AVX512)
#define MXCSR_AT 24
#define MASK_AT	 28 /* MXCSR_MASK in the image of FXSAVE */
#define XMM_AT	 160
#define HEADER	 512

#define MXCSR_DEFAULT 0x1f80u
#define FCW_DEFAULT   0x037fu

static u32 *image32(struct vcpu *v, unsigned int at)
{
	return (u32 *)(void *)(v->s.xsave + at);
}
static u64 *image64(struct vcpu *v, unsigned int at)
{
	return (u64 *)(void *)(v->s.xsave + at);
}

static u64 host_xcr0(void)
{
	u32 a, b, c, d, lo, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

/* XGETBV of 1. SDM vol. 1 13.2. */
static bool tells_use(void)
{
	u32 a, b, c, d;

	return host_xcr0() && __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && a & BIT(2);
}

u64 fpu_host_components(void)
{
	u64 xcr0 = host_xcr0();

	return xcr0 ? xcr0 : X87 | SSE;
}

void fpu_init(struct vcpu *v)
{
	v->fpu_mask = host_xcr0() & GUESTS;
	v->fpu_tells_use = tells_use();
	v->fpu_live = false;
	*image32(v, 0) = FCW_DEFAULT;
	*image32(v, MXCSR_AT) = MXCSR_DEFAULT;
	fpu_sanitize(v);
}

/* MXCSR bits that this host knows. SDM vol. 1 11.6.6. */
static u32 mxcsr_mask(void)
{
	u8 area[512] __attribute__((aligned(64)));
	u32 mask;

	__asm__ volatile("fxsave64 %0" : "=m"(area));
	__builtin_memcpy(&mask, area + MASK_AT, sizeof(mask));
	return mask ? mask : 0xffbf;
}

void fpu_sanitize(struct vcpu *v)
{
	*image64(v, HEADER) &= v->fpu_mask ? v->fpu_mask : X87 | SSE;
	for (unsigned int at = HEADER + 8; at < HEADER + 64; at += 8)
		*image64(v, at) = 0;
	*image32(v, MXCSR_AT) &= mxcsr_mask();
}

void fpu_spell_out(struct vcpu *v)
{
	u64 present = *image64(v, HEADER);

	if (!(present & X87)) {
		for (unsigned int at = 0; at < XMM_AT; at += 8)
			if (at != MXCSR_AT)
				*image64(v, at) = 0;
		*image32(v, 0) = FCW_DEFAULT;
	}
	if (!(present & SSE))
		for (unsigned int at = XMM_AT; at < XMM_AT + 256; at += 8)
			*image64(v, at) = 0;
	*image64(v, HEADER) = present | X87 | SSE;
}

static void fxrstor(struct vcpu *v)
{
	fpu_spell_out(v);
	__asm__ volatile("fxrstor64 %0" : : "m"(v->s.xsave));
}

void fpu_get(struct vcpu *v)
{
	if (v->fpu_live)
		return;
	if (unlikely(v->fpu_fetch))
		v->fpu_fetch(v);
	if (likely(v->fpu_mask))
		__asm__ volatile("xrstor64 %0"
				 :
				 : "m"(v->s.xsave), "a"((u32)v->fpu_mask),
				   "d"((u32)(v->fpu_mask >> 32))
				 : "memory");
	else
		fxrstor(v);
	v->fpu_live = true;
}

void fpu_unalign(struct vcpu *v)
{
	if (!v->host_ac)
		return;
	host_flags_clean();
	v->host_ac = false;
}

void fpu_put(struct vcpu *v)
{
	static const u32 mxcsr = MXCSR_DEFAULT;

	if (!v->fpu_live)
		return;
	fpu_unalign(v);
	if (likely(v->fpu_mask)) {
		__asm__ volatile("xsave64 %0"
				 : "+m"(v->s.xsave)
				 : "a"((u32)v->fpu_mask), "d"((u32)(v->fpu_mask >> 32))
				 : "memory");
	} else {
		__asm__ volatile("fxsave64 %0" : "+m"(v->s.xsave));
		*image64(v, HEADER) = X87 | SSE;
	}
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
	/* C code in legacy SSE is slow while the upper halves are in use. */
	if (v->fpu_mask & AVX)
		__asm__ volatile("vzeroupper");
	v->fpu_live = false;
}

void fpu_image(struct vcpu *v)
{
	fpu_put(v);
	if (v->fpu_fetch)
		v->fpu_fetch(v);
}

/* VEX and EVEX: SDM vol. 2A 2.4, 2.8. CR0.EM does not concern them. */
static int check_vector(struct vcpu *v, u64 components)
{
	if (!(v->s.cr4 & CR4_OSXSAVE) || (v->s.xcr0 & components) != components)
		return raise_exc(v, UD);
	return v->s.cr0 & CR0_TS ? raise_exc(v, NM) : 0;
}

int fpu_check(struct vcpu *v, const struct insn *i)
{
	u64 cr0 = v->s.cr0;
	bool vex = i->encoding == ENC_VEX || i->encoding == ENC_EVEX || i->encoding == ENC_XOP;

	/* Not recognized there, general-purpose ones included. SDM vol. 2A 2.3.2. */
	if (unlikely(vex && (v->mode == MODE_REAL || v->mode == MODE_VM86)))
		return raise_exc(v, UD);
	switch (i->fpu) {
	case FPU_NONE:
		return 0;
	case FPU_X87:
		return cr0 & (CR0_EM | CR0_TS) ? raise_exc(v, NM) : 0;
	case FPU_WAIT:
		return (cr0 & (CR0_MP | CR0_TS)) == (CR0_MP | CR0_TS) ? raise_exc(v, NM) : 0;
	case FPU_MMX:
	case FPU_SSE:
		if (cr0 & CR0_EM || (i->fpu == FPU_SSE && !(v->s.cr4 & CR4_OSFXSR)))
			return raise_exc(v, UD);
		return cr0 & CR0_TS ? raise_exc(v, NM) : 0;
	case FPU_AVX:
		return check_vector(v, SSE | AVX);
	default:
		return check_vector(v, SSE | AVX | AVX512);
	}
}

u32 fpu_refused(struct vcpu *v)
{
	const struct exception before = v->exc;
	u32 refused = 0;

	for (u8 c = FPU_X87; c <= FPU_AVX512; c++)
		if (fpu_check(v, &(struct insn){ .fpu = c }))
			refused |= BIT(c);
	v->exc = before;
	return refused;
}

/* x87 and MMX instructions but those that exist to look at the exception: FNSTENV, FNSTCW (D9 /6,
 * /7), FNSAVE, FNSTSW (DD /6, /7). */
static bool waits(const struct insn *i)
{
	u8 opcode = i->raw[i->opcode_at], reg = i->raw[i->modrm_at] >> 3 & 7;

	switch (i->fpu) {
	case FPU_X87:
		return !(opcode & 1) || reg < 6 || (opcode != 0xd9 && opcode != 0xdd);
	case FPU_MMX:
		return true;
	case FPU_SSE: /* CVTTPS2PI, CVTPS2PI and those from PD have an MMX destination */
		if (opcode != 0x2c && opcode != 0x2d)
			return false;
		for (unsigned int n = 0; n < i->opcode_at; n++)
			if (i->raw[n] == 0xf2 || i->raw[n] == 0xf3)
				return false;
		return true;
	default:
		return false;
	}
}

bool fpu_pending(struct vcpu *v, const struct insn *i)
{
	u16 fsw;

	if (!waits(i))
		return false;
	fpu_get(v);
	__asm__ volatile("fnstsw %0" : "=a"(fsw));
	return fsw & 0x80;
}
