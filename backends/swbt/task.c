/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches. SDM vol. 3A ch. 7, above all 7.3. Faults up to the change of TR are the
 * old task's and leave the registers alone; those after it, the new one's.
 */
#include "backends/swbt/mem.h"
#include "backends/swbt/transfer.h"

#define TSS_LINK   0
#define TSS32_CR3  0x1c
#define TSS32_TRAP 0x64
#define TSS32_SIZE 0x68

#define DR6_BT	   BIT64(15)
#define DR7_LOCAL  0x155ull /* L0-L3, LE */
#define FLAGS_KEPT 0x3f7fd5ull

/* Both kinds of TSS hold, from `ip` on: IP, FLAGS, eight general registers and the segment
 * registers in the order of their encodings, and the LDT's selector. */
struct tss_format {
	u8 width; /* bytes of a field */
	u8 ip, flags, gpr, seg, ldt;
	u8 nr_seg;
	u8 limit; /* the least that the descriptor's may be */
};
static const struct tss_format tss16 = { 2, 0x0e, 0x10, 0x12, 0x22, 0x2a, 4, 0x2b };
static const struct tss_format tss32 = { 4, 0x20, 0x24, 0x28, 0x48, 0x60, 6, 0x67 };

static const struct tss_format *format_of(u32 type)
{
	return type & 8 ? &tss32 : &tss16;
}

static u32 field(const struct tss_format *f, const u8 *image, unsigned int at)
{
	u32 wide;
	u16 narrow;

	if (f->width == 4) {
		__builtin_memcpy(&wide, image + at, 4);
		return wide;
	}
	__builtin_memcpy(&narrow, image + at, 2);
	return narrow;
}

static void set_field(const struct tss_format *f, u8 *image, unsigned int at, u64 value)
{
	if (f->width == 4)
		__builtin_memcpy(image + at, &value, 4);
	else
		__builtin_memcpy(image + at, &value, 2);
}

/* ---- the old task --------------------------------------------------------------------------- */

static int save(struct vcpu *v, u64 rip, u64 rflags)
{
	const struct segment *tr = &v->s.seg[SEG_TR];
	const struct tss_format *f = format_of(tr->attr);
	u8 image[TSS32_SIZE];

	set_field(f, image, f->ip, rip);
	set_field(f, image, f->flags, rflags);
	for (unsigned int n = 0; n < 8; n++)
		set_field(f, image, f->gpr + n * f->width, v->s.gpr[n]);
	for (unsigned int n = 0; n < f->nr_seg; n++)
		set_field(f, image, f->seg + n * f->width, v->s.seg[n].selector);
	return lin_write(v, tr->base + f->ip, image + f->ip, f->ldt - f->ip, ACC_SYSTEM);
}

static int set_busy(struct vcpu *v, u64 address, u64 d, bool busy)
{
	u8 access = (u8)(d >> 40 & ~2ull) | (busy ? 2 : 0);

	return lin_write(v, address + 5, &access, 1, ACC_SYSTEM);
}

/* ---- the new task --------------------------------------------------------------------------- */

static int bad(struct vcpu *v, enum vector vector, u16 selector)
{
	return raise_err(v, vector, selector_error(selector));
}

/* Descriptor of the TSS to go to, if it may be gone to for REASON. */
static int find_tss(struct vcpu *v, u16 selector, enum task_reason reason, u64 *d, u64 *address)
{
	enum vector vector = reason == TASK_IRET ? TS : GP;
	u32 busy = reason == TASK_IRET ? 2 : 0, type;

	if (selector_null(selector) || selector & 4)
		return bad(v, vector, selector);
	if (read_descriptor(v, selector, vector, d, address))
		return EXC;
	type = DESC_TYPE(*d);
	if (type != (SYS_TSS16 | busy) && type != (SYS_TSS32 | busy))
		return bad(v, vector, selector);
	if (!(*d & DESC_P))
		return bad(v, NP, selector);
	if (segment_from(selector, *d).limit < format_of(type)->limit)
		return bad(v, TS, selector);
	return 0;
}

static int load_ldt(struct vcpu *v, u16 selector)
{
	u64 d;

	v->s.seg[SEG_LDT] = segment_null(selector, 0);
	if (selector_null(selector))
		return 0;
	if (selector & 4)
		return bad(v, TS, selector);
	if (read_descriptor(v, selector, TS, &d, NULL))
		return EXC;
	if (DESC_TYPE(d) != SYS_LDT || !(d & DESC_P))
		return bad(v, TS, selector);
	v->s.seg[SEG_LDT] = segment_from(selector, d);
	return 0;
}

static int load_code(struct vcpu *v, u16 selector)
{
	unsigned int rpl = selector & 3;
	struct seg_load l;
	u64 d;

	if (selector_null(selector))
		return bad(v, TS, selector);
	if (read_descriptor(v, selector, TS, &d, &l.address))
		return EXC;
	if (!desc_is_code(d) || (desc_is_conforming(d) ? DESC_DPL(d) > rpl : DESC_DPL(d) != rpl))
		return bad(v, TS, selector);
	if (!(d & DESC_P))
		return bad(v, NP, selector);
	l.s = segment_from(selector, d);
	if (segment_accessed(v, &l))
		return EXC;
	v->s.seg[SEG_CS] = l.s;
	return 0;
}

static int load_stack_or_data(struct vcpu *v, enum seg seg, unsigned int cpl)
{
	u16 selector = v->s.seg[seg].selector;
	struct seg_load l;
	int r;

	if (selector_null(selector))
		return seg == SEG_SS ? bad(v, TS, selector) : 0;
	r = seg == SEG_SS ? segment_check_stack(v, selector, cpl, TS, &l)
			  : segment_check_data(v, selector, cpl, TS, &l);
	if (r || segment_accessed(v, &l))
		return EXC;
	v->s.seg[seg] = l.s;
	return 0;
}

static int load_segments(struct vcpu *v, u16 ldt)
{
	static const u8 order[] = { SEG_SS, SEG_ES, SEG_DS, SEG_FS, SEG_GS };
	unsigned int cpl = v->s.seg[SEG_CS].selector & 3;

	if (load_ldt(v, ldt))
		return EXC;
	if (v->s.rflags & RFLAGS_VM) {
		for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
			v->s.seg[n] = segment_unprotected(v, n, v->s.seg[n].selector);
		return 0;
	}
	if (load_code(v, v->s.seg[SEG_CS].selector))
		return EXC;
	for (unsigned int n = 0; n < ARRAY_SIZE(order); n++)
		if (load_stack_or_data(v, order[n], cpl))
			return EXC;
	return 0;
}

/* Registers from the image. Segment registers hold their selectors and nothing else until each has
 * been checked, so that a fault's handler finds them. */
static void load_registers(struct vcpu *v, const struct tss_format *f, const u8 *image, bool nested)
{
	unsigned int cpl = field(f, image, f->seg + SEG_CS * f->width) & 3;

	v->s.rip = field(f, image, f->ip);
	set_rflags(v, field(f, image, f->flags) | (nested ? RFLAGS_NT : 0), FLAGS_KEPT);
	for (unsigned int n = 0; n < 8; n++)
		v->s.gpr[n] = field(f, image, f->gpr + n * f->width);
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++) {
		u16 selector = n < f->nr_seg ? (u16)field(f, image, f->seg + n * f->width) : 0;

		v->s.seg[n] = segment_null(selector, cpl);
	}
}

static int trap_bit(struct vcpu *v, const struct tss_format *f, const u8 *image)
{
	if (f->width != 4 || !(image[TSS32_TRAP] & 1))
		return 0;
	raise_exc(v, DB);
	v->exc.dr6 = DR6_BT;
	v->exc.trap = true;
	return EXC;
}

static int push_error(struct vcpu *v, const struct tss_format *f, u32 error)
{
	u64 rsp = v->s.gpr[RSP];

	if (push_at(v, &rsp, error, f->width))
		return EXC;
	set_rsp(v, rsp);
	return 0;
}

/* The new task from its TSS's IMAGE; TR is its own already. */
static int begin(struct vcpu *v, const u8 *image, bool nested)
{
	const struct tss_format *f = format_of(v->s.seg[SEG_TR].attr);
	u16 ldt = (u16)field(f, image, f->ldt);
	int r;

	v->s.cr0 |= CR0_TS;
	v->s.dr7 &= ~DR7_LOCAL;
	load_registers(v, f, image, nested);
	vcpu_derive(v);
	if (f->width == 4 && v->s.cr0 & CR0_PG && set_cr3(v, field(f, image, TSS32_CR3)))
		return EXC;
	r = load_segments(v, ldt);
	vcpu_derive(v);
	return r || target_check(v, &v->s.seg[SEG_CS], v->s.rip);
}

int task_switch(struct vcpu *v, u16 selector, enum task_reason reason, bool has_error, u32 error,
		u64 next_rip)
{
	bool nested = reason == TASK_CALL || reason == TASK_GATE;
	u16 old = v->s.seg[SEG_TR].selector;
	const struct tss_format *f;
	u8 image[TSS32_SIZE];
	u64 d, address, old_d, old_address;
	struct segment tr;

	if (find_tss(v, selector, reason, &d, &address) ||
	    read_descriptor(v, old, TS, &old_d, &old_address))
		return EXC;
	tr = segment_from(selector, d);
	tr.attr |= 2; /* busy */
	f = format_of(tr.attr);
	if (lin_read(v, tr.base, image, f->limit + 1u, ACC_SYSTEM) ||
	    save(v, next_rip, reason == TASK_IRET ? v->s.rflags & ~RFLAGS_NT : v->s.rflags))
		return EXC;
	if (nested && lin_write(v, tr.base + TSS_LINK, &old, 2, ACC_SYSTEM))
		return EXC;
	if (!nested && set_busy(v, old_address, old_d, false))
		return EXC;
	if (reason != TASK_IRET && set_busy(v, address, d, true))
		return EXC;
	v->s.seg[SEG_TR] = tr;
	if (begin(v, image, nested) || (has_error && push_error(v, f, error)))
		return EXC;
	return trap_bit(v, f, image);
}
