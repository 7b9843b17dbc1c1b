/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE and XSAVE images: moved between guest memory and the guest's own image, which already has
 * the standard layout. SDM vol. 1 ch. 10.5 and 13.7 to 13.10.
 */
#include "backends/swbt/emulate.h"
#include "backends/swbt/feature.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/step.h"

#define X87 BIT64(0)
#define SSE BIT64(1)
#define AVX BIT64(2)

#define FCW_DEFAULT   0x37f
#define MXCSR_DEFAULT 0x1f80
#define MXCSR_AT      24
#define MASK_AT	      28
#define XMM_AT	      160
#define HEADER	      512
#define EXTENDED      576
#define COMPACT	      BIT64(63)

static enum emulate_result fault(struct vcpu *v, enum vector vector)
{
	if (vector == GP)
		raise_err(v, GP, 0);
	else
		raise_exc(v, vector);
	return EMU_FAULT;
}

static void copy(u8 *to, const u8 *from, u64 n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void clear(u8 *to, u64 n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
}

static u64 get64(const u8 *p)
{
	u64 value;

	__builtin_memcpy(&value, p, 8);
	return value;
}

static void put64(u8 *p, u64 value)
{
	__builtin_memcpy(p, &value, 8);
}

/* The guest's image, complete: components in their initial state hold it in memory, too. */
static u8 *image(struct vcpu *v)
{
	fpu_get(v);
	fpu_put(v);
	return v->s.xsave;
}

/* What the guest gets to see of the x87 unit's instruction and data pointers, and of the opcode,
 * whose ModRM is ours: nothing. They are addresses in this process, of what ran the guest's x87
 * instructions and of its memory. They never stand in guest memory, which a disk may read. */
static void save_x87(u8 *to, const u8 *from)
{
	copy(to, from, 6);
	clear(to + 6, 18);
	copy(to + 32, from + 32, XMM_AT - 32);
}

/* Pointers: 64 bits with REX.W, else offset and selector. */
static void load_x87(u8 *to, const u8 *from, bool wide)
{
	copy(to, from, 24);
	if (!wide) {
		put64(to + 8, (u32)get64(from + 8));
		put64(to + 16, (u32)get64(from + 16));
	}
	copy(to + 32, from + 32, XMM_AT - 32);
}

static u32 xmm_bytes(const struct vcpu *v)
{
	return v->mode == MODE_LONG64 ? 256 : 128;
}

static bool wide(const struct insn *i)
{
	return i->opsize == 8;
}

/* The linear address of I's operand, and its check against ALIGN. 0 or EXC. */
static int operand_at(struct vcpu *v, const struct insn *i, u32 size, u32 access, u32 align,
		      u64 *linear)
{
	if (mem_linear(v, i->mem_seg, insn_ea(i, v, v->s.rip), size, access, linear))
		return EXC;
	return *linear & (align - 1) ? raise_err(v, GP, 0) : 0;
}

/* The host's own instruction does the same where the guest's saves all of its registers, too; much
 * quicker than to take the whole state out of the host's registers and put it back. */
static void fxsave(struct vcpu *v, u8 *to)
{
	u8 own[512] __attribute__((aligned(16)));

	fpu_get(v);
	__asm__ volatile("fxsave64 %0" : "=m"(own));
	clear(own + 6, 18);
	copy(to, own, XMM_AT + 256);
}

enum emulate_result emu_fxsave(struct vcpu *v, const struct insn *i)
{
	struct mem_op *op = step_operand(v);
	u64 linear;
	u8 *x;

	if (v->s.cr0 & (CR0_EM | CR0_TS))
		return fault(v, NM);
	if (operand_at(v, i, 512, ACC_WRITE, 16, &linear) ||
	    mem_prepare_linear(v, linear, 512, ACC_READ | ACC_WRITE, op))
		return EMU_FAULT;
	if (v->mode == MODE_LONG64 && v->s.cr4 & CR4_OSFXSR && !((uintptr_t)op->data & 15)) {
		fxsave(v, op->data);
		mem_commit(v, op);
		return EMU_NEXT;
	}
	x = image(v);
	save_x87(op->data, x);
	copy(op->data + MXCSR_AT, x + MXCSR_AT, 8);
	if (v->s.cr4 & CR4_OSFXSR)
		copy(op->data + XMM_AT, x + XMM_AT, xmm_bytes(v));
	mem_commit(v, op);
	return EMU_NEXT;
}

static bool mxcsr_ok(const u8 *guest, const u8 *x)
{
	u32 value, mask;

	__builtin_memcpy(&value, guest + MXCSR_AT, 4);
	__builtin_memcpy(&mask, x + MASK_AT, 4);
	return !(value & ~(mask ? mask : 0xffbfu));
}

enum emulate_result emu_fxrstor(struct vcpu *v, const struct insn *i)
{
	struct mem_op *op = step_operand(v);
	u64 linear;
	u8 *x;

	if (v->s.cr0 & (CR0_EM | CR0_TS))
		return fault(v, NM);
	if (operand_at(v, i, 512, ACC_READ, 16, &linear) ||
	    mem_prepare_linear(v, linear, 512, ACC_READ, op))
		return EMU_FAULT;
	x = image(v);
	if (!mxcsr_ok(op->data, x))
		return fault(v, GP);
	load_x87(x, op->data, wide(i));
	if (v->s.cr4 & CR4_OSFXSR) {
		copy(x + MXCSR_AT, op->data + MXCSR_AT, 4);
		copy(x + XMM_AT, op->data + XMM_AT, xmm_bytes(v));
	}
	put64(x + HEADER, get64(x + HEADER) | X87 | SSE);
	return EMU_NEXT;
}

/* ---- XSAVE ---------------------------------------------------------------------------------- */

static const struct cpuid_leaf *component(struct vcpu *v, unsigned int n)
{
	return cpuid_find(&v->vm->cpuid, 0xd, n);
}

static u64 requested(const struct vcpu *v)
{
	return v->s.xcr0 & ((u32)v->s.gpr[RAX] | v->s.gpr[RDX] << 32);
}

/* Where component N lies in an area: standard, or compacted with the components of XCOMP. */
static u32 offset_of(struct vcpu *v, unsigned int n, bool compact, u64 xcomp)
{
	u32 at = EXTENDED;

	if (!compact)
		return component(v, n)->ebx;
	for (unsigned int k = 2; k < n; k++)
		if (xcomp & BIT64(k)) {
			at = component(v, k)->ecx & 2 ? ALIGN_UP(at, 64) : at;
			at += component(v, k)->eax;
		}
	return component(v, n)->ecx & 2 ? ALIGN_UP(at, 64) : at;
}

static u32 area_size(struct vcpu *v, bool compact, u64 mask)
{
	u32 size = EXTENDED, end;

	for (unsigned int n = 2; n < 63; n++)
		if (mask & BIT64(n)) {
			end = offset_of(v, n, compact, mask) + component(v, n)->eax;
			size = end > size ? end : size;
		}
	return size;
}

static int xsave_allowed(struct vcpu *v)
{
	if (!(v->s.cr4 & CR4_OSXSAVE))
		return raise_exc(v, UD);
	return v->s.cr0 & CR0_TS ? raise_exc(v, NM) : 0;
}

/* XSAVE is guarded by CR4.OSXSAVE, which cannot be set where CPUID does not show it. 0F AE /6 is
 * XSAVEOPT, /4 XSAVE; 0F C7 /4 is XSAVEC. */
static bool is_shown(struct vcpu *v, const struct insn *i)
{
	if (i->raw[i->opcode_at] == 0xc7)
		return feature_shown(v, FEATURE_XSAVEC);
	return (i->raw[i->modrm_at] >> 3 & 7) != 6 || feature_shown(v, FEATURE_XSAVEOPT);
}

static bool is_compacting(const struct insn *i)
{
	/* 0F C7 /4 is XSAVEC; XSAVE and XSAVEOPT are 0F AE. */
	return i->raw[i->opcode_at] == 0xc7;
}

/* The x87 unit's part of an image at TO, whose other parts are there. */
static void xsave_x87(u8 *to, bool compact)
{
	u8 own[EXTENDED] __attribute__((aligned(64)));
	u64 inuse;

	put64(own + HEADER, 0);
	__asm__ volatile("xsave64 %0" : "+m"(own) : "a"((u32)X87), "d"(0));
	inuse = get64(own + HEADER) & X87;
	/* XSAVEC leaves out, and the others initialize, what is not in use. */
	if (inuse || !compact)
		save_x87(to, own);
	put64(to + HEADER, (get64(to + HEADER) & ~X87) | inuse);
	if (compact)
		put64(to + HEADER + 8, get64(to + HEADER + 8) | X87);
}

/* Has the x87 unit something to hide? Rarely: in its initial state it has no pointers. */
static bool uses_x87(const struct vcpu *v)
{
	u32 lo, hi;

	if (!v->fpu_tells_use)
		return true;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(1));
	return lo & X87;
}

/* As fxsave() above. XSAVEOPT is XSAVE: what the host last restored from is not what the guest did.
 */
static void xsave(struct vcpu *v, u8 *to, bool compact, u64 mask)
{
	u32 lo = (u32)mask, hi = (u32)(mask >> 32);
	bool apart;

	fpu_get(v);
	apart = mask & X87 && uses_x87(v);
	if (apart)
		lo &= (u32)~X87;
	if (compact)
		__asm__ volatile("xsavec64 %0" : "+m"(*to) : "a"(lo), "d"(hi) : "memory");
	else
		__asm__ volatile("xsave64 %0" : "+m"(*to) : "a"(lo), "d"(hi) : "memory");
	if (apart)
		xsave_x87(to, compact);
}

enum emulate_result emu_xsave(struct vcpu *v, const struct insn *i)
{
	bool compact = is_compacting(i);
	struct mem_op *op = step_operand(v);
	u64 mask = requested(v), linear, inuse, write;
	u32 size;
	u8 *x;

	if (!is_shown(v, i))
		return fault(v, UD);
	if (xsave_allowed(v))
		return EMU_FAULT;
	size = area_size(v, compact, mask);
	if (operand_at(v, i, size, ACC_WRITE, 64, &linear) ||
	    mem_prepare_linear(v, linear, size, ACC_READ | ACC_WRITE, op))
		return EMU_FAULT;
	if (v->mode == MODE_LONG64 && !(mask & ~v->fpu_mask) && !((uintptr_t)op->data & 63)) {
		xsave(v, op->data, compact, mask);
		mem_commit(v, op);
		return EMU_NEXT;
	}
	x = image(v);
	inuse = get64(x + HEADER) & mask;
	/* MXCSR belongs to no component's tracking: SSE is in use if it is not the default. */
	if (mask & SSE && (u32)get64(x + MXCSR_AT) != MXCSR_DEFAULT)
		inuse |= SSE;
	/* XSAVEC leaves out what is in its initial state. */
	write = compact ? inuse : mask;
	if (write & X87)
		save_x87(op->data, x);
	if (compact ? write & SSE : mask & (SSE | AVX))
		copy(op->data + MXCSR_AT, x + MXCSR_AT, 8);
	if (write & SSE)
		copy(op->data + XMM_AT, x + XMM_AT, xmm_bytes(v));
	for (unsigned int n = 2; n < 63; n++)
		if (write & BIT64(n))
			copy(op->data + offset_of(v, n, compact, mask), x + component(v, n)->ebx,
			     component(v, n)->eax);
	if (compact) {
		put64(op->data + HEADER, inuse);
		put64(op->data + HEADER + 8, mask | COMPACT);
	} else {
		put64(op->data + HEADER, (get64(op->data + HEADER) & ~mask) | inuse);
	}
	mem_commit(v, op);
	return EMU_NEXT;
}

/* SDM vol. 1 13.8: what makes XRSTOR refuse a header. */
static bool header_ok(struct vcpu *v, const u8 *header)
{
	u64 bv = get64(header), comp = get64(header + 8);
	struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 0xd, 1);
	bool zero = true;

	for (unsigned int at = comp & COMPACT ? 16 : 8; at < (comp & COMPACT ? 64 : 24); at += 8)
		zero = zero && !get64(header + at);
	if (!zero || bv & ~v->s.xcr0)
		return false;
	if (!(comp & COMPACT))
		return true;
	return l && l->eax & BIT(1) && !(comp & ~COMPACT & ~v->s.xcr0) && !(bv & ~comp);
}

/* Component N of the guest's image becomes its initial state. */
static void init_component(struct vcpu *v, u8 *x, unsigned int n)
{
	switch (n) {
	case 0:
		clear(x, 24);
		x[0] = FCW_DEFAULT & 0xff;
		x[1] = FCW_DEFAULT >> 8;
		clear(x + 32, XMM_AT - 32);
		break;
	case 1:
		clear(x + XMM_AT, xmm_bytes(v));
		break;
	default:
		clear(x + component(v, n)->ebx, component(v, n)->eax);
		break;
	}
}

static void load_component(struct vcpu *v, u8 *x, const u8 *from, unsigned int n, bool compact,
			   u64 xcomp, bool w)
{
	switch (n) {
	case 0:
		load_x87(x, from, w);
		break;
	case 1:
		copy(x + XMM_AT, from + XMM_AT, xmm_bytes(v));
		break;
	default:
		copy(x + component(v, n)->ebx, from + offset_of(v, n, compact, xcomp),
		     component(v, n)->eax);
		break;
	}
}

enum emulate_result emu_xrstor(struct vcpu *v, const struct insn *i)
{
	struct mem_op *op = step_operand(v);
	u64 mask = requested(v), linear, bv, comp, present;
	bool compact, mxcsr;
	u8 header[64], *x;
	u32 size;

	if (xsave_allowed(v) || operand_at(v, i, EXTENDED, ACC_READ, 64, &linear) ||
	    lin_read(v, linear + HEADER, header, sizeof(header), ACC_READ))
		return EMU_FAULT;
	if (!header_ok(v, header))
		return fault(v, GP);
	bv = get64(header);
	comp = get64(header + 8);
	compact = comp & COMPACT;
	size = area_size(v, compact, compact ? comp & ~COMPACT : mask);
	if (mem_prepare_linear(v, linear, size, ACC_READ, op))
		return EMU_FAULT;
	x = image(v);
	mxcsr = compact ? mask & bv & SSE : mask & (SSE | AVX);
	if (mxcsr && !mxcsr_ok(op->data, x))
		return fault(v, GP);
	present = get64(x + HEADER);
	for (unsigned int n = 0; n < 63; n++) {
		if (!(mask & BIT64(n)))
			continue;
		if (bv & BIT64(n))
			load_component(v, x, op->data, n, compact, comp & ~COMPACT, wide(i));
		else
			init_component(v, x, n);
	}
	if (mxcsr)
		copy(x + MXCSR_AT, op->data + MXCSR_AT, 4);
	else if (compact && mask & SSE)
		put64(x + MXCSR_AT, (get64(x + MXCSR_AT) & ~0xffffffffull) | MXCSR_DEFAULT);
	put64(x + HEADER, (present & ~mask) | (bv & mask));
	return EMU_NEXT;
}
