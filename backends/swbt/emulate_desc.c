/* SPDX-License-Identifier: MIT */
/* Descriptor-table registers and the instructions that ask about descriptors. SDM vol. 2. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/segment.h"

static bool canonical(u64 address)
{
	return (u64)((s64)(address << 16) >> 16) == address;
}

static enum emulate_result store_table(struct vcpu *v, const struct insn *i,
				       const struct table_reg *t)
{
	u8 image[10];
	u64 base = t->base;

	if (v->s.cr4 & CR4_UMIP && v->cpl)
		return emu_gp(v);
	__builtin_memcpy(image, &t->limit, 2);
	__builtin_memcpy(image + 2, &base, 8);
	return mem_write(v, i->mem_seg, insn_ea(i, v, v->s.rip), image,
			 v->mode == MODE_LONG64 ? 10 : 6)
		       ? EMU_FAULT
		       : EMU_NEXT;
}

static enum emulate_result load_table(struct vcpu *v, const struct insn *i, struct table_reg *t)
{
	u8 image[10] = { 0 };
	u64 base = 0;

	if (v->cpl)
		return emu_gp(v);
	if (mem_read(v, i->mem_seg, insn_ea(i, v, v->s.rip), image,
		     v->mode == MODE_LONG64 ? 10 : 6))
		return EMU_FAULT;
	__builtin_memcpy(&base, image + 2, 8);
	if (v->mode != MODE_LONG64)
		base &= i->opsize == 2 ? 0xffffff : 0xffffffff;
	else if (!canonical(base))
		return emu_gp(v);
	__builtin_memcpy(&t->limit, image, 2);
	t->base = base;
	return EMU_NEXT;
}

enum emulate_result emu_sgdt(struct vcpu *v, const struct insn *i)
{
	return store_table(v, i, &v->s.gdt);
}

enum emulate_result emu_sidt(struct vcpu *v, const struct insn *i)
{
	return store_table(v, i, &v->s.idt);
}

enum emulate_result emu_lgdt(struct vcpu *v, const struct insn *i)
{
	return load_table(v, i, &v->s.gdt);
}

enum emulate_result emu_lidt(struct vcpu *v, const struct insn *i)
{
	return load_table(v, i, &v->s.idt);
}

static enum emulate_result store_selector(struct vcpu *v, const struct insn *i, enum seg seg)
{
	if (unprotected(v))
		return emu_ud(v);
	if (v->s.cr4 & CR4_UMIP && v->cpl)
		return emu_gp(v);
	return operand_set(v, i, 0, v->s.seg[seg].selector) ? EMU_FAULT : EMU_NEXT;
}

enum emulate_result emu_sldt(struct vcpu *v, const struct insn *i)
{
	return store_selector(v, i, SEG_LDT);
}

enum emulate_result emu_str(struct vcpu *v, const struct insn *i)
{
	return store_selector(v, i, SEG_TR);
}

/* The upper half of a 16-byte system descriptor of long mode. 0 or EXC. */
static int upper_base(struct vcpu *v, u16 selector, u64 address, struct segment *s)
{
	u64 upper = 0;

	if (!long_mode(v))
		return 0;
	if ((selector | 7u) + 8u > v->s.gdt.limit)
		return raise_err(v, GP, selector_error(selector));
	if (lin_read(v, address + 8, &upper, 8, ACC_READ | ACC_SYSTEM))
		return EXC;
	if (upper >> 40 & 0x1f) /* the type field there must be zero */
		return raise_err(v, GP, selector_error(selector));
	s->base |= upper << 32;
	return canonical(s->base) ? 0 : raise_err(v, GP, selector_error(selector));
}

static enum emulate_result bad_selector(struct vcpu *v, enum vector vector, u16 selector)
{
	raise_err(v, vector, selector_error(selector));
	return EMU_FAULT;
}

/* What LLDT and LTR have in common: the right to do it, and a selector that is in the GDT. */
static int table_selector(struct vcpu *v, const struct insn *i, u16 *selector)
{
	u64 value;

	if (unprotected(v))
		return raise_exc(v, UD);
	if (v->cpl)
		return raise_err(v, GP, 0);
	if (operand_get(v, i, 0, &value))
		return EXC;
	*selector = (u16)value;
	return *selector & 4 ? raise_err(v, GP, selector_error(*selector)) : 0;
}

enum emulate_result emu_lldt(struct vcpu *v, const struct insn *i)
{
	struct segment s;
	u64 d, address;
	u16 selector;

	if (table_selector(v, i, &selector))
		return EMU_FAULT;
	if (selector_null(selector)) {
		v->s.seg[SEG_LDT] = (struct segment){ .selector = selector, .attr = ATTR_UNUSABLE };
		return EMU_NEXT;
	}
	if (read_descriptor(v, selector, GP, &d, &address))
		return EMU_FAULT;
	if (DESC_TYPE(d) != SYS_LDT)
		return bad_selector(v, GP, selector);
	if (!(d & DESC_P))
		return bad_selector(v, NP, selector);
	s = segment_from(selector, d);
	if (upper_base(v, selector, address, &s))
		return EMU_FAULT;
	v->s.seg[SEG_LDT] = s;
	return EMU_NEXT;
}

enum emulate_result emu_ltr(struct vcpu *v, const struct insn *i)
{
	struct segment s;
	u64 d, address;
	u16 selector;

	if (table_selector(v, i, &selector))
		return EMU_FAULT;
	if (selector_null(selector))
		return emu_gp(v);
	if (read_descriptor(v, selector, GP, &d, &address))
		return EMU_FAULT;
	if (DESC_TYPE(d) != SYS_TSS32 && (long_mode(v) || DESC_TYPE(d) != SYS_TSS16))
		return bad_selector(v, GP, selector);
	if (!(d & DESC_P))
		return bad_selector(v, NP, selector);
	s = segment_from(selector, d);
	if (upper_base(v, selector, address, &s))
		return EMU_FAULT;
	d |= BIT64(41); /* busy */
	if (lin_write(v, address, &d, 8, ACC_WRITE | ACC_SYSTEM))
		return EMU_FAULT;
	s.attr |= 2;
	v->s.seg[SEG_TR] = s;
	return EMU_NEXT;
}

/* The descriptor of SELECTOR if it exists at all; no fault but those of memory. 1: there; 0: not;
 * -1: EXC. */
static int peek_descriptor(struct vcpu *v, u16 selector, u64 *d)
{
	const struct segment *ldt = &v->s.seg[SEG_LDT];
	u64 base = selector & 4 ? ldt->base : v->s.gdt.base;
	u32 limit = selector & 4 ? ldt->limit : v->s.gdt.limit;

	if (selector_null(selector) || (selector & 4 && ldt->attr & ATTR_UNUSABLE) ||
	    (selector | 7u) > limit)
		return 0;
	return lin_read(v, base + (selector & 0xfff8), d, 8, ACC_READ | ACC_SYSTEM) ? -1 : 1;
}

static bool visible(const struct vcpu *v, u16 selector, u64 d)
{
	unsigned int rpl = selector & 3, dpl = DESC_DPL(d);

	/* Conforming code is there for everybody. */
	if (desc_is_conforming(d))
		return true;
	return dpl >= v->cpl && dpl >= rpl;
}

static enum emulate_result say(struct vcpu *v, bool yes)
{
	v->s.rflags = (v->s.rflags & ~RFLAGS_ZF) | (yes ? RFLAGS_ZF : 0);
	return EMU_NEXT;
}

/* System types that LAR and LSL accept, as bits; SDM vol. 2 LAR table 3-53, LSL table 3-57. */
#define LAR_LEGACY 0x1a3e
#define LAR_LONG   0x1a04
#define LSL_LEGACY 0x0a0e
#define LSL_LONG   0x0a04

/* Reads the selector of operand 1 and its descriptor; *THERE says whether LAR/LSL may show it. */
static int query(struct vcpu *v, const struct insn *i, u32 legacy, u32 longs, u64 *d, bool *there)
{
	u64 value;
	int r;

	if (operand_get(v, i, 1, &value))
		return EXC;
	r = peek_descriptor(v, (u16)value, d);
	if (r < 0)
		return EXC;
	*there = r && visible(v, (u16)value, *d);
	if (*there && !(DESC_TYPE(*d) & 0x10))
		*there = (long_mode(v) ? longs : legacy) >> DESC_TYPE(*d) & 1;
	return 0;
}

/* LAR, or LSL. */
static enum emulate_result load_part(struct vcpu *v, const struct insn *i, bool limit)
{
	bool there;
	u64 d;

	if (unprotected(v))
		return emu_ud(v);
	if (query(v, i, limit ? LSL_LEGACY : LAR_LEGACY, limit ? LSL_LONG : LAR_LONG, &d, &there))
		return EMU_FAULT;
	if (there)
		gpr_set(v, i->op[0].reg, i->opsize, false,
			limit ? segment_from(0, d).limit
			      : d >> 32 & (i->opsize == 2 ? 0xff00 : 0x00ffff00));
	return say(v, there);
}

enum emulate_result emu_lar(struct vcpu *v, const struct insn *i)
{
	return load_part(v, i, false);
}

enum emulate_result emu_lsl(struct vcpu *v, const struct insn *i)
{
	return load_part(v, i, true);
}

static enum emulate_result verify(struct vcpu *v, const struct insn *i, bool write)
{
	u64 value, d = 0;
	bool code, ok;
	int r;

	if (unprotected(v))
		return emu_ud(v);
	if (operand_get(v, i, 0, &value))
		return EMU_FAULT;
	r = peek_descriptor(v, (u16)value, &d);
	if (r < 0)
		return EMU_FAULT;
	ok = r && DESC_TYPE(d) & 0x10 && visible(v, (u16)value, d);
	code = DESC_TYPE(d) & 8;
	/* Bit 1: code that may be read, data that may be written. */
	if (write)
		ok = ok && !code && DESC_TYPE(d) & 2;
	else
		ok = ok && (!code || DESC_TYPE(d) & 2);
	return say(v, ok);
}

enum emulate_result emu_verr(struct vcpu *v, const struct insn *i)
{
	return verify(v, i, false);
}

enum emulate_result emu_verw(struct vcpu *v, const struct insn *i)
{
	return verify(v, i, true);
}

enum emulate_result emu_arpl(struct vcpu *v, const struct insn *i)
{
	u64 to, from;

	if (unprotected(v))
		return emu_ud(v);
	if (operand_get(v, i, 0, &to) || operand_get(v, i, 1, &from))
		return EMU_FAULT;
	if ((to & 3) >= (from & 3))
		return say(v, false);
	if (operand_set(v, i, 0, (to & ~3ull) | (from & 3)))
		return EMU_FAULT;
	return say(v, true);
}
