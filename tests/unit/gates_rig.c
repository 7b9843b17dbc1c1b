/* SPDX-License-Identifier: MIT */
#include "tests/unit/gates_rig.h"

#include "backends/swbt/segment.h"

#include <stdlib.h>
#include <string.h>

#define CODE	0x9a
#define DATA	0x92
#define BIG	(ATTR_G | ATTR_DB)
#define LIMIT32 0xfffff

u64 gates_descriptor(u32 base, u32 limit, u32 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(attr & 0xf0ff) << 40 |
	       (u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
}

u64 gates_gate(u16 selector, u32 offset, unsigned int type, unsigned int dpl, unsigned int copied)
{
	return (offset & 0xffff) | (u64)selector << 16 | (u64)copied << 32 | (u64)type << 40 |
	       (u64)dpl << 45 | DESC_P | (u64)(offset >> 16) << 48;
}

void gates_set_gdt(struct rig *r, u16 selector, u64 descriptor)
{
	rig_put(r, GATES_GDT + (selector & 0xfff8), descriptor, 8);
}

u64 gates_get_gdt(struct rig *r, u16 selector)
{
	return rig_get(r, GATES_GDT + (selector & 0xfff8), 8);
}

void gates_set_idt(struct rig *r, u8 vector, u64 gate)
{
	rig_put(r, GATES_IDT + vector * (long_mode(&r->v) ? 16u : 8u), gate, 8);
}

static void fill_gdt(struct rig *r)
{
	static const struct {
		u16 selector;
		u32 base, limit, attr;
	} t[] = {
		{ CODE0, 0, LIMIT32, CODE | BIG },
		{ DATA0, 0, LIMIT32, DATA | BIG },
		{ CODE3, 0, LIMIT32, CODE | BIG | ATTR_DPL },
		{ DATA3, 0, LIMIT32, DATA | BIG | ATTR_DPL },
		{ WIDE0, 0, LIMIT32, CODE | ATTR_G | ATTR_L },
		{ WIDE3, 0, LIMIT32, CODE | ATTR_G | ATTR_L | ATTR_DPL },
		{ CONF0, 0, LIMIT32, CODE | 4 | BIG },
		{ TASK1, GATES_TSS1, 0x3ff, ATTR_P | SYS_TSS32_BUSY },
		{ TASK2, GATES_TSS2, 0x67, ATTR_P | SYS_TSS32 },
		{ TASK3, GATES_TSS3, 0x2b, ATTR_P | SYS_TSS16 },
		{ SMALL0, 0, 0xffff, CODE },
		{ STACK0, 0, 0xffff, DATA },
		{ GONE_CODE, 0, LIMIT32, (CODE & ~ATTR_P) | BIG },
		{ GONE_DATA, 0, LIMIT32, (DATA & ~ATTR_P) | BIG },
		{ EXEC_ONLY, 0, LIMIT32, (CODE & ~2) | BIG },
		{ READ_ONLY, 0, LIMIT32, (DATA & ~2) | BIG },
		{ ODD_CODE, 0, LIMIT32, CODE | BIG | ATTR_L },
		{ LDT, GATES_LDT, 15, ATTR_P | SYS_LDT },
		{ CODE1, 0, LIMIT32, CODE | BIG | 1 << ATTR_DPL_SHIFT },
		{ DATA1, 0, LIMIT32, DATA | BIG | 1 << ATTR_DPL_SHIFT },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++)
		gates_set_gdt(r, t[n].selector, gates_descriptor(t[n].base, t[n].limit, t[n].attr));
	rig_put(r, GATES_LDT, gates_get_gdt(r, DATA3), 8);
	r->v.s.gdt = (struct table_reg){ .base = GATES_GDT, .limit = 0xb7 };
}

static void fill_idt(struct rig *r)
{
	bool wide = long_mode(&r->v);

	for (unsigned int n = 0; n < 256; n++)
		gates_set_idt(r, (u8)n,
			      gates_gate(wide ? WIDE0 : CODE0, HANDLER(n), SYS_INT32, 0, 0));
	r->v.s.idt = (struct table_reg){ .base = GATES_IDT, .limit = wide ? 4095 : 2047 };
}

static void fill_tss(struct rig *r)
{
	if (long_mode(&r->v)) {
		rig_put(r, GATES_TSS1 + 4, STACK_RING0, 8);
		rig_put(r, GATES_TSS1 + 12, STACK_RING1, 8);
		for (unsigned int n = 1; n < 8; n++)
			rig_put(r, GATES_TSS1 + 28 + 8 * n, STACK_IST(n), 8);
	} else {
		rig_put(r, GATES_TSS1 + 4, STACK_RING0, 4);
		rig_put(r, GATES_TSS1 + 8, DATA0, 4);
		rig_put(r, GATES_TSS1 + 12, STACK_RING1, 4);
		rig_put(r, GATES_TSS1 + 16, DATA1, 4);
	}
	rig_put(r, GATES_TSS1 + 0x66, 0x200, 2); /* I/O map; interrupt redirection before it */
	r->v.s.seg[SEG_TR] = segment_from(TASK1, gates_get_gdt(r, TASK1));
	r->v.s.seg[SEG_LDT] = segment_from(LDT, gates_get_gdt(r, LDT));
}

static struct rig *up(void)
{
	struct rig *r = rig_up();

	if (!r)
		abort();
	rig_put(r, GATES_TOP, (GATES_TOP + 4096) | 7, 8);
	rig_put(r, GATES_TOP + 4096, 0x87, 8);
	return r;
}

struct rig *gates_up(enum rig_paging paging, unsigned int cpl)
{
	struct rig *r = up();
	struct cpu_state *s = &r->v.s;
	u16 code = cpl ? CODE3 : CODE0, data = cpl ? DATA3 : DATA0;

	if (paging == RIG_LONG)
		code = cpl ? WIDE3 : WIDE0;
	rig_enter(r, paging, GATES_TOP);
	fill_gdt(r);
	fill_idt(r);
	fill_tss(r);
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++) {
		s->seg[n] = segment_from(n == SEG_CS ? code : data,
					 gates_get_gdt(r, n == SEG_CS ? code : data));
		s->seg[n].attr |= 1;
	}
	s->rip = ENTRY;
	s->gpr[RSP] = STACK_USER;
	s->rflags |= RFLAGS_IF;
	vcpu_derive(&r->v);
	return r;
}

struct rig *gates_up_real(void)
{
	struct rig *r = up();
	struct cpu_state *s = &r->v.s;

	fill_gdt(r);
	for (unsigned int n = 0; n < 256; n++)
		rig_put(r, n * 4, 0x20000000 | n, 4);
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		s->seg[n] = segment_real(0x1000, n == SEG_CS);
	s->idt = (struct table_reg){ .limit = 0x3ff };
	s->rip = 0;
	s->gpr[RSP] = 0x8000;
	s->rflags |= RFLAGS_IF;
	vcpu_derive(&r->v);
	return r;
}

struct rig *gates_up_vm86(unsigned int level)
{
	struct rig *r = gates_up(RIG_OFF, 3);
	struct cpu_state *s = &r->v.s;

	for (unsigned int n = 0; n < 256; n++)
		rig_put(r, n * 4, 0x20000000 | n, 4);
	s->rflags |= RFLAGS_VM | (u64)level << 12;
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++)
		s->seg[n] = segment_unprotected(&r->v, n, (u16)(0x1000 + n));
	s->seg[SEG_CS] = segment_unprotected(&r->v, SEG_CS, 0x1000);
	s->rip = 0;
	s->gpr[RSP] = 0x8000;
	vcpu_derive(&r->v);
	return r;
}

enum emulate_result gates_do(struct rig *r, const char *bytes, unsigned int n)
{
	enum emulate_result result;
	struct insn i;

	if (decode(&i, (const u8 *)bytes, n, r->v.mode) || i.length != n || i.class != INSN_EMULATE)
		abort();
	result = emulate_routines[i.emulate].fn(&r->v, &i);
	if (result == EMU_NEXT)
		r->v.s.rip += n;
	return result;
}

bool gates_raised(struct rig *r, enum vector vector, int error)
{
	const struct exception *e = &r->v.exc;

	return e->vector == vector && e->has_error == (error >= 0) &&
	       (error < 0 || e->error == (u32)error);
}

u64 gates_stack(struct rig *r, unsigned int n, unsigned int size)
{
	struct cpu_state *s = &r->v.s;
	u64 base = r->v.mode == MODE_LONG64 ? 0 : s->seg[SEG_SS].base;

	return rig_get(r, base + (s->gpr[RSP] & stack_mask(&r->v)) + n * size, size);
}

u16 gates_sel(struct rig *r, enum seg seg)
{
	return r->v.s.seg[seg].selector;
}
