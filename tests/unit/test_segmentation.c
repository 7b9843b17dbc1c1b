/* SPDX-License-Identifier: MIT */
/* What mode and segments make of an address: derived state, bases, limits, types. */
#include "tests/unit/paging_rig.h"

#define RW    (ATTR_P | ATTR_S | 3u)
#define RO    (ATTR_P | ATTR_S | 1u)
#define DOWN  (ATTR_P | ATTR_S | 7u)
#define CODE  (ATTR_P | ATTR_S | 11u)
#define XONLY (ATTR_P | ATTR_S | 9u)

/* ---- state derived from control registers and segments -------------------------------------- */

static void test_derive(void)
{
	static const struct {
		u64 cr0, efer, rflags;
		u32 cs;
		enum cpu_mode mode;
		u64 ip_mask;
		unsigned int cpl;
		bool flat;
	} t[] = {
		{ 0, 0, 0, CODE | ATTR_DB, MODE_REAL, 0xffff, 0, false },
		{ CR0_PE, 0, RFLAGS_VM, CODE, MODE_VM86, 0xffff, 3, false },
		{ CR0_PE, 0, 0, CODE, MODE_PROT16, 0xffff, 2, true },
		{ CR0_PE, 0, 0, CODE | ATTR_DB, MODE_PROT32, 0xffffffff, 2, true },
		{ CR0_PE, 0, 0, XONLY | ATTR_DB, MODE_PROT32, 0xffffffff, 2, false },
		{ CR0_PE, 0, 0, CODE | ATTR_DB | ATTR_L, MODE_PROT32, 0xffffffff, 2, true },
		{ CR0_PE | CR0_PG, EFER_LMA, 0, CODE | ATTR_L, MODE_LONG64, ~0ull, 2, true },
		{ CR0_PE | CR0_PG, EFER_LMA, 0, CODE | ATTR_DB, MODE_PROT32, 0xffffffff, 2, true },
		{ CR0_PE | CR0_PG, EFER_LMA, 0, CODE, MODE_PROT16, 0xffff, 2, true },
	};
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		rig_enter(r, RIG_OFF, 0);
		r->v.s.cr0 = t[i].cr0;
		r->v.s.efer = t[i].efer;
		r->v.s.rflags |= t[i].rflags;
		r->v.s.seg[SEG_CS].attr = t[i].cs | ATTR_G;
		rig_cpl(r, 2);
		CU_ASSERT_EQUAL(r->v.mode, t[i].mode);
		CU_ASSERT_EQUAL(r->v.ip_mask, t[i].ip_mask);
		CU_ASSERT_EQUAL(r->v.cpl, t[i].cpl);
		CU_ASSERT_EQUAL(r->v.flat, t[i].flat);
	}
	rig_down(r);
}

static void test_flat(void)
{
	static const struct {
		enum seg seg;
		struct segment is;
	} t[] = {
		{ SEG_DS, { .base = 1, .limit = 0xffffffff, .attr = RW } },
		{ SEG_SS, { .limit = 0xfffffffe, .attr = RW } },
		{ SEG_ES, { .limit = 0xffffffff, .attr = RO } },
		{ SEG_ES, { .limit = 0xffffffff, .attr = DOWN } },
		{ SEG_DS, { .limit = 0xffffffff, .attr = CODE } },
		{ SEG_DS, { .limit = 0xffffffff, .attr = RW | ATTR_UNUSABLE } },
		{ SEG_CS, { .base = 0x1000, .limit = 0xffffffff, .attr = CODE | ATTR_DB } },
	};
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++) {
		rig_enter(r, RIG_OFF, 0);
		CU_ASSERT_TRUE(r->v.flat);
		r->v.s.seg[t[i].seg] = t[i].is;
		vcpu_derive(&r->v);
		CU_ASSERT_FALSE(r->v.flat);
		CU_ASSERT_EQUAL(r->v.flat_segs, 0x3f & ~(BIT(t[i].seg) | BIT(SEG_CS)));
	}
	rig_enter(r, RIG_OFF, 0);
	/* FS and GS have no say. */
	r->v.s.seg[SEG_FS] = r->v.s.seg[SEG_GS] = (struct segment){ .attr = ATTR_UNUSABLE };
	vcpu_derive(&r->v);
	CU_ASSERT_TRUE(r->v.flat);
	CU_ASSERT_EQUAL(r->v.flat_segs, BIT(SEG_ES) | BIT(SEG_SS) | BIT(SEG_DS));
	rig_enter(r, RIG_LONG, TOP);
	CU_ASSERT_EQUAL(r->v.flat_segs, 0xf);
	rig_down(r);
}

/* ---- segmentation --------------------------------------------------------------------------- */

static void test_real(void)
{
	struct rig *r = rig_up();
	u64 linear, value = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	r->v.s.seg[SEG_DS] = segment_real(0xffff, false);
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_DS, 0xffff, 1, ACC_READ, &linear), 0);
	CU_ASSERT_EQUAL(linear, 0x10ffef);
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0xffff, &value, 2), EXC);
	CU_ASSERT_TRUE(rig_raised(r, GP, false, 0));
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_SS, 0xfffd, &value, 4), EXC);
	CU_ASSERT_TRUE(rig_raised(r, SS, false, 0));
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_SS, 0xfffc, &value, 4), 0);
	/* Types are not looked at: code can be written. */
	rig_put(r, 0x10, 0x11223344, 4);
	r->v.s.seg[SEG_CS] = segment_real(0, true);
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_CS, 0x11, "ab", 2), 0);
	CU_ASSERT_EQUAL(rig_get(r, 0x10, 4), 0x11626144);
	/* Limits left over from protected mode hold. */
	r->v.s.seg[SEG_DS] = segment_flat(0, RW);
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_DS, 0x123456, "cd", 2), 0);
	CU_ASSERT_EQUAL(rig_get(r, 0x123456, 2), 0x6463);
	rig_down(r);
}

static void test_vm86(void)
{
	struct rig *r = rig_up();
	u64 value;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	r->v.s.cr0 |= CR0_PE;
	r->v.s.rflags |= RFLAGS_VM;
	vcpu_derive(&r->v);
	r->v.s.seg[SEG_DS] = segment_real(0x1000, false);
	rig_put(r, 0x1ffff, 0x5a, 1);
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0xffff, &value, 1), 0);
	CU_ASSERT_EQUAL((u8)value, 0x5a);
	CU_ASSERT_EQUAL(mem_read(&r->v, SEG_DS, 0xffff, &value, 2), EXC);
	CU_ASSERT_TRUE(rig_raised(r, GP, true, 0));
	rig_down(r);
}

static void test_protected(void)
{
	static const struct {
		u64 base;
		u32 limit, attr;
		u64 ea;
		u32 size, access;
		bool ok;
	} t[] = {
		/* limits */
		{ 0x1000, 0xff, RW, 0xfc, 4, ACC_READ, true },
		{ 0x1000, 0xff, RW, 0xfd, 4, ACC_READ, false },
		{ 0x1000, 0xff, RW, 0x100, 1, ACC_WRITE, false },
		{ 0x1000, 0xff, RW, 0xffffffff, 2, ACC_READ, false },
		{ 0x1000, 0, RW, 0, 1, ACC_READ, true },
		{ 0x1000, 0xfffffffe, RW, 0xffffffff, 1, ACC_READ, false },
		{ 0, 0xffffffff, RW, 0xffffffff, 4, ACC_WRITE, true },
		{ 0, 0xffffffff, RW, 0x100000000, 1, ACC_READ, false },
		{ 0xfffff000, 0xffffffff, RW, 0x1234, 4, ACC_READ, true },
		/* expand-down: above the limit is inside */
		{ 0x1000, 0xff, DOWN | ATTR_DB, 0xff, 1, ACC_READ, false },
		{ 0x1000, 0xff, DOWN | ATTR_DB, 0x100, 4, ACC_WRITE, true },
		{ 0x1000, 0xff, DOWN | ATTR_DB, 0xfffffffc, 4, ACC_READ, true },
		{ 0x1000, 0xff, DOWN | ATTR_DB, 0xfffffffd, 4, ACC_READ, false },
		{ 0x1000, 0xff, DOWN, 0xfffe, 2, ACC_READ, true },
		{ 0x1000, 0xff, DOWN, 0xffff, 2, ACC_READ, false },
		{ 0x1000, 0xff, DOWN, 0x10000, 1, ACC_READ, false },
		{ 0x1000, 0xffffffff, DOWN | ATTR_DB, 0, 1, ACC_READ, false },
		/* types */
		{ 0x1000, 0xff, RO, 0, 4, ACC_READ, true },
		{ 0x1000, 0xff, RO, 0, 4, ACC_WRITE, false },
		{ 0x1000, 0xff, RO, 0, 4, ACC_READ | ACC_WRITE, false },
		{ 0x1000, 0xff, CODE, 0, 4, ACC_READ, true },
		{ 0x1000, 0xff, CODE, 0, 4, ACC_WRITE, false },
		{ 0x1000, 0xff, XONLY, 0, 4, ACC_READ, false },
		{ 0x1000, 0xff, CODE | 4, 0xfc, 4, ACC_READ, true },
		{ 0x1000, 0xff, CODE | 4, 0x100, 4, ACC_READ, false },
		{ 0, 0xffffffff, RW | ATTR_UNUSABLE, 0, 1, ACC_READ, false },
		{ 0, 0xffffffff, RW & ~ATTR_P, 0, 1, ACC_READ, false },
	};
	static const enum seg segs[] = { SEG_DS, SEG_ES, SEG_FS, SEG_GS, SEG_SS };
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	for (unsigned int i = 0; i < ARRAY_SIZE(t) * ARRAY_SIZE(segs); i++) {
		enum seg seg = segs[i % ARRAY_SIZE(segs)];
		unsigned int k = i / ARRAY_SIZE(segs);
		u64 linear = 0, value;
		int got;

		rig_enter(r, RIG_OFF, 0);
		r->v.s.seg[seg].base = t[k].base;
		r->v.s.seg[seg].limit = t[k].limit;
		r->v.s.seg[seg].attr = t[k].attr;
		vcpu_derive(&r->v);
		got = mem_linear(&r->v, seg, t[k].ea, t[k].size, t[k].access, &linear);
		CU_ASSERT_EQUAL(got, t[k].ok ? 0 : EXC);
		CU_ASSERT_TRUE(t[k].ok ? linear == (u32)(t[k].base + t[k].ea)
				       : rig_raised(r, seg == SEG_SS ? SS : GP, true, 0));
		if (t[k].access != ACC_READ)
			continue;
		/* The TLB knows the page by now, and grants nothing that the segment does not. */
		CU_ASSERT_EQUAL(lin_read(&r->v, t[k].base + t[k].ea, &value, 1, 0), 0);
		CU_ASSERT_EQUAL(mem_read(&r->v, seg, t[k].ea, &value, t[k].size), got);
	}
	/* With every segment flat, CS is still not to be written. */
	rig_enter(r, RIG_OFF, 0);
	CU_ASSERT_EQUAL(mem_write(&r->v, SEG_CS, 0, "x", 1), EXC);
	CU_ASSERT_TRUE(rig_raised(r, GP, true, 0));
	rig_down(r);
}

static void test_long64(void)
{
	struct rig *r = rig_up();
	u64 linear;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	rig_enter(r, RIG_LONG, TOP);
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++)
		r->v.s.seg[seg].base = 0x100000, r->v.s.seg[seg].limit = 0;
	r->v.s.seg[SEG_DS].attr = ATTR_UNUSABLE;
	r->v.s.seg[SEG_FS].attr = ATTR_UNUSABLE;
	r->v.s.seg[SEG_GS].base = 0xffff888000000000;
	vcpu_derive(&r->v);
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_DS, 0x7fffffffffff, 1, ACC_WRITE, &linear), 0);
	CU_ASSERT_EQUAL(linear, 0x7fffffffffff);
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_FS, 0x23, 8, ACC_WRITE, &linear), 0);
	CU_ASSERT_EQUAL(linear, 0x100023);
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_GS, (u64)-8, 8, ACC_READ, &linear), 0);
	CU_ASSERT_EQUAL(linear, 0xffff887ffffffff8);
	/* Neither end may be out of the canonical halves. */
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_DS, 0x7ffffffffffd, 4, ACC_READ, &linear), EXC);
	CU_ASSERT_TRUE(rig_raised(r, GP, true, 0));
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_SS, 0x800000000000, 8, ACC_READ, &linear), EXC);
	CU_ASSERT_TRUE(rig_raised(r, SS, true, 0));
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_GS, -0x88000000001ull, 1, ACC_READ, &linear), EXC);
	CU_ASSERT_TRUE(rig_raised(r, GP, true, 0));
	CU_ASSERT_EQUAL(mem_linear(&r->v, SEG_CS, 0xffff800000000000, 8, ACC_WRITE, &linear), 0);
	rig_down(r);
}
CU_TestInfo tests_segmentation[] = {
	{ "modes, CPL and instruction pointers", test_derive },
	{ "which segments are flat", test_flat },
	{ "real mode: limits, no types, no error codes", test_real },
	{ "virtual-8086 mode", test_vm86 },
	{ "protected mode: limits, expand-down, types", test_protected },
	{ "64-bit mode: bases of FS and GS, canonical addresses", test_long64 },
	CU_TEST_INFO_NULL,
};
