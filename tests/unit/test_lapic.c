/* SPDX-License-Identifier: MIT */
#include "tests/unit/lapic_rig.h"

static void test_reset(void)
{
	struct rig r;

	setup_raw(&r, 0);
	CU_ASSERT_EQUAL(r.updates, 0);
	CU_ASSERT_EQUAL(get(&r, VERSION), 0x01050014);
	CU_ASSERT_EQUAL(get(&r, SVR), 0xff);
	CU_ASSERT_EQUAL(get(&r, DFR), ~0u);
	CU_ASSERT_EQUAL(get(&r, LVTT), MASK);
	CU_ASSERT_EQUAL(get(&r, LINT0), 0x700);
	CU_ASSERT_EQUAL(get(&r, LINT1), MASK);
	CU_ASSERT_TRUE(lapic_accepts_extint(&r.lapic));
	CU_ASSERT_EQUAL(rdmsr(&r, MSR_APIC_BASE), LAPIC_BASE | BSP | EN);
	CU_ASSERT_EQUAL(rdmsr_error(&r, 0x10), -ENOENT);
	CU_ASSERT_EQUAL(wrmsr(&r, 0x10, 0), -ENOENT);
	/* Disabled by software: takes no interrupt, unmasks no entry. */
	fixed(&r, 0x40);
	CU_ASSERT_EQUAL(get(&r, IRR + 0x20), 0);
	put(&r, LVTT, 0x40);
	CU_ASSERT_EQUAL(get(&r, LVTT), MASK | 0x40);
	put(&r, SVR, 0x1ff);
	put(&r, LVTT, 0x40);
	CU_ASSERT_EQUAL(get(&r, LVTT), 0x40);
	put(&r, SVR, 0xff);
	CU_ASSERT_EQUAL(get(&r, LVTT), MASK | 0x40);
	CU_ASSERT_FALSE(lapic_accepts_extint(&r.lapic));
	lapic_reset(&r.lapic);
	CU_ASSERT_TRUE(lapic_accepts_extint(&r.lapic));
	bus_fini(&r.mmio);
}

static void test_priority(void)
{
	struct rig r;

	setup(&r);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), -1);
	fixed(&r, 0x41);
	CU_ASSERT_EQUAL(r.updates, 1);
	fixed(&r, 0x52);
	fixed(&r, 0x45);
	CU_ASSERT_EQUAL(r.updates, 1); /* the output was high already */
	CU_ASSERT_EQUAL(get(&r, IRR + 0x20), BIT(1) | BIT(5) | BIT(0x12));
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x52);
	CU_ASSERT_EQUAL(r.updates, 2);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(get(&r, PPR), 0x50);
	CU_ASSERT_EQUAL(get(&r, ISR + 0x20), BIT(0x12));
	fixed(&r, 0x5f); /* same class: waits */
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	fixed(&r, 0x60);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x60);
	put(&r, EOI, 0);
	CU_ASSERT_EQUAL(get(&r, PPR), 0x50);
	put(&r, EOI, 0);
	CU_ASSERT_EQUAL(take(&r), 0x5f);
	CU_ASSERT_EQUAL(take(&r), 0x45);
	CU_ASSERT_EQUAL(take(&r), 0x41);
	CU_ASSERT_EQUAL(take(&r), -1);
	put(&r, EOI, 0); /* nothing in service: nothing happens */
	CU_ASSERT_EQUAL(r.eois, 0);
	bus_fini(&r.mmio);
}

static void test_tpr(void)
{
	struct rig r;

	setup(&r);
	put(&r, TPR, 0x48);
	CU_ASSERT_EQUAL(lapic_get_cr8(&r.lapic), 4);
	CU_ASSERT_EQUAL(get(&r, PPR), 0x48);
	fixed(&r, 0x4f);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), -1);
	CU_ASSERT_EQUAL(r.updates, 0);
	lapic_set_cr8(&r.lapic, 3);
	CU_ASSERT_EQUAL(get(&r, TPR), 0x30);
	CU_ASSERT_EQUAL(r.updates, 1);
	CU_ASSERT_TRUE(lapic_pending(&r.lapic));
	lapic_set_cr8(&r.lapic, 15);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	put(&r, TPR, 0x40);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(get(&r, APR), 0x40);
	put(&r, TPR, 0x3f);
	CU_ASSERT_TRUE(lapic_pending(&r.lapic));
	lapic_set_cr8(&r.lapic, 0);
	CU_ASSERT_EQUAL(get(&r, APR), 0x40);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x4f);
	CU_ASSERT_EQUAL(get(&r, PPR), 0x40);
	put(&r, TPR, 0x71);
	CU_ASSERT_EQUAL(get(&r, APR), 0x71);
	CU_ASSERT_EQUAL(get(&r, PPR), 0x71);
	put(&r, TPR, 0x45);
	CU_ASSERT_EQUAL(get(&r, APR), 0x40);
	/* Disabling by software holds what waits. */
	put(&r, TPR, 0);
	fixed(&r, 0x90);
	put(&r, SVR, 0xff);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	put(&r, SVR, 0x1ff);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x90);
	bus_fini(&r.mmio);
}

static void test_level_eoi(void)
{
	struct rig r;

	setup(&r);
	lapic_deliver(&r.lapic, 0x61, LAPIC_LOWEST, true);
	CU_ASSERT_EQUAL(get(&r, TMR + 0x30), BIT(1));
	CU_ASSERT_EQUAL(take(&r), 0x61);
	CU_ASSERT_EQUAL(r.eois, 1);
	CU_ASSERT_EQUAL(r.eoi_vector, 0x61);
	CU_ASSERT_EQUAL(get(&r, TMR + 0x30), BIT(1));
	fixed(&r, 0x61);
	CU_ASSERT_EQUAL(get(&r, TMR + 0x30), 0);
	CU_ASSERT_EQUAL(take(&r), 0x61);
	CU_ASSERT_EQUAL(r.eois, 1);
	/* Suppressed: the guest will write to the I/O APIC itself. */
	put(&r, SVR, 0x11ff);
	CU_ASSERT_EQUAL(get(&r, SVR), 0x11ff);
	lapic_deliver(&r.lapic, 0x61, LAPIC_FIXED, true);
	CU_ASSERT_EQUAL(take(&r), 0x61);
	CU_ASSERT_EQUAL(r.eois, 1);
	/* 16 is the first vector that can be one. */
	put(&r, SVR, 0x1ff);
	lapic_deliver(&r.lapic, 16, LAPIC_FIXED, true);
	CU_ASSERT_EQUAL(get(&r, IRR), BIT(16));
	CU_ASSERT_EQUAL(get(&r, TMR), BIT(16));
	CU_ASSERT_EQUAL(take(&r), 16);
	CU_ASSERT_EQUAL(r.eoi_vector, 16);
	bus_fini(&r.mmio);
}

static void test_modes(void)
{
	struct rig r;

	setup(&r);
	put(&r, TPR, 0x20);
	lapic_deliver(&r.lapic, 0x40, LAPIC_SMI, false);
	lapic_deliver(&r.lapic, 0x40, LAPIC_SIPI, false);
	lapic_deliver(&r.lapic, 0x40, LAPIC_EXTINT, false);
	lapic_deliver(&r.lapic, 0x40, 3, false);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	lapic_deliver(&r.lapic, 0, LAPIC_NMI, false);
	CU_ASSERT_EQUAL(r.nmis, 1);
	lapic_deliver(&r.lapic, 0, LAPIC_INIT, false);
	CU_ASSERT_EQUAL(r.inits, 1);
	CU_ASSERT_EQUAL(get(&r, SVR), 0xff);
	CU_ASSERT_EQUAL(get(&r, TPR), 0);
	lapic_deliver(&r.lapic, 0, LAPIC_NMI, false); /* also when disabled by software */
	CU_ASSERT_EQUAL(r.nmis, 2);
	wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE);
	lapic_deliver(&r.lapic, 0, LAPIC_NMI, false);
	CU_ASSERT_EQUAL(r.nmis, 2);
	bus_fini(&r.mmio);
}

static void test_lint(void)
{
	struct rig r;

	setup(&r);
	put(&r, LINT1, 0x400);
	lapic_lint(&r.lapic, 1, 1);
	lapic_lint(&r.lapic, 1, 1);
	CU_ASSERT_EQUAL(r.nmis, 1);
	lapic_lint(&r.lapic, 1, 0);
	lapic_lint(&r.lapic, 1, 1);
	CU_ASSERT_EQUAL(r.nmis, 2);
	lapic_lint(&r.lapic, 2, 1);
	/* ExtINT is the board's business, until the guest turns it off. */
	lapic_lint(&r.lapic, 0, 1);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	put(&r, LINT0, MASK | 0x700);
	CU_ASSERT_EQUAL(r.updates, 1);
	CU_ASSERT_FALSE(lapic_accepts_extint(&r.lapic));
	/* Fixed, edge: Linux's "virtual wire" fallback. */
	put(&r, LINT0, 0x42);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	lapic_lint(&r.lapic, 0, 0);
	lapic_lint(&r.lapic, 0, 1);
	CU_ASSERT_EQUAL(take(&r), 0x42);
	CU_ASSERT_EQUAL(take(&r), -1);
	CU_ASSERT_EQUAL(r.eois, 0);
	/* Fixed, level: again after each EOI while the line is up. */
	put(&r, LINT0, 0x8043);
	CU_ASSERT_EQUAL(get(&r, LINT0), 0xc043);
	CU_ASSERT_EQUAL(take(&r), 0x43);
	CU_ASSERT_TRUE(lapic_pending(&r.lapic));
	lapic_lint(&r.lapic, 0, 0);
	CU_ASSERT_EQUAL(take(&r), 0x43);
	CU_ASSERT_EQUAL(take(&r), -1);
	CU_ASSERT_EQUAL(get(&r, LINT0), 0x8043);
	lapic_lint(&r.lapic, 0, 1);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x43);
	CU_ASSERT_EQUAL(get(&r, LINT0), 0xc043);
	put(&r, LINT0, 0x8043); /* in service: not again */
	CU_ASSERT_EQUAL(get(&r, IRR + 0x20), 0);
	put(&r, LINT0, MASK | 0x8043);
	put(&r, EOI, 0);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	lapic_lint(&r.lapic, 0, 0);
	/* Lowest priority is no mode of a pin. */
	put(&r, LINT0, 0x144);
	lapic_lint(&r.lapic, 0, 1);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	bus_fini(&r.mmio);
}

static void test_match(void)
{
	static const struct {
		u32 ldr, dfr, dest;
		bool hit;
	} logical[] = {
		{ 0x02000000, ~0u, 0x06, true },	 { 0x02000000, ~0u, 0x05, false },
		{ 0x02000000, ~0u, 0xff, true },	 { 0x32000000, 0x0fffffff, 0x33, true },
		{ 0x32000000, 0x0fffffff, 0x23, false }, { 0x32000000, 0x0fffffff, 0x31, false },
		{ 0x32000000, 0x0fffffff, 0xff, true },
	};
	struct rig r;

	setup_raw(&r, 5);
	CU_ASSERT_TRUE(lapic_match(&r.lapic, 5, false));
	CU_ASSERT_FALSE(lapic_match(&r.lapic, 4, false));
	CU_ASSERT_TRUE(lapic_match(&r.lapic, 0xff, false));
	for (unsigned int i = 0; i < ARRAY_SIZE(logical); i++) {
		put(&r, LDR, logical[i].ldr);
		put(&r, DFR, logical[i].dfr);
		CU_ASSERT_EQUAL(lapic_match(&r.lapic, logical[i].dest, true), logical[i].hit);
	}
	wrmsr(&r, MSR_APIC_BASE, LAPIC_BASE);
	CU_ASSERT_FALSE(lapic_match(&r.lapic, 5, false));
	CU_ASSERT_TRUE(lapic_accepts_extint(&r.lapic));
	bus_fini(&r.mmio);

	setup_x2apic(&r, 0x25);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(LDR)), 0x00020020);
	CU_ASSERT_TRUE(lapic_match(&r.lapic, 0x25, false));
	CU_ASSERT_TRUE(lapic_match(&r.lapic, 0xff, false)); /* an 8-bit broadcast */
	CU_ASSERT_TRUE(lapic_match(&r.lapic, 0x00020030, true));
	CU_ASSERT_FALSE(lapic_match(&r.lapic, 0x00010020, true));
	CU_ASSERT_FALSE(lapic_match(&r.lapic, 0x00020010, true));
	bus_fini(&r.mmio);
}

static void test_ipi(void)
{
	static const struct {
		u32 dest, icr;
		int vector;
	} sent[] = {
		{ 5, 0x4040, 0x40 },	/* physical */
		{ 6, 0x4041, -1 },	/* nobody */
		{ 0xff, 0x4042, 0x42 }, /* all */
		{ 0x10, 0x4843, 0x43 }, /* logical */
		{ 0x20, 0x4844, -1 },	/* not our bit */
		{ 0x10, 0x4945, 0x45 }, /* lowest priority */
		{ 0, 0x44046, 0x46 },	/* self */
		{ 0, 0x84047, 0x47 },	/* all including self */
		{ 5, 0xc4048, -1 },	/* all excluding self */
		{ 5, 0xc049, 0x49 },	/* level means nothing */
	};
	struct rig r;

	setup_raw(&r, 5);
	put(&r, SVR, 0x1ff);
	put(&r, LDR, 0x10000000);
	for (unsigned int i = 0; i < ARRAY_SIZE(sent); i++) {
		put(&r, ICR2, sent[i].dest << 24);
		put(&r, ICR, sent[i].icr);
		CU_ASSERT_EQUAL(get(&r, ICR), sent[i].icr); /* delivery status idle */
		CU_ASSERT_EQUAL(take(&r), sent[i].vector);
	}
	CU_ASSERT_EQUAL(r.eois, 0);
	put(&r, ICR2, 5 << 24);
	put(&r, ICR, 0x4400);
	CU_ASSERT_EQUAL(r.nmis, 1);
	put(&r, ICR, 0x84500); /* INIT by shorthand, INIT deassert, start-up: not for us */
	put(&r, ICR, 0x8500);
	put(&r, ICR, 0x4610);
	CU_ASSERT_EQUAL(r.inits, 0);
	CU_ASSERT_EQUAL(get(&r, SVR), 0x1ff);
	put(&r, ICR, 0xc500);
	CU_ASSERT_EQUAL(r.inits, 1);
	bus_fini(&r.mmio);
}

static void test_x2apic_ipi(void)
{
	struct rig r;

	setup_x2apic(&r, 0x105);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(ID)), 0x105);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(ICR), 0x10500004040), 0);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(ICR)), 0x10500004040);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x40);
	wrmsr(&r, X2(ICR), 0xff00004050); /* 255 is an id like any other */
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), -1);
	wrmsr(&r, X2(ICR), 0xffffffff00004050);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x50);
	wrmsr(&r, X2(ICR), 0x0010002000004860); /* logical: cluster 10h, member 5 */
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x60);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(SELF), 0x70), 0);
	CU_ASSERT_EQUAL(lapic_ack(&r.lapic), 0x70);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(SELF), 0x170), -EINVAL);
	wrmsr(&r, X2(SELF), 15);
	wrmsr(&r, X2(ESR), 0);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(ESR)), 0x20);
	wrmsr(&r, X2(SELF), 16);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(IRR)), BIT(16));
	CU_ASSERT_EQUAL(wrmsr(&r, X2(ICR), 0x100000), -EINVAL);
	CU_ASSERT_EQUAL(wrmsr(&r, X2(EOI), 0), 0);
	CU_ASSERT_EQUAL(rdmsr(&r, X2(PPR)), 0x60);
	bus_fini(&r.mmio);
}

static void test_errors(void)
{
	struct rig r;

	setup(&r);
	put(&r, LVTERR, 0x33);
	put(&r, ICR, 0x4400f | 0x40000);  /* self, vector 15 */
	CU_ASSERT_EQUAL(get(&r, ESR), 0); /* shows only after a write */
	CU_ASSERT_EQUAL(take(&r), 0x33);
	put(&r, ICR, 0x4400e);
	CU_ASSERT_EQUAL(take(&r), -1); /* no news */
	put(&r, ESR, 0);
	CU_ASSERT_EQUAL(get(&r, ESR), 0x20);
	fixed(&r, 3);
	CU_ASSERT_EQUAL(take(&r), 0x33);
	get(&r, 0x3a0); /* no register */
	CU_ASSERT_EQUAL(take(&r), 0x33);
	put(&r, ESR, 0);
	CU_ASSERT_EQUAL(get(&r, ESR), 0xc0);

	put(&r, 0x2f0, 0); /* CMCI: not in this version */
	CU_ASSERT_EQUAL(take(&r), 0x33);
	put(&r, ESR, 0);
	CU_ASSERT_EQUAL(get(&r, ESR), 0x80);
	put(&r, ESR, 0);
	CU_ASSERT_EQUAL(get(&r, ESR), 0);
	/* An error vector that is itself illegal ends in the register, not in a loop. */
	put(&r, LVTERR, 0x03);
	fixed(&r, 2);
	put(&r, ESR, 0);
	CU_ASSERT_EQUAL(get(&r, ESR), 0x40);
	CU_ASSERT_EQUAL(take(&r), -1);
	bus_fini(&r.mmio);
}

/* INIT leaves nothing of a well-used APIC but its id and its mode. */
static void test_init(void)
{
	u32 fresh[0x40];
	struct rig r;

	setup_raw(&r, 0);
	put(&r, LINT0, MASK);
	for (u32 n = 0; n < 0x40; n++)
		fresh[n] = n * 16 == ESR ? 0 : get(&r, n * 16);
	put(&r, SVR, 0x1ff);
	for (u32 n = 0; n < 0x40; n++)
		if (n * 16 != SVR && n * 16 != ICR)
			put(&r, n * 16, 0xa5a600a5);
	put(&r, ID, 0);
	put(&r, TPR, 0);
	put(&r, ICR, 0x4404f);
	lapic_deliver(&r.lapic, 0x60, LAPIC_FIXED, true);
	lapic_ack(&r.lapic);
	fixed(&r, 0x80);
	put(&r, ESR, 0);
	fixed(&r, 1);
	lapic_deliver(&r.lapic, 0, LAPIC_INIT, false);
	CU_ASSERT_FALSE(lapic_pending(&r.lapic));
	CU_ASSERT_EQUAL(clock_next(&r.clock), CLOCK_NEVER);
	put(&r, ESR, 0);
	for (u32 n = 0; n < 0x40; n++)
		CU_ASSERT_EQUAL(get(&r, n * 16), fresh[n]);
	/* Nor is anything left to come out later. */
	put(&r, SVR, 0x1ff);
	put(&r, EOI, 0);
	fixed(&r, 0x20);
	CU_ASSERT_EQUAL(take(&r), 0x20);
	CU_ASSERT_EQUAL(take(&r), -1);
	CU_ASSERT_EQUAL(r.eois, 0);
	bus_fini(&r.mmio);
}

CU_TestInfo tests_lapic[] = {
	{ "reset and software enable", test_reset },
	{ "priorities, nesting, EOI", test_priority },
	{ "TPR, CR8, PPR, APR", test_tpr },
	{ "EOI of level-triggered vectors", test_level_eoi },
	{ "delivery modes", test_modes },
	{ "LINT0 and LINT1", test_lint },
	{ "destinations", test_match },
	{ "IPIs", test_ipi },
	{ "x2APIC IPIs", test_x2apic_ipi },
	{ "error status register", test_errors },
	{ "INIT resets every register", test_init },
	CU_TEST_INFO_NULL,
};
