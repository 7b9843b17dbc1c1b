/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and the checks of loading segment registers from them; shared by the far transfers,
 * event delivery and task switches. SDM vol. 3A 3.4, 3.5, 5.5 to 5.8.
 */
#ifndef FVB_SWBT_SEGMENT_H
#define FVB_SWBT_SEGMENT_H

#include "backends/swbt/emulate.h"

/* Fields of an 8-byte descriptor. */
#define DESC_TYPE(d) ((u32)((d) >> 40) & 0x1f) /* S and type */
#define DESC_DPL(d)  ((unsigned int)((d) >> 45) & 3)
#define DESC_P	     BIT64(47)
#define DESC_L	     BIT64(53)
#define DESC_DB	     BIT64(54)
#define DESC_G	     BIT64(55)

/* System descriptors by DESC_TYPE. SDM vol. 3A table 3-2. */
enum system_type {
	SYS_TSS16 = 1,
	SYS_LDT = 2,
	SYS_TSS16_BUSY = 3,
	SYS_CALL16 = 4,
	SYS_TASK = 5,
	SYS_INT16 = 6,
	SYS_TRAP16 = 7,
	SYS_TSS32 = 9, /* and 64-bit, as all that follow */
	SYS_TSS32_BUSY = 11,
	SYS_CALL32 = 12,
	SYS_INT32 = 14,
	SYS_TRAP32 = 15,
};

static inline bool desc_is_code(u64 d)
{
	return (DESC_TYPE(d) & 0x18) == 0x18;
}
static inline bool desc_is_conforming(u64 d)
{
	return (DESC_TYPE(d) & 0x1c) == 0x1c;
}
static inline bool desc_is_writable(u64 d)
{
	return (DESC_TYPE(d) & 0x1a) == 0x12;
}

/* Error code that names SELECTOR. */
static inline u32 selector_error(u16 selector)
{
	return selector & 0xfffc;
}
static inline bool selector_null(u16 selector)
{
	return !(selector & 0xfffc);
}

/* What a register that is loaded with SELECTOR gets from its descriptor D. Inline, because copies
 * of what has just been stored in parts are slow. */
static inline struct segment segment_from(u16 selector, u64 d)
{
	u32 limit = (u32)((d & 0xffff) | (d >> 32 & 0xf0000));

	return (struct segment){
		.base = (d >> 16 & 0xffffff) | (d >> 56) << 24,
		.limit = d & DESC_G ? limit << 12 | 0xfff : limit,
		.attr = d >> 40 & 0xf0ff,
		.selector = selector,
	};
}

/* What a null SELECTOR leaves in a register; CPL counts for SS only. */
static inline struct segment segment_null(u16 selector, unsigned int cpl)
{
	return (struct segment){ .selector = selector,
				 .attr = ATTR_UNUSABLE | cpl << ATTR_DPL_SHIFT };
}

/* Real or virtual-8086 mode: selectors are paragraphs. */
static inline bool unprotected(const struct vcpu *v)
{
	return v->mode == MODE_REAL || v->mode == MODE_VM86;
}

static inline unsigned int iopl(const struct vcpu *v)
{
	return (unsigned int)(v->s.rflags >> 12) & 3;
}

/* Does the guest's CPUID name AMD or Hygon? Their processors differ in a few far transfers. */
bool vendor_is_amd(const struct vcpu *v);

/* A register's new content, checked but not loaded yet: until then the accessed bit stays. */
struct seg_load {
	struct segment s;
	u64 address; /* linear, of the descriptor; meaningless if unusable or accessed already */
};

/* Set the accessed bit in L's descriptor, if it is not set, and in L. 0 or EXC. */
int segment_accessed(struct vcpu *v, struct seg_load *l);

/* SEG as real or virtual-8086 mode (by RFLAGS.VM) loads it with SELECTOR. */
struct segment segment_unprotected(const struct vcpu *v, enum seg seg, u16 selector);

/* SELECTOR, not null, as stack segment for CPL / as data segment at CPL (DS, ES, FS, GS). Failures
 * raise VECTOR (#GP or #TS), or #SS / #NP if not present, with the selector. 0 or EXC. */
int segment_check_stack(struct vcpu *v, u16 selector, unsigned int cpl, enum vector vector,
			struct seg_load *l);
int segment_check_data(struct vcpu *v, u16 selector, unsigned int cpl, enum vector vector,
		       struct seg_load *l);

#endif
