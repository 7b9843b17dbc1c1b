/* SPDX-License-Identifier: MIT */
/* Moves to and from devices that take a short way: what they move, and what else has to take the
 * long one. */
#include "backends/swbt/emulate.h"
#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define OLD	 0x1122334455667788ull
#define TOP	 0x10000u
#define BYTES(s) (const u8 *)(s), sizeof(s) - 1

static struct rig *up(enum rig_paging paging)
{
	struct rig *r = rig_up();
	struct mmu_tlb_entry *e;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	/* The device where it is, by a page of 1 GiB. */
	rig_put(r, TOP, (TOP + 0x1000) | 7, 8);
	rig_put(r, TOP + 0x1000 + 3 * 8, 0xc0000000 | 0x87, 8);
	rig_enter(r, paging, TOP);
	CU_ASSERT_EQUAL(mmu_translate(&r->v, RIG_DEVICE, ACC_WRITE, &e), 0);
	for (unsigned int n = 0; n < 16; n++)
		r->v.s.gpr[n] = OLD;
	r->v.s.gpr[RDI] = RIG_DEVICE + 0x10;
	return r;
}

static bool move(struct rig *r, const u8 *bytes, size_t len)
{
	struct insn i;

	CU_ASSERT_EQUAL_FATAL(decode(&i, bytes, len, r->v.mode), 0);
	CU_ASSERT_EQUAL(i.length, len);
	return mmio_move(&r->v, &i);
}

static void test_read(void)
{
	static const struct {
		const char *bytes;
		u8 len, size, reg;
		u64 offset, want;
	} t[] = {
		{ "\x8b\x07", 2, 4, RAX, 0x10, 0x14131211 },
		{ "\x48\x8b\x07", 3, 8, RAX, 0x10, 0x1817161514131211 },
		{ "\x66\x8b\x07", 3, 2, RAX, 0x10, 0x1122334455661211 },
		{ "\x8a\x07", 2, 1, RAX, 0x10, 0x1122334455667711 },
		{ "\x8a\x67\x01", 3, 1, RAX, 0x11, 0x1122334455661288 },
		{ "\x44\x8a\x7f\x02", 4, 1, R15, 0x12, 0x1122334455667713 },
		{ "\x0f\xb6\x07", 3, 1, RAX, 0x10, 0x11 },
		{ "\x0f\xb7\x17", 3, 2, RDX, 0x10, 0x1211 },
		{ "\x66\x0f\xb6\x07", 4, 1, RAX, 0x10, 0x1122334455660011 },
		{ "\x48\x0f\xb7\x07", 4, 2, RAX, 0x10, 0x1211 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = up(RIG_LONG);

		CU_ASSERT_TRUE(move(r, (const u8 *)t[n].bytes, t[n].len));
		CU_ASSERT_EQUAL(r->v.s.gpr[t[n].reg], t[n].want);
		CU_ASSERT_EQUAL(r->nr, 1);
		CU_ASSERT_TRUE(!r->log[0].write && r->log[0].size == t[n].size &&
			       r->log[0].offset == t[n].offset);
		CU_ASSERT_EQUAL(r->vm.traps.c[TRAP_MMIO].count, 1);
		rig_down(r);
	}
}

static void test_write(void)
{
	static const struct {
		const char *bytes;
		u8 len, size;
		u64 value;
	} t[] = {
		{ "\x89\x07", 2, 4, 0x55667788 },
		{ "\x48\x89\x07", 3, 8, OLD },
		{ "\x66\x89\x07", 3, 2, 0x7788 },
		{ "\x88\x07", 2, 1, 0x88 },
		{ "\x88\x27", 2, 1, 0x77 },
		{ "\xc6\x07\xff", 3, 1, 0xff },
		{ "\xc7\x07\xfe\xff\xff\xff", 6, 4, 0xfffffffe },
		{ "\x48\xc7\x07\xfe\xff\xff\xff", 7, 8, 0xfffffffffffffffe },
	};

	for (size_t n = 0; n < ARRAY_SIZE(t); n++) {
		struct rig *r = up(RIG_LONG);

		CU_ASSERT_TRUE(move(r, (const u8 *)t[n].bytes, t[n].len));
		CU_ASSERT_EQUAL(r->nr, 1);
		CU_ASSERT_TRUE(r->log[0].write && r->log[0].size == t[n].size &&
			       r->log[0].offset == 0x10 && r->log[0].value == t[n].value);
		CU_ASSERT_EQUAL(r->vm.traps.last[0].value, t[n].value);
		rig_down(r);
	}
}

/* Nothing of these is done. */
static void test_not(void)
{
	struct rig *r = up(RIG_LONG);

	CU_ASSERT_FALSE(move(r, BYTES("\x03\x07")));	     /* ADD */
	CU_ASSERT_FALSE(move(r, BYTES("\x8b\xc7")));	     /* between registers */
	CU_ASSERT_FALSE(move(r, BYTES("\x0f\xbe\x07")));     /* MOVSX */
	CU_ASSERT_FALSE(move(r, BYTES("\x0f\xc6\x07\x00"))); /* SHUFPS */
	CU_ASSERT_FALSE(move(r, BYTES("\x0f\x8a\x00\x00\x00\x00")));
	r->v.s.gpr[RDI] = RIG_DEVICE + 0xffd; /* two pages */
	CU_ASSERT_FALSE(move(r, BYTES("\x8b\x07")));
	r->v.s.gpr[RDI] = RIG_DEVICE;
	mmu_flush(&r->v, true); /* not in the TLB */
	CU_ASSERT_FALSE(move(r, BYTES("\x8b\x07")));
	CU_ASSERT_EQUAL(r->nr, 0);
	rig_down(r);
	r = up(RIG_LONG);
	rig_put(r, TOP + 0x1000 + 3 * 8, 0xc0000000 | 0x81, 8);
	r->v.s.cr0 |= CR0_WP;
	CU_ASSERT_EQUAL(rig_translate(r, RIG_DEVICE, ACC_READ), RIG_DEVICE);
	CU_ASSERT_TRUE(move(r, BYTES("\x8b\x07")));
	mmu_rights_changed(&r->v);
	rig_translate(r, RIG_DEVICE, ACC_READ);
	CU_ASSERT_FALSE(move(r, BYTES("\x89\x07")));
	CU_ASSERT_EQUAL(r->nr, 1);
	rig_down(r);
}

/* FS in 64-bit mode is but a base; a segment with a limit elsewhere is more. */
static void test_segments(void)
{
	struct rig *r = up(RIG_LONG);

	r->v.s.seg[SEG_FS].base = 0x20;
	CU_ASSERT_TRUE(move(r, BYTES("\x64\x8b\x07")));
	CU_ASSERT_EQUAL(r->log[0].offset, 0x30);
	rig_down(r);
	r = up(RIG_COMPAT);
	CU_ASSERT_TRUE(move(r, BYTES("\x8b\x07")));
	CU_ASSERT_EQUAL(r->v.s.gpr[RAX], 0x14131211);
	r->v.s.seg[SEG_DS].limit = 0xfffff;
	vcpu_derive(&r->v);
	CU_ASSERT_FALSE(move(r, BYTES("\x8b\x07")));
	CU_ASSERT_EQUAL(r->nr, 1);
	rig_down(r);
}

CU_TestInfo tests_mmio[] = {
	{ "reads", test_read },
	{ "writes", test_write },
	{ "what is not a simple move", test_not },
	{ "segments", test_segments },
	CU_TEST_INFO_NULL,
};
