/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/segments.h"

#include "backends/swbt/direct/compat.h"
#include "backends/swbt/segment.h"

#include <asm/ldt.h>
#include <errno.h>
#include <sys/syscall.h>

#define TI	   4
#define USER	   3 /* RPL */
#define EXPANDS	   4 /* of ATTR_TYPE, data: expand-down; code: conforming */
#define CODE	   8
#define WRITE_READ 2 /* data: writable; code: readable */
#define ACCESSED   1

/* Of attr, what a descriptor at CPL 3 has of it. */
#define SHADOWED (ATTR_TYPE | ATTR_S | ATTR_P | ATTR_DB)

/* ---- one descriptor ---------------------------------------------------------------------------
 */

static bool unusable(const struct segment *s)
{
	return s->attr & ATTR_UNUSABLE || !(s->attr & ATTR_P);
}

/* Where S's descriptor goes; -1: nowhere. */
static int slot_of(const struct segment *s)
{
	unsigned int index = s->selector >> 3;

	if (index >= SEGMENTS_LDT || selector_null(s->selector))
		return -1;
	return (int)(s->selector & TI ? index + SEGMENTS_LDT : index);
}

static u16 selector_of(int slot)
{
	return (u16)(slot << 3 | TI | USER);
}

static bool same(const struct segment *a, const struct segment *b)
{
	return a->base == b->base && a->limit == b->limit &&
	       !((a->attr ^ b->attr) & (SHADOWED & ~(u32)ACCESSED));
}

/* Only of code and stacks, and of what expands down, does it matter whether a segment is a 16-bit
 * one, which not every kernel has. */
static struct user_desc describe(const struct segment *s, int slot, u32 compat)
{
	u32 type = s->attr & ATTR_TYPE;

	/* The limit is in bytes here: beyond 1 MiB it ends with a page. */
	return (struct user_desc){
		.entry_number = (u32)slot,
		.base_addr = (u32)s->base,
		.limit = s->limit >> 20 ? s->limit >> 12 : s->limit,
		.limit_in_pages = s->limit >> 20 != 0,
		.seg_32bit = s->attr & ATTR_DB || !(compat & COMPAT_16),
		.contents = type & CODE	     ? MODIFY_LDT_CONTENTS_CODE
			    : type & EXPANDS ? MODIFY_LDT_CONTENTS_STACK
					     : MODIFY_LDT_CONTENTS_DATA,
		.read_exec_only = !(type & WRITE_READ),
	};
}

/* ---- all of them ------------------------------------------------------------------------------
 */

static bool fits(const struct vcpu *v, enum seg n, u32 compat)
{
	const struct segment *s = &v->s.seg[n];
	int slot = slot_of(s);

	if (n != SEG_CS && n != SEG_SS && unusable(s))
		return true;
	if (unusable(s) || slot < 0 || !(s->attr & ATTR_S))
		return false;
	if (!(s->attr & ATTR_DB) && (n == SEG_CS || n == SEG_SS) && !(compat & COMPAT_16))
		return false;
	/* B of a segment that expands down is its upper end. */
	if (!(s->attr & ATTR_DB) && (s->attr & (CODE | EXPANDS)) == EXPANDS)
		return compat & COMPAT_16;
	/* One index, two contents: the guest has changed its table in between. */
	for (unsigned int i = 0; i < n; i++)
		if (!unusable(&v->s.seg[i]) && slot_of(&v->s.seg[i]) == slot &&
		    !same(&v->s.seg[i], s))
			return false;
	return true;
}

bool segments_fit(const struct vcpu *v, u32 compat)
{
	if (!(compat & COMPAT_32))
		return false;
	for (unsigned int n = 0; n < SEGMENTS_REGS; n++)
		if (!fits(v, n, compat))
			return false;
	return true;
}

static u16 *selector_in(struct world_regs *r, enum seg n)
{
	u16 *const where[] = {
		[SEG_ES] = &r->es, [SEG_CS] = &r->cs, [SEG_SS] = &r->ss,
		[SEG_DS] = &r->ds, [SEG_FS] = &r->fs, [SEG_GS] = &r->gs,
	};

	return where[n];
}

/* The descriptor goes into the arguments that the call does not have. */
static struct world_call write_entry(const struct world *w, unsigned int nr, struct user_desc d)
{
	struct world_call c = { SYS_modify_ldt, { 0x11, 0, sizeof(d) } };

	_Static_assert(sizeof(d) == 2 * sizeof(c.arg[0]), "two arguments");
	c.arg[1] = w->transport->calls_at + nr * sizeof(c) + offsetof(struct world_call, arg[4]);
	__builtin_memcpy(&c.arg[4], &d, sizeof(d));
	return c;
}

int segments_out(struct segments *s, struct world *w, const struct vcpu *v, struct world_regs *r)
{
	struct world_call call[SEGMENTS_REGS];
	unsigned int nr = 0;

	for (unsigned int n = 0; n < SEGMENTS_REGS; n++) {
		const struct segment *want = &v->s.seg[n];
		int slot = slot_of(want);

		if (unusable(want)) {
			*selector_in(r, n) = 0;
			continue;
		}
		*selector_in(r, n) = selector_of(slot);
		if (!s->entry[slot].attr || !same(&s->entry[slot], want)) {
			call[nr] = write_entry(w, nr, describe(want, slot, s->compat));
			nr++;
		}
		s->entry[slot] = *want;
	}
	/* Transports load selectors and then bases. */
	r->fs_base = v->s.seg[SEG_FS].base;
	r->gs_base = v->s.seg[SEG_GS].base;
	return nr ? w->transport->calls(w, call, nr) : 0;
}

/* ---- loaded without a trap --------------------------------------------------------------------
 */

/* Could S, which another register of the guest's has or had, be in N at CPL? The world's
 * descriptors are all for CPL 3, and a signal frame may say anything of CS and SS. SDM vol. 3A 5.5
 * to 5.7. */
static bool could_be(const struct segment *s, enum seg n, unsigned int cpl)
{
	unsigned int dpl = (s->attr & ATTR_DPL) >> ATTR_DPL_SHIFT;
	bool code = s->attr & CODE;

	if (n == SEG_SS)
		return !code && s->attr & WRITE_READ && dpl == cpl;
	if (n == SEG_CS)
		return code && (s->attr & EXPANDS ? dpl <= cpl : dpl == cpl);
	return true;
}

static void take_over(struct segments *s, struct vcpu *v, enum seg n, u16 selector)
{
	unsigned int slot = selector >> 3;
	struct seg_load l;

	if (selector & TI) {
		if (slot >= SEGMENTS_NR || !s->entry[slot].attr ||
		    !could_be(&s->entry[slot], n, v->cpl))
			return;
		v->s.seg[n] = s->entry[slot];
		/* It was another register's, with an RPL of its own. */
		if (n == SEG_CS || n == SEG_SS)
			v->s.seg[n].selector = (u16)((v->s.seg[n].selector & ~USER) | v->cpl);
	} else if (selector_null(selector)) {
		if (n != SEG_CS && n != SEG_SS)
			v->s.seg[n] = segment_null(selector, v->cpl);
	} else if (n == SEG_SS) {
		if (!segment_check_stack(v, selector, v->cpl, GP, &l))
			v->s.seg[n] = l.s;
	} else if (n != SEG_CS) {
		/* The host had a segment of that name. The guest will get its own from now on. */
		if (!segment_check_data(v, selector, v->cpl, GP, &l))
			v->s.seg[n] = l.s;
	}
}

void segments_in(struct segments *s, struct vcpu *v, const struct world_regs *before,
		 const struct world_regs *r)
{
	struct world_regs was = *before, is = *r;
	bool changed = false;

	for (unsigned int n = 0; n < SEGMENTS_REGS; n++) {
		u16 selector = *selector_in(&is, n);

		if (selector == *selector_in(&was, n))
			continue;
		take_over(s, v, n, selector);
		changed = true;
	}
	if (changed)
		vcpu_derive(v);
}
