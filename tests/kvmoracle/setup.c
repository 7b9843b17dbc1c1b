/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/setup.h"

#include <string.h>

#define TYPE_ACCESSED 1u
#define TYPE_WRITE    2u /* data */
#define TYPE_READ     2u /* code */
#define TYPE_DOWN     4u
#define TYPE_CONFORM  4u
#define TYPE_CODE     8u

#define AVX    4u  /* in XCR0 */
#define YMM_AT 576 /* in the standard image */

const struct setup setups[] = {
	{ "real", MODE_REAL, 0, 0, false },	      { "vm86", MODE_VM86, 3, 32, false },
	{ "prot32-flat-0", MODE_PROT32, 0, 0, true }, { "prot32-flat-3", MODE_PROT32, 3, 32, true },
	{ "prot32-0", MODE_PROT32, 0, 36, false },    { "prot32-3", MODE_PROT32, 3, 0, false },
	{ "prot16-0", MODE_PROT16, 0, 32, false },    { "prot16-3", MODE_PROT16, 3, 36, false },
	{ "compat32-0", MODE_PROT32, 0, 64, false },  { "compat32-3", MODE_PROT32, 3, 64, true },
	{ "compat16-3", MODE_PROT16, 3, 64, false },  { "long-0", MODE_LONG64, 0, 64, true },
	{ "long-3", MODE_LONG64, 3, 64, true },
};
const unsigned int nr_setups = ARRAY_SIZE(setups);

static void control_registers(const struct setup *s, struct cpu_state *st, struct gen *g)
{
	static const u64 sometimes[] = { BIT64(0), BIT64(1), BIT64(2), BIT64(3),
					 CR4_PGE,  CR4_PSE,  BIT64(8) };

	st->cr0 = CR0_ET | (gen_one_in(g, 2) ? CR0_NE : 0) | (gen_one_in(g, 8) ? CR0_MP : 0) |
		  (gen_one_in(g, 16) ? CR0_TS : 0) | (gen_one_in(g, 32) ? CR0_EM : 0);
	if (s->mode != MODE_REAL)
		st->cr0 |= CR0_PE | (gen_one_in(g, 2) ? CR0_WP : 0) |
			   (gen_one_in(g, 2) ? CR0_AM : 0) | (s->paging ? CR0_PG : 0);
	st->cr3 = s->paging ? W_PML4 : 0;
	st->cr4 = (gen_one_in(g, 8) ? 0 : CR4_OSFXSR) | CR4_OSXMMEXCPT |
		  (s->paging >= 36 ? CR4_PAE : 0);
	for (size_t n = 0; n < ARRAY_SIZE(sometimes); n++)
		if (gen_one_in(g, 8))
			st->cr4 |= sometimes[n];
	if (setup_long(s))
		st->efer = EFER_LME | EFER_LMA;
	if (gen_one_in(g, 2))
		st->efer |= EFER_SCE;
	if (gen_one_in(g, 2))
		st->efer |= EFER_NXE;
}

/* A data segment, or with bad luck one that is hardly usable. The stack must be writable. */
static struct segment random_data(struct world *w, struct gen *g, u16 selector, u32 dpl, bool stack)
{
	u32 attr = ATTR_P | ATTR_S | TYPE_ACCESSED | dpl << ATTR_DPL_SHIFT;
	u32 base = gen_below(g, 0xc0) << 8, limit = 0xffff;

	if (stack || !gen_one_in(g, 16))
		attr |= TYPE_WRITE;
	if (gen_one_in(g, 2))
		attr |= ATTR_DB;
	switch (gen_below(g, 12)) {
	case 0: /* offsets that begin in the data, or in the stack's page */
		attr |= TYPE_DOWN;
		limit = stack ? 0x40 : W_DATA - base + gen_below(g, 0x1000);
		break;
	case 1:
		limit = stack ? 0xffff : W_DATA - base + gen_below(g, DATA_SIZE);
		break;
	case 2:
		limit = 0x1ffff;
		break;
	default:
		attr |= ATTR_G;
		limit = 0xffffffff;
		break;
	}
	return world_segment(w, selector, base, limit, attr);
}

static struct segment null_segment(u16 rpl)
{
	return (struct segment){ .attr = ATTR_UNUSABLE, .selector = rpl };
}

static void protected_segments(const struct setup *s, struct ko_case *c, struct gen *g)
{
	struct segment *seg = c->before.seg;
	struct world *w = &c->world;
	u32 rights = ATTR_P | ATTR_S | TYPE_ACCESSED | (u32)s->cpl << ATTR_DPL_SHIFT;
	u32 code = TYPE_CODE | (gen_one_in(g, 8) ? 0 : TYPE_READ);
	bool user = s->cpl == 3;

	for (unsigned int n = SEG_ES; n <= SEG_GS; n++) {
		u16 selector = (u16)(SEL_FREE + n * 8) | s->cpl;

		if (n == SEG_CS)
			continue;
		if (s->flat)
			seg[n] = world_segment(w, user ? SEL_UDATA | 3 : SEL_DATA, 0, 0xffffffff,
					       rights | TYPE_WRITE | ATTR_DB | ATTR_G);
		else if (n != SEG_SS && gen_one_in(g, 16))
			seg[n] = null_segment(s->cpl);
		else
			seg[n] = random_data(w, g, selector, s->cpl, n == SEG_SS);
	}
	if (s->flat) {
		u16 selector = s->mode == MODE_LONG64	? SEL_CODE64
			       : s->mode == MODE_PROT16 ? SEL_CODE16
							: SEL_CODE32;
		u32 size = s->mode == MODE_LONG64 ? ATTR_L : s->mode == MODE_PROT16 ? 0 : ATTR_DB;

		if (user)
			selector = s->mode == MODE_LONG64 ? SEL_UCODE64 | 3 : SEL_UCODE32 | 3;
		seg[SEG_CS] = world_segment(w, selector, 0, 0xffffffff,
					    rights | TYPE_CODE | TYPE_READ | size | ATTR_G);
		return;
	}
	seg[SEG_CS] = world_segment(w, (SEL_FREE + SEG_CS * 8) | s->cpl, gen_below(g, 0xc0) << 8,
				    gen_one_in(g, 4) ? 0xffffffff : 0xffff,
				    rights | code | (s->mode == MODE_PROT32 ? ATTR_DB : 0));
	if (seg[SEG_CS].limit == 0xffffffff)
		seg[SEG_CS] = world_segment(w, seg[SEG_CS].selector, (u32)seg[SEG_CS].base,
					    0xffffffff, seg[SEG_CS].attr | ATTR_G);
}

/* Selector times 16; in virtual-8086 mode the hidden parts are those of a ring 3 segment. */
static void real_segments(const struct setup *s, struct ko_case *c, struct gen *g)
{
	for (unsigned int n = SEG_ES; n <= SEG_GS; n++) {
		struct segment *seg = &c->before.seg[n];

		*seg = segment_real((u16)(gen_below(g, 0xc0) << 4), n == SEG_CS);
		if (s->mode == MODE_VM86)
			seg->attr = ATTR_P | ATTR_S | ATTR_DPL | 3;
	}
}

static void tables(const struct setup *s, struct ko_case *c)
{
	struct cpu_state *st = &c->before;
	bool real = s->mode == MODE_REAL;

	st->gdt = (struct table_reg){ W_GDT, SEL_END - 1 };
	st->idt = (struct table_reg){ real ? W_IVT : W_IDT, real	    ? 0x3ff
							    : setup_long(s) ? 0xfff
									    : 0x7ff };
	if (real)
		return;
	st->seg[SEG_TR] = (struct segment){ .base = W_TSS,
					    .limit = setup_long(s) ? 0x67 : 0x68,
					    .attr = ATTR_P | 11,
					    .selector = SEL_TSS };
	st->seg[SEG_LDT] = (struct segment){
		.base = W_LDT, .limit = 0xff, .attr = ATTR_P | 2, .selector = SEL_LDT
	};
}

void setup_make(const struct setup *s, struct ko_case *c, struct gen *g)
{
	static struct world base[2];
	static bool made[2];
	bool lng = setup_long(s);

	if (!made[lng]) {
		world_init(&base[lng], lng);
		made[lng] = true;
	}
	c->world = base[lng];
	c->setup = s->name;
	cpu_state_reset(&c->before);
	control_registers(s, &c->before, g);
	if (s->paging)
		world_page_tables(&c->world, s->paging);
	if (s->mode == MODE_REAL || s->mode == MODE_VM86)
		real_segments(s, c, g);
	else
		protected_segments(s, c, g);
	tables(s, c);
}

void state_fpu(struct cpu_state *st, struct gen *g)
{
	static const u16 fcw = 0x37f;
	static const u64 both = 3;

	memcpy(st->xsave, &fcw, 2);
	st->xsave[4] = gen_one_in(g, 2) ? 0xff : (u8)gen_u64(g);
	for (unsigned int at = 32; at < 160; at += 16) {
		u64 mantissa = gen_value(g) | BIT64(63);
		u16 exponent = (u16)(0x3fe0 + gen_below(g, 64));

		memcpy(st->xsave + at, &mantissa, 8);
		memcpy(st->xsave + at + 8, &exponent, 2);
	}
	for (unsigned int at = 160; at < 416; at += 8) {
		u64 value = gen_value(g);

		memcpy(st->xsave + at, &value, 8);
	}
	memcpy(st->xsave + 512, &both, 8);
	if (st->xcr0 & AVX) {
		for (unsigned int at = YMM_AT; at < YMM_AT + 256; at += 8) {
			u64 value = gen_value(g);

			memcpy(st->xsave + at, &value, 8);
		}
		st->xsave[512] |= AVX;
		st->xsave_size = YMM_AT + 256;
	}
}

/* XCR0 is the case's, for guests that execute no XSETBV: README.md. */
void state_avx(struct cpu_state *st, struct gen *g)
{
	static const u8 some[] = { 7, 7, 7, 3 };

	if (!__builtin_cpu_supports("avx"))
		return;
	st->xcr0 = some[gen_below(g, sizeof(some))];
	if (!gen_one_in(g, 16))
		st->cr4 |= CR4_OSXSAVE;
}

void state_msrs(struct cpu_state *st, struct gen *g)
{
	st->msr.sysenter_cs = gen_one_in(g, 4) ? 0 : SEL_CODE32;
	st->msr.sysenter_esp = W_KSTACK + 0x1000;
	st->msr.sysenter_eip = W_HANDLERS + 0xf00;
	st->msr.star = (u64)SEL_CODE32 << 32 | (u64)SEL_DATA << 48 | (W_HANDLERS + 0xf10);
	st->msr.lstar = W_HANDLERS + 0xf20;
	st->msr.cstar = W_HANDLERS + 0xf30;
	st->msr.sfmask = gen_u64(g) & 0x3f7fd5;
	st->msr.kernel_gs_base = gen_value(g) & 0x7fffffffffff;
}
