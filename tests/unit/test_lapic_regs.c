/* SPDX-License-Identifier: MIT */
#include "tests/unit/lapic_rig.h"

static void test_access(void)
{
	struct rig r;

	setup(&r);
	put(&r, TPR, 0x12345678);
	CU_ASSERT_EQUAL(get(&r, TPR), 0x78);
	put(&r, ID, 0x09abcdef);
	CU_ASSERT_EQUAL(get(&r, ID), 0x09000000);
	CU_ASSERT_TRUE(lapic_match(&r.lapic, 9, false));
	put(&r, VERSION, 0);
	CU_ASSERT_EQUAL(get(&r, VERSION), 0x01050014);
	CU_ASSERT_EQUAL(get(&r, EOI), 0);
	put(&r, LDR, ~0u);
	CU_ASSERT_EQUAL(get(&r, LDR), 0xff000000);
	put(&r, DFR, 0);
	CU_ASSERT_EQUAL(get(&r, DFR), 0x0fffffff);
	put(&r, LINT1, ~0u);
	CU_ASSERT_EQUAL(get(&r, LINT1), 0x1a7ff);
	/* Bytes can be read, not written; beyond the word there is nothing. */
	CU_ASSERT_EQUAL(bus_read(&r.mmio, LAPIC_BASE + VERSION + 2, 1), 0x05);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, LAPIC_BASE + VERSION + 4, 4), 0);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, LAPIC_BASE + VERSION, 8), 0x01050014);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, LAPIC_BASE + 0xff0, 4), 0);
	bus_write(&r.mmio, LAPIC_BASE + TPR, 0x10, 1);
	bus_write(&r.mmio, LAPIC_BASE + TPR + 4, 0x10, 4);
	CU_ASSERT_EQUAL(get(&r, TPR), 0x78);
	bus_fini(&r.mmio);
}

static void test_base(void)
{
	/* What each mode may turn into (bits EN and EXTD). */
	static const u32 modes[] = { 0, EXTD, EN, EN | EXTD };
	static const bool legal[4][4] = {
		{ true, false, true, false },
		{ false, false, false, false },
		{ true, false, true, true },
		{ true, false, false, true },
	};
	struct rig r;

	for (int from = 0; from < 4; from++) {
		for (int to = 0; to < 4; to++) {
			if (from == 1)
				continue;
			setup_raw(&r, 0);
			CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | modes[from]), 0);
			CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | modes[to]),
					legal[from][to] ? 0 : -EINVAL);
			CU_ASSERT_EQUAL(rdmsr(&r, MSR_APIC_BASE),
					LAPIC_BASE | modes[legal[from][to] ? to : from]);
			bus_fini(&r.mmio);
		}
	}
	setup_raw(&r, 0);
	r.lapic.phys_bits = 39;
	CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | EN | 1), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | EN | 0x200), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | EN | BIT64(39)), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | EN | BIT64(38)), 0);
	r.lapic.has_x2apic = false;
	CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | EN | EXTD), -EINVAL);
	bus_fini(&r.mmio);
}

static void test_disable(void)
{
	struct rig r;

	setup(&r);
	put(&r, ID, 0x07000000);
	put(&r, LVTT, PERIODIC | 0x40);
	put(&r, TMICT, 1000000);
	fixed(&r, 0x55);
	wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | BSP);
	CU_ASSERT_EQUAL(r.updates, 2); /* the pending one fell with it, in one step */
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	CU_ASSERT_EQUAL(get(&r, VERSION), ~0u);
	put(&r, TPR, 0x20);
	lapic_set_cr8(&r.lapic, 5); /* CR8 works on */
	CU_ASSERT_EQUAL(lapic_get_cr8(&r.lapic), 5);
	lapic_lint(&r.lapic, 1, 1); /* the pins are INTR and NMI */
	lapic_lint(&r.lapic, 1, 1);
	lapic_lint(&r.lapic, 0, 1);
	CU_ASSERT_EQUAL(r.nmis, 1);
	wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | BSP | EN);
	CU_ASSERT_EQUAL(get(&r, ID), 0);
	CU_ASSERT_EQUAL(get(&r, TPR), 0x50);
	CU_ASSERT_EQUAL(get(&r, SVR), 0xff);
	CU_ASSERT_EQUAL(get(&r, LINT0), MASK);
	CU_ASSERT_FALSE(lapic_accepts_extint(&r.lapic));
	bus_fini(&r.mmio);
}

static void test_relocate(void)
{
	const struct bus_region other = { .name = "other",
					  .base = 0xfec00000,
					  .len = 0x1000,
					  .max_size = 4,
					  .ops = &(struct bus_ops){ NULL, NULL, false } };
	static const u64 places[] = { 0xfed40000, 0, BIT64(51), 0xfec00000, LAPIC_BASE };
	struct rig r;

	setup_raw(&r, 0);
	CU_ASSERT_EQUAL(bus_add(&r.mmio, &other), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		u64 seen;

		CU_ASSERT_EQUAL(wrmsr(&r, MSR_APIC_BASE, places[i] | EN), 0);
		seen = bus_read(&r.mmio, places[i] + VERSION, 4);
		/* Where somebody else lives, that one answers. */
		CU_ASSERT_EQUAL(seen, places[i] == other.base ? 0xffffffff : 0x01050014);
		CU_ASSERT_EQUAL(get(&r, VERSION) == 0x01050014, places[i] == LAPIC_BASE);
	}
	wrmsr(&r, MSR_APIC_BASE, EN);
	lapic_reset(&r.lapic);
	CU_ASSERT_EQUAL(get(&r, VERSION), 0x01050014);
	CU_ASSERT_PTR_NULL(bus_name(&r.mmio, 0));
	bus_fini(&r.mmio);
}

static void test_x2apic_msrs(void)
{
	/* 1: RDMSR works, 2: WRMSR of 0 works */
	static const u8 access[0x40] = {
		[0x02] = 1,	     [0x03] = 1, [0x08] = 3,	      [0x0a] = 1, [0x0b] = 2,
		[0x0d] = 1,	     [0x0f] = 3, [0x10 ... 0x27] = 1, [0x28] = 3, [0x30] = 3,
		[0x32 ... 0x38] = 3, [0x39] = 1, [0x3e] = 3,	      [0x3f] = 2,
	};
	struct rig r;

	setup(&r);
	CU_ASSERT_EQUAL(rdmsr_error(&r, X2(ID)), -EINVAL); /* not in xAPIC mode */
	CU_ASSERT_EQUAL(wrmsr(&r, X2(TPR), 0), -EINVAL);
	bus_fini(&r.mmio);
	setup_raw(&r, 3);
	put(&r, ID, 0x09000000); /* the id that x2APIC shows cannot be changed */
	wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE | EN | EXTD);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(ID)), 3);
	bus_fini(&r.mmio);
	setup_x2apic(&r, 0);
	for (u32 n = 0; n < 0x40; n++) {
		u32 msr = MSR_X2APIC_FIRST + n;

		CU_ASSERT_EQUAL(rdmsr_error(&r, msr), access[n] & 1 ? 0 : -EINVAL);
		CU_ASSERT_EQUAL(wrmsr(&r, msr, 0), access[n] & 2 ? 0 : -EINVAL);
	}
	CU_ASSERT_EQUAL(get(&r, VERSION), ~0u); /* the page has gone */
	put(&r, TPR, 0x20);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(TPR)), 0);
	/* Reserved bits fault. */
	CU_ASSERT_EQUAL(wrmsr(&r, X2(TPR), 0x100), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(TPR), BIT64(32)), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(EOI), 1), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(ESR), 1), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(LVTT), 0x80000), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(LVTT), 0x1000 | MASK | 0x40), 0); /* read-only bit */
	CU_ASSERT_EQUAL(rdmsr(&r, X2(LVTT)), MASK | 0x40);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(TDCR), 4), -EINVAL);
	bus_fini(&r.mmio);
}

CU_TestInfo tests_lapic_regs[] = {
	{ "register access in memory", test_access },
	{ "APIC_BASE transitions and reserved bits", test_base },
	{ "global disable", test_disable },
	{ "the page moves with APIC_BASE", test_relocate },
	{ "x2APIC MSRs", test_x2apic_msrs },
	CU_TEST_INFO_NULL,
};
