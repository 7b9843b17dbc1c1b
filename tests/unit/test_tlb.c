/* SPDX-License-Identifier: MIT */
/* What the TLB remembers between walks, and what makes it forget. */
#include "backends/swbt/emulate.h"
#include "tests/unit/paging_rig.h"

static void test_stale(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map_long(r, 0x5000, PWU | G);
	rig_put(r, T1 + 6 * 8, DATA | PWU, 8);
	rig_enter(r, RIG_LONG, TOP);
	r->v.s.cr4 |= CR4_PGE;
	vcpu_derive(&r->v);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	rig_put(r, T1 + 5 * 8, 0, 8);
	rig_put(r, T1 + 6 * 8, 0, 8);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	mmu_flush_page(&r->v, 0x7000);
	mmu_flush_page(&r->v, 0x6000 + MMU_TLB * 4096);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	/* MOV CR3 spares global pages; INVLPG does not. */
	mmu_flush(&r->v, false);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	ASSERT_PF(r, 0x6000, ACC_READ, 0);
	mmu_flush_page(&r->v, 0x5fff);
	ASSERT_PF(r, 0x5000, ACC_READ, 0);
	/* Nothing that faults is remembered. */
	rig_put(r, T1 + 5 * 8, DATA | PWU | G, 8);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	rig_put(r, T1 + 5 * 8, 0, 8);
	mmu_flush(&r->v, true);
	ASSERT_PF(r, 0x5000, ACC_READ, 0);
	/* Without CR4.PGE the G bit means nothing. */
	r->v.s.cr4 &= ~CR4_PGE;
	vcpu_derive(&r->v);
	rig_put(r, T1 + 5 * 8, DATA | PWU | G, 8);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	rig_put(r, T1 + 5 * 8, 0, 8);
	mmu_flush(&r->v, false);
	ASSERT_PF(r, 0x5000, ACC_READ, 0);
	rig_down(r);
}

static void test_large_stale(void)
{
	static const u64 page[] = { 0, 0x1000, 0x155000, 0x1ff000 };
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map_long(r, 0x200000, PWU);
	rig_put(r, T2, 0x400000 | PS | PWU, 8);
	rig_enter(r, RIG_LONG, TOP);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		ASSERT_GPA(r, page[i], ACC_READ, 0x400000 + page[i]);
	ASSERT_GPA(r, 0x200000, ACC_READ, DATA);
	rig_put(r, T2, 0, 8);
	rig_put(r, T1, 0, 8);
	mmu_flush_page(&r->v, 0x123456);
	for (unsigned int i = 0; i < ARRAY_SIZE(page); i++)
		ASSERT_PF(r, page[i], ACC_READ, 0);
	ASSERT_GPA(r, 0x200000, ACC_READ, DATA);
	rig_down(r);
}

static void test_pcid(void)
{
	struct rig *r = rig_up();
	struct vcpu *v;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	v = &r->v;
	map_long(r, 0x5000, PWU);
	rig_put(r, T1 + 6 * 8, DATA | PWU | G, 8);
	rig_enter(r, RIG_LONG, TOP | 1);
	v->s.cr4 |= CR4_PCIDE | CR4_PGE;
	vcpu_derive(v);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	rig_put(r, T1 + 5 * 8, 0x300000 | PWU, 8);
	rig_put(r, T1 + 6 * 8, 0, 8);
	/* Not flushed, but another PCID: its own pages, and everybody's global ones. */
	v->s.cr3 = TOP | 2;
	ASSERT_GPA(r, 0x5000, ACC_READ, 0x300000);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	mmu_flush_pcid(v, 2);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	rig_put(r, T1 + 5 * 8, 0, 8);
	ASSERT_PF(r, 0x5000, ACC_READ, 0);
	/* One PCID's flush leaves the others alone. */
	rig_put(r, T1 + 5 * 8, DATA | PWU, 8);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	rig_put(r, T1 + 5 * 8, 0, 8);
	mmu_flush_pcid(v, 1);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	mmu_flush(v, false);
	ASSERT_PF(r, 0x5000, ACC_READ, 0);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	mmu_flush(v, true);
	ASSERT_PF(r, 0x6000, ACC_READ, 0);
	rig_down(r);
}

/* Where the last page tables are is remembered between walks, and every invalidation voids it, of
 * whatever address or PCID. SDM vol. 3A 4.10.4.1. */
static void test_tables_stale(void)
{
	struct rig *r = rig_up();
	struct vcpu *v;
	u64 t1 = T1 + 0x1000;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	v = &r->v;
	for (unsigned int way = 0; way < 4; way++) {
		map_long(r, 0x5000, PWU);
		rig_put(r, T1 + 6 * 8, DATA + 0x1000, 8);
		rig_put(r, T1 + 7 * 8, (DATA + 0x2000) | PWU, 8);
		rig_put(r, t1 + 6 * 8, (DATA + 0x3000) | PWU | BIT64(45), 8);
		rig_put(r, t1 + 7 * 8, (DATA + 0x4000) | PWU, 8);
		rig_put(r, t1 + 8 * 8, (DATA + 0x5000) | PWU, 8);
		rig_enter(r, RIG_LONG, TOP);
		v->s.cr4 |= CR4_PCIDE;
		v->s.cr0 |= CR0_WP;
		vcpu_derive(v);
		ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
		ASSERT_PF(r, 0x6000, ACC_READ, 0);
		ASSERT_GPA(r, 0x7123, ACC_WRITE, DATA + 0x2123);
		CU_ASSERT_EQUAL(rig_get(r, T1 + 7 * 8, 8), (DATA + 0x2000) | PWU | A | D);
		/* Another table, read-only. */
		rig_put(r, T2, t1 | P | U, 8);
		switch (way) {
		case 0:
			mmu_flush_page(v, 0x123456789000);
			break;
		case 1:
			mmu_flush_pcid(v, 5);
			break;
		case 2:
			mmu_flush(v, false);
			break;
		default:
			/* The same root by another name, nothing flushed. */
			CU_ASSERT_EQUAL(set_cr3(v, TOP | 7 | BIT64(63)), 0);
		}
		ASSERT_PF(r, 0x6000, ACC_READ, E_P | E_RSVD);
		ASSERT_GPA(r, 0x8000, ACC_READ, DATA + 0x5000);
		CU_ASSERT_EQUAL(rig_get(r, t1 + 8 * 8, 8), (DATA + 0x5000) | PWU | A);
		ASSERT_PF(r, 0x8000, ACC_WRITE, E_P | E_W);
		CU_ASSERT_EQUAL(rig_get(r, T2, 8), t1 | P | U | A);
	}
	rig_down(r);
}

/* A table that only led to a fault is remembered only if what leads to it is marked. */
static void test_tables_marked(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map_long(r, 0x5000, 0);
	rig_enter(r, RIG_LONG, TOP);
	ASSERT_PF(r, 0x5000, ACC_READ, 0);
	CU_ASSERT_EQUAL(rig_get(r, T2, 8) & A, 0);
	rig_put(r, T1 + 5 * 8, DATA | P, 8);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	CU_ASSERT_TRUE(rig_get(r, TOP, 8) & rig_get(r, T3, 8) & rig_get(r, T2, 8) & A);
	/* From here on they are. What they allow counts all the same. */
	rig_put(r, T2, T1 | P | U | A, 8);
	r->v.s.cr0 |= CR0_WP;
	vcpu_derive(&r->v);
	ASSERT_PF(r, 0x6000, ACC_READ, 0);
	rig_put(r, T1 + 6 * 8, DATA | PWU, 8);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	ASSERT_PF(r, 0x6000, ACC_WRITE, E_P | E_W);
	rig_cpl(r, 3);
	ASSERT_GPA(r, 0x6000, ACC_READ, DATA);
	ASSERT_PF(r, 0x5000, ACC_READ, E_P | E_U);
	rig_down(r);
}

/* Control bits void what is cached as soon as the vCPU is derived anew. */
static void test_config(void)
{
	struct rig *r = rig_up();

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	map_long(r, 0x5000, P | U | D);
	rig_enter(r, RIG_LONG, TOP);
	ASSERT_GPA(r, 0x5000, ACC_WRITE, DATA);
	ASSERT_GPA(r, 0x5000, ACC_EXEC, DATA);
	r->v.s.cr0 |= CR0_WP;
	mmu_rights_changed(&r->v);
	ASSERT_PF(r, 0x5000, ACC_WRITE, E_P | E_W);
	ASSERT_GPA(r, 0x5000, ACC_EXEC, DATA);
	r->v.s.cr4 |= CR4_SMEP;
	mmu_rights_changed(&r->v);
	ASSERT_PF(r, 0x5000, ACC_EXEC, E_P | E_I);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	r->v.s.cr4 |= CR4_SMAP;
	mmu_rights_changed(&r->v);
	ASSERT_PF(r, 0x5000, ACC_READ, E_P);
	rig_cpl(r, 3);
	ASSERT_GPA(r, 0x5000, ACC_READ, DATA);
	ASSERT_PF(r, 0x5000, ACC_READ | ACC_SYSTEM, E_P);
	/* With paging off, addresses are themselves again. */
	rig_enter(r, RIG_OFF, TOP);
	ASSERT_GPA(r, 0x5000, ACC_WRITE, 0x5000);
	rig_down(r);
}
static void test_counted(void)
{
	struct rig *r = rig_up();
	const struct trap_counter *c;

	CU_ASSERT_PTR_NOT_NULL_FATAL(r);
	c = &r->vm.traps.c[TRAP_TLB_FILL];
	map_long(r, 0, PWU);
	rig_enter(r, RIG_LONG, TOP);
	ASSERT_GPA(r, 0, ACC_READ, DATA);
	ASSERT_GPA(r, 8, ACC_READ, DATA + 8);
	CU_ASSERT_EQUAL(c->count, 1);
	/* Two readings of the clock would take as long as the walk. */
	CU_ASSERT_EQUAL(c->cycles, 0);
	ASSERT_GPA(r, 0, ACC_WRITE, DATA);
	CU_ASSERT_EQUAL(c->count, 2);
	ASSERT_PF(r, 0x1000, ACC_READ, 0);
	CU_ASSERT_EQUAL(c->count, 2);
	rig_down(r);
}
CU_TestInfo tests_tlb[] = {
	{ "what INVLPG and MOV CR3 drop", test_stale },
	{ "INVLPG drops all of a large page", test_large_stale },
	{ "PCIDs", test_pcid },
	{ "page tables that are remembered", test_tables_stale },
	{ "page tables that led to a fault", test_tables_marked },
	{ "control bits void the TLB", test_config },
	{ "fills are counted", test_counted },
	CU_TEST_INFO_NULL,
};
