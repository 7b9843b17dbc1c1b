/* SPDX-License-Identifier: MIT */
#include "backends/swbt/vcpu.h"

#include "backends/swbt/mem.h"

#define TYPE_CODE	 BIT(3)
#define TYPE_WRITE	 BIT(1) /* of data; of code it means readable */
#define TYPE_EXPAND_DOWN BIT(2)

static enum cpu_mode mode_of(const struct vcpu *v)
{
	u32 cs = v->s.seg[SEG_CS].attr;

	if (!protected_mode(v))
		return MODE_REAL;
	if (v->s.rflags & RFLAGS_VM)
		return MODE_VM86;
	if (long_mode(v) && cs & ATTR_L)
		return MODE_LONG64;
	return cs & ATTR_DB ? MODE_PROT32 : MODE_PROT16;
}

/* Can every access through SEG skip the segment: data that expands up and is writable, or code that
 * is readable, from 0 to 4 GiB? */
static bool flat_segment(const struct vcpu *v, enum seg seg)
{
	const struct segment *s = &v->s.seg[seg];
	u32 need = ATTR_P | ATTR_S | TYPE_WRITE;
	u32 mask = need | ATTR_UNUSABLE;

	if (seg == SEG_CS || s->attr & TYPE_CODE)
		return seg == SEG_CS && !s->base && s->limit == 0xffffffff &&
		       (s->attr & mask) == need;
	return !s->base && s->limit == 0xffffffff && (s->attr & (mask | TYPE_EXPAND_DOWN)) == need;
}

void vcpu_derive(struct vcpu *v)
{
	static const u64 ip_mask[] = {
		[MODE_REAL] = 0xffff,	    [MODE_VM86] = 0xffff,  [MODE_PROT16] = 0xffff,
		[MODE_PROT32] = 0xffffffff, [MODE_LONG64] = ~0ull,
	};

	v->mode = mode_of(v);
	v->ip_mask = ip_mask[v->mode];
	v->cpl = (v->s.seg[SEG_SS].attr & ATTR_DPL) >> ATTR_DPL_SHIFT;
	v->flat = v->mode == MODE_LONG64;
	if (v->mode == MODE_REAL)
		v->cpl = 0;
	else if (v->mode == MODE_VM86)
		v->cpl = 3;
	else if (v->mode != MODE_LONG64)
		v->flat = flat_segment(v, SEG_CS) && flat_segment(v, SEG_SS) &&
			  flat_segment(v, SEG_DS) && flat_segment(v, SEG_ES);
	mmu_rights_changed(v);
}

int raise_exc(struct vcpu *v, enum vector vector)
{
	v->exc = (struct exception){ .vector = (u8)vector };
	return EXC;
}

int raise_err(struct vcpu *v, enum vector vector, u32 error)
{
	bool has_error = protected_mode(v);

	v->exc = (struct exception){ .vector = (u8)vector,
				     .has_error = has_error,
				     .error = has_error ? error : 0 };
	return EXC;
}

int raise_pf(struct vcpu *v, u64 address, u32 error)
{
	v->exc = (struct exception){
		.vector = PF, .has_error = true, .error = error, .cr2 = address
	};
	return EXC;
}
