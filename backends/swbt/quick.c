/* SPDX-License-Identifier: MIT */
/* No check here decides what fault there is, only whether there may be one. SDM vol. 3A 6.12, 6.14;
 * vol. 2, INT n and IRET (operation). */
#include "backends/swbt/quick.h"

#include "backends/swbt/debug.h"
#include "backends/swbt/mmu.h"
#include "backends/swbt/transfer.h"

/* Base 0, limit 4 GiB, 32 bits. */
#define FLAT	  0x00cf00000000ffffull
#define FLAT_MASK 0xffcf00ffffffffffull

/* ---- descriptors ---------------------------------------------------------------------------- */

/* The descriptor of SELECTOR if it is in the GDT, present and accessed, or 0. */
static inline u64 descriptor(struct vcpu *v, u16 selector)
{
	const u8 *host;
	u64 d;

	if (selector_null(selector) || selector & 4 || (selector | 7u) > v->s.gdt.limit)
		return 0;
	host = mmu_ram(v, v->s.gdt.base + (selector & 0xfff8), 8, RIGHT_SUPER, ACC_READ);
	if (unlikely(!host))
		return 0;
	__builtin_memcpy(&d, host, 8);
	return d & DESC_P && d >> 40 & 1 ? d : 0;
}

/* Of code that does not conform, of privilege DPL: 64-bit, or 32-bit and flat. */
static inline bool is_code(u64 d, unsigned int dpl, bool wide)
{
	if ((DESC_TYPE(d) & 0x1c) != 0x18 || DESC_DPL(d) != dpl)
		return false;
	return wide ? (d & (DESC_L | DESC_DB)) == DESC_L : (d & FLAT_MASK) == FLAT;
}

/* SS by SELECTOR for CPL, of a 32-bit stack that is flat, or any stack for 64-bit code. */
static inline bool quick_ss(struct vcpu *v, u16 selector, unsigned int cpl, bool wide,
			    struct segment *ss)
{
	u64 d;

	if (wide && selector_null(selector)) {
		*ss = segment_null(selector, cpl);
		return cpl != 3;
	}
	d = descriptor(v, selector);
	if (!d || (selector & 3u) != cpl || DESC_DPL(d) != cpl)
		return false;
	if (wide ? !desc_is_writable(d) : (DESC_TYPE(d) & 0x1e) != 0x12 || (d & FLAT_MASK) != FLAT)
		return false;
	*ss = segment_from(selector, d);
	return true;
}

/* Outside long mode, with a flat 32-bit stack. */
static inline bool flat32(const struct vcpu *v)
{
	return v->mode == MODE_PROT32 && !long_mode(v) && v->flat &&
	       v->s.seg[SEG_SS].attr & ATTR_DB;
}

/* ---- events --------------------------------------------------------------------------------- */

/* The gate of E's vector, SIZE bytes of it in IMAGE. */
static inline bool quick_gate(struct vcpu *v, const struct event *e, u32 size, u64 *image)
{
	u32 offset = e->vector * size;
	const u8 *host;

	if (unlikely(offset + size - 1 > v->s.idt.limit))
		return false;
	host = mmu_ram(v, v->s.idt.base + offset, size, RIGHT_SUPER, ACC_READ);
	if (unlikely(!host))
		return false;
	__builtin_memcpy(image, host, size);
	return (DESC_TYPE(image[0]) | 1) == SYS_TRAP32 && image[0] & DESC_P &&
	       (!e->soft || DESC_DPL(image[0]) >= v->cpl);
}

static inline u32 get32(const u8 *host)
{
	u32 value;

	__builtin_memcpy(&value, host, 4);
	__asm__("" : "+r"(value)); /* not to be made one load with the next */
	return value;
}

/* The TSS's 8 bytes at OFFSET: read by halves, because no processor aligns them, and AC may be set
 * (fpu.h). */
static inline bool quick_tss(struct vcpu *v, u32 offset, u64 *value)
{
	const struct segment *tr = &v->s.seg[SEG_TR];
	const u8 *host;

	if (unlikely(offset + 7 > tr->limit))
		return false;
	host = mmu_ram(v, tr->base + offset, 8, RIGHT_SUPER, ACC_READ);
	if (unlikely(!host))
		return false;
	*value = get32(host) | (u64)get32(host + 4) << 32;
	return true;
}

static inline void put(u8 *host, u64 value, u32 size)
{
	__builtin_memcpy(host, &value, size);
}

/* Push E's frame below *RSP at CPL, values of SIZE bytes, RSP and SS among them if STACK. One by
 * one: what compilers make of a loop here is REP MOVS. */
static inline __attribute__((always_inline)) bool
quick_push(struct vcpu *v, const struct event *e, bool stack, u32 size, u64 *rsp, unsigned int cpl)
{
	enum mmu_right right = cpl == 3 ? RIGHT_USER : mmu_right_super(v);
	u32 all = (3 + 2 * stack + e->has_error) * size;
	u8 *host = mmu_ram(v, *rsp - all, all, right, ACC_WRITE);

	if (unlikely(!host))
		return false;
	*rsp -= all;
	if (e->has_error) {
		put(host, e->error, size);
		host += size;
	}
	put(host, e->rip, size);
	put(host + size, v->s.seg[SEG_CS].selector, size);
	put(host + 2 * size, e->rflags, size);
	if (stack) {
		put(host + 3 * size, v->s.gpr[RSP], size);
		put(host + 4 * size, v->s.seg[SEG_SS].selector, size);
	}
	return true;
}

static inline void enter_handler(struct vcpu *v, u64 gate, u64 d, unsigned int cpl, u64 rsp,
				 u64 rip)
{
	v->s.seg[SEG_CS] = segment_from((u16)(selector_error((u16)(gate >> 16)) | cpl), d);
	v->s.gpr[RSP] = rsp;
	v->s.rip = rip;
	v->s.rflags &= ~(RFLAGS_TF | RFLAGS_NT | RFLAGS_RF);
	if (!(DESC_TYPE(gate) & 1))
		v->s.rflags &= ~RFLAGS_IF;
}

static bool deliver64(struct vcpu *v, const struct event *e)
{
	u64 gate[2], d, rip, rsp = v->s.gpr[RSP];
	unsigned int ist, cpl;

	if (!quick_gate(v, e, 16, gate))
		return false;
	d = descriptor(v, (u16)(gate[0] >> 16));
	cpl = DESC_DPL(d);
	rip = (gate[0] & 0xffff) | (gate[0] >> 32 & 0xffff0000) | gate[1] << 32;
	if (!d || cpl > v->cpl || !is_code(d, cpl, true) || !canonical(rip))
		return false;
	ist = (unsigned int)(gate[0] >> 32) & 7;
	if ((ist || cpl < v->cpl) && !quick_tss(v, ist ? 28 + 8 * ist : 4 + 8 * cpl, &rsp))
		return false;
	rsp &= ~15ull;
	if (!quick_push(v, e, true, 8, &rsp, cpl))
		return false;
	if (cpl < v->cpl)
		v->s.seg[SEG_SS] = segment_null((u16)cpl, cpl);
	enter_handler(v, gate[0], d, cpl, rsp, rip);
	vcpu_derive_cpl(v);
	return true;
}

static bool deliver32(struct vcpu *v, const struct event *e)
{
	struct segment ss = v->s.seg[SEG_SS];
	unsigned int cpl;
	u64 gate, d, inner, rsp = (u32)v->s.gpr[RSP];

	if (!quick_gate(v, e, 8, &gate))
		return false;
	d = descriptor(v, (u16)(gate >> 16));
	cpl = DESC_DPL(d);
	if (!d || cpl > v->cpl || !is_code(d, cpl, false))
		return false;
	if (cpl < v->cpl) {
		if (!(v->s.seg[SEG_TR].attr & 8) || !quick_tss(v, 4 + 8 * cpl, &inner) ||
		    !quick_ss(v, (u16)(inner >> 32), cpl, false, &ss))
			return false;
		rsp = (u32)inner;
	}
	/* The address space's end is no place to be quick. */
	if (rsp < 24 || !quick_push(v, e, cpl < v->cpl, 4, &rsp, cpl))
		return false;
	v->s.seg[SEG_SS] = ss;
	enter_handler(v, gate, d, cpl, rsp, (gate & 0xffff) | (gate >> 32 & 0xffff0000));
	vcpu_derive_cpl(v);
	return true;
}

bool deliver_quick(struct vcpu *v, const struct event *e)
{
	/* Breakpoints see what is pushed. */
	if (unlikely(v->s.dr7 & DR7_ON))
		return false;
	if (likely(v->mode == MODE_LONG64))
		return deliver64(v, e);
	return flat32(v) && deliver32(v, e);
}

/* ---- IRET ----------------------------------------------------------------------------------- */

static bool iret64(struct vcpu *v)
{
	const u8 *host = mmu_ram(v, v->s.gpr[RSP], 40, mmu_right_quick(v), ACC_READ);
	u64 word[5], d, mask = iret_flags(v, 8);
	struct segment ss;
	unsigned int cpl;

	if (unlikely(!host))
		return false;
	__builtin_memcpy(word, host, sizeof(word));
	cpl = word[1] & 3;
	d = descriptor(v, (u16)word[1]);
	if (!d || cpl < v->cpl || !is_code(d, cpl, true) || !canonical(word[0]))
		return false;
	if (!quick_ss(v, (u16)word[4], cpl, true, &ss))
		return false;
	v->s.seg[SEG_CS] = segment_from((u16)word[1], d);
	v->s.seg[SEG_SS] = ss;
	v->s.gpr[RSP] = word[3];
	v->s.rip = word[0];
	set_rflags(v, word[2], mask);
	if (cpl > v->cpl) {
		vcpu_derive_cpl(v);
		drop_segments(v);
	}
	return true;
}

static bool iret32(struct vcpu *v)
{
	u32 esp = (u32)v->s.gpr[RSP];
	const u8 *host = mmu_ram(v, esp, 20, mmu_right_quick(v), ACC_READ);
	struct segment ss = v->s.seg[SEG_SS];
	u64 d, mask = iret_flags(v, 4);
	unsigned int cpl;
	u32 word[5];

	if (unlikely(!host))
		return false;
	__builtin_memcpy(word, host, sizeof(word));
	cpl = word[1] & 3;
	d = descriptor(v, (u16)word[1]);
	if (!d || cpl < v->cpl || !is_code(d, cpl, false) || word[2] & RFLAGS_VM)
		return false;
	if (cpl > v->cpl && !quick_ss(v, (u16)word[4], cpl, false, &ss))
		return false;
	v->s.gpr[RSP] = cpl > v->cpl ? word[3] : esp + 12;
	v->s.seg[SEG_CS] = segment_from((u16)word[1], d);
	v->s.seg[SEG_SS] = ss;
	v->s.rip = word[0];
	set_rflags(v, word[2], mask);
	if (cpl > v->cpl) {
		v->cpl = (u8)cpl;
		drop_segments(v);
		vcpu_derive(v);
	}
	return true;
}

bool iret_quick(struct vcpu *v, u8 size)
{
	if (unlikely(v->s.rflags & RFLAGS_NT || v->s.dr7 & DR7_ON))
		return false;
	if (likely(v->mode == MODE_LONG64))
		return size == 8 && iret64(v);
	return size == 4 && flat32(v) && iret32(v);
}
