/* SPDX-License-Identifier: MIT */
/* Segment registers: descriptors, loading, and the instructions that do nothing else. */
#include "backends/swbt/segment.h"

#include "backends/swbt/debug.h"
#include "backends/swbt/mem.h"

#define TYPE_ACCESSED 1

bool vendor_is_amd(const struct vcpu *v)
{
	const struct cpuid_leaf *l = cpuid_find(&v->vm->cpuid, 0, 0);

	/* "Auth"enticAMD, "Hygo"nGenuine */
	return l && (l->ebx == 0x68747541 || l->ebx == 0x6f677948);
}

/* ---- descriptors ---------------------------------------------------------------------------- */

int read_descriptor(struct vcpu *v, u16 selector, enum vector vector, u64 *descriptor, u64 *address)
{
	const struct segment *ldt = &v->s.seg[SEG_LDT];
	bool local = selector & 4;
	u64 at = (local ? ldt->base : v->s.gdt.base) + (selector & 0xfff8);
	u32 limit = local ? ldt->limit : v->s.gdt.limit;

	if ((local && ldt->attr & ATTR_UNUSABLE) || (selector | 7u) > limit)
		return raise_err(v, vector, selector_error(selector));
	if (address)
		*address = at;
	return lin_read(v, at, descriptor, 8, ACC_SYSTEM);
}

int segment_accessed(struct vcpu *v, struct seg_load *l)
{
	u8 access = (u8)(l->s.attr | TYPE_ACCESSED);

	if (l->s.attr & (ATTR_UNUSABLE | TYPE_ACCESSED))
		return 0;
	if (lin_write(v, l->address + 5, &access, 1, ACC_SYSTEM))
		return EXC;
	l->s.attr |= TYPE_ACCESSED;
	return 0;
}

struct segment segment_unprotected(const struct vcpu *v, enum seg seg, u16 selector)
{
	struct segment s = segment_real(selector, false);

	if (v->s.rflags & RFLAGS_VM) {
		s.attr |= ATTR_DPL;
		return s;
	}
	/* Real mode loads the base and nothing else: limits of protected mode live on. */
	s.attr = ATTR_P | ATTR_S | (seg == SEG_CS ? 11 : 3);
	if (!(v->s.seg[seg].attr & ATTR_UNUSABLE)) {
		s.limit = v->s.seg[seg].limit;
		s.attr |= v->s.seg[seg].attr & (ATTR_DB | ATTR_G);
	}
	return s;
}

int segment_check_stack(struct vcpu *v, u16 selector, unsigned int cpl, enum vector vector,
			struct seg_load *l)
{
	u64 d;

	if (read_descriptor(v, selector, vector, &d, &l->address))
		return EXC;
	if ((selector & 3u) != cpl || !desc_is_writable(d) || DESC_DPL(d) != cpl)
		return raise_err(v, vector, selector_error(selector));
	if (!(d & DESC_P))
		return raise_err(v, SS, selector_error(selector));
	l->s = segment_from(selector, d);
	return 0;
}

int segment_check_data(struct vcpu *v, u16 selector, unsigned int cpl, enum vector vector,
		       struct seg_load *l)
{
	unsigned int rpl = selector & 3;
	u64 d;

	if (read_descriptor(v, selector, vector, &d, &l->address))
		return EXC;
	/* Data, or code that is readable. */
	if (!(DESC_TYPE(d) & 0x10) || (DESC_TYPE(d) & 0x0a) == 0x08)
		return raise_err(v, vector, selector_error(selector));
	if (!desc_is_conforming(d) && (rpl > DESC_DPL(d) || cpl > DESC_DPL(d)))
		return raise_err(v, vector, selector_error(selector));
	if (!(d & DESC_P))
		return raise_err(v, NP, selector_error(selector));
	l->s = segment_from(selector, d);
	return 0;
}

/* ---- loading -------------------------------------------------------------------------------- */

static struct segment null_data(const struct vcpu *v, enum seg seg, u16 selector)
{
	struct segment s = segment_null(selector, 0);

	/* Intel clears the base with it; that shows in 64-bit mode, where FS and GS have one. */
	if (seg >= SEG_FS && vendor_is_amd(v))
		s.base = v->s.seg[seg].base;
	return s;
}

static int check(struct vcpu *v, enum seg seg, u16 selector, struct seg_load *l)
{
	if (seg != SEG_SS && !selector_null(selector))
		return segment_check_data(v, selector, v->cpl, GP, l);
	if (seg != SEG_SS) {
		l->s = null_data(v, seg, selector);
		return 0;
	}
	if (!selector_null(selector))
		return segment_check_stack(v, selector, v->cpl, GP, l);
	if (v->mode != MODE_LONG64 || v->cpl == 3 || (selector & 3) != v->cpl)
		return raise_err(v, GP, 0);
	l->s = segment_null(selector, v->cpl);
	return 0;
}

int load_segment(struct vcpu *v, enum seg seg, u16 selector)
{
	struct seg_load l;

	if (unprotected(v))
		l.s = segment_unprotected(v, seg, selector);
	else if (check(v, seg, selector, &l) || segment_accessed(v, &l))
		return EXC;
	v->s.seg[seg] = l.s;
	vcpu_derive(v);
	return 0;
}

/* Neither interrupts nor debug traps come between a new SS and the RSP that belongs to it. SDM vol.
 * 3A 6.8.3. */
static void shadow(struct vcpu *v, enum seg seg)
{
	if (seg == SEG_SS)
		v->no_interrupts_once = v->s.ev.movss_shadow = true;
}

/* ---- instructions --------------------------------------------------------------------------- */

/* The decoder refuses CS and the numbers behind GS. */
enum emulate_result emu_mov_to_seg(struct vcpu *v, const struct insn *i)
{
	enum seg seg = i->op[0].reg;
	u16 selector;

	if (i->op[1].type == OPERAND_GPR)
		selector = (u16)v->s.gpr[i->op[1].reg];
	else if (mem_read(v, i->mem_seg, insn_ea(i, v, v->s.rip), &selector, 2))
		return EMU_FAULT;
	if (load_segment(v, seg, selector))
		return EMU_FAULT;
	shadow(v, seg);
	return EMU_NEXT;
}

enum emulate_result emu_mov_from_seg(struct vcpu *v, const struct insn *i)
{
	u16 selector = v->s.seg[i->op[1].reg].selector;

	/* Memory gets two bytes whatever the operand size is. */
	if (i->op[0].type == OPERAND_GPR)
		gpr_set(v, i->op[0].reg, i->op[0].size, false, selector);
	else if (mem_write(v, i->mem_seg, insn_ea(i, v, v->s.rip), &selector, 2))
		return EMU_FAULT;
	return EMU_NEXT;
}

enum emulate_result emu_push_seg(struct vcpu *v, const struct insn *i)
{
	u64 rsp = v->s.gpr[RSP], mask = stack_mask(v);
	u16 selector = v->s.seg[i->op[0].reg].selector;

	/* Intel's write two bytes of four. SDM vol. 2 PUSH. */
	if (i->stacksize == 4 && !vendor_is_amd(v)) {
		rsp = (rsp & ~mask) | ((rsp - 4) & mask);
		if (mem_write(v, SEG_SS, rsp & mask, &selector, 2))
			return EMU_FAULT;
		debug_note_stack(v, rsp & mask, 2, true);
	} else if (push_at(v, &rsp, selector, i->stacksize)) {
		return EMU_FAULT;
	}
	v->s.gpr[RSP] = rsp;
	return EMU_NEXT;
}

enum emulate_result emu_pop_seg(struct vcpu *v, const struct insn *i)
{
	u64 old = v->s.gpr[RSP], rsp = old, selector;

	if (pop_at(v, &rsp, &selector, i->stacksize))
		return EMU_FAULT;
	/* POP SS moves the pointer as wide as the old stack is. */
	set_rsp(v, rsp);
	if (load_segment(v, i->op[0].reg, (u16)selector)) {
		v->s.gpr[RSP] = old;
		return EMU_FAULT;
	}
	shadow(v, i->op[0].reg);
	return EMU_NEXT;
}

enum emulate_result emu_load_far_pointer(struct vcpu *v, const struct insn *i)
{
	static const struct {
		u8 opcode, seg;
	} forms[] = {
		{ 0xc4, SEG_ES }, { 0xc5, SEG_DS }, { 0xb2, SEG_SS },
		{ 0xb4, SEG_FS }, { 0xb5, SEG_GS },
	};
	u64 ea = insn_ea(i, v, v->s.rip), offset = 0;
	/* AMD's have no 64-bit offsets here; REX.W counts for nothing. */
	u8 size = i->opsize == 8 && vendor_is_amd(v) ? 4 : i->opsize;
	enum seg seg = SEG_ES;
	u16 selector;

	for (unsigned int n = 0; n < ARRAY_SIZE(forms); n++)
		if (forms[n].opcode == i->raw[i->opcode_at])
			seg = forms[n].seg;
	if (mem_read(v, i->mem_seg, ea, &offset, size) ||
	    mem_read(v, i->mem_seg, ea + size, &selector, 2) || load_segment(v, seg, selector))
		return EMU_FAULT;
	gpr_set(v, i->op[0].reg, size, false, offset);
	return EMU_NEXT;
}
