/* SPDX-License-Identifier: MIT */
#include "common/dev/ioapic.h"

#include <CUnit/CUnit.h>

#define PIN	 14
#define LEVEL	 BIT(15)
#define MASKED	 BIT(16)
#define REMOTE	 BIT(14)
#define POLARITY BIT(13)

struct rig {
	struct bus mmio;
	struct ioapic ioapic;
	int sent;
	u32 dest;
	bool logical, level;
	unsigned int mode;
	u8 vector;
};

static void on_deliver(void *opaque, u32 dest, bool logical, unsigned int mode, u8 vector,
		       bool level)
{
	struct rig *r = opaque;

	r->sent++;
	r->dest = dest;
	r->logical = logical;
	r->mode = mode;
	r->vector = vector;
	r->level = level;
}

static void setup(struct rig *r)
{
	*r = (struct rig){ 0 };
	bus_init_mmio(&r->mmio);
	ioapic_init(&r->ioapic, on_deliver, r);
	CU_ASSERT_EQUAL_FATAL(ioapic_attach(&r->ioapic, &r->mmio), 0);
}

static void put(struct rig *r, u32 index, u32 v)
{
	bus_write(&r->mmio, IOAPIC_BASE, index, 4);
	bus_write(&r->mmio, IOAPIC_BASE + 0x10, v, 4);
}

static u32 get(struct rig *r, u32 index)
{
	bus_write(&r->mmio, IOAPIC_BASE, index, 4);
	return (u32)bus_read(&r->mmio, IOAPIC_BASE + 0x10, 4);
}

static void set_low(struct rig *r, u32 v)
{
	put(r, 0x10 + 2 * PIN, v);
}

static u32 get_low(struct rig *r)
{
	return get(r, 0x10 + 2 * PIN);
}

static void line(struct rig *r, int level)
{
	ioapic_set_irq(&r->ioapic, PIN, level);
}

static void test_registers(void)
{
	struct rig r;

	setup(&r);
	CU_ASSERT_EQUAL(get(&r, 1), 0x00170020);
	put(&r, 1, ~0u);
	CU_ASSERT_EQUAL(get(&r, 1), 0x00170020);
	put(&r, 0, ~0u);
	CU_ASSERT_EQUAL(get(&r, 0), 0x0f000000);
	CU_ASSERT_EQUAL(get(&r, 2), 0x0f000000);
	put(&r, 2, 0);
	CU_ASSERT_EQUAL(get(&r, 2), 0x0f000000);
	CU_ASSERT_EQUAL(get(&r, 0x3e), MASKED); /* pin 23, the last */
	put(&r, 0x40, ~0u);
	CU_ASSERT_EQUAL(get(&r, 0x40), 0);
	CU_ASSERT_EQUAL(get(&r, 0xff), 0);
	/* Read-only bits stay, destination is in the high half. */
	set_low(&r, ~0u);
	CU_ASSERT_EQUAL(get_low(&r), 0x0001afff);
	put(&r, 0x11 + 2 * PIN, ~0u);
	CU_ASSERT_EQUAL(get(&r, 0x11 + 2 * PIN), 0xff000000);
	ioapic_reset(&r.ioapic);
	CU_ASSERT_EQUAL(get_low(&r), MASKED);
	CU_ASSERT_EQUAL(get(&r, 0x11 + 2 * PIN), 0);
	CU_ASSERT_EQUAL(get(&r, 0), 0);
	put(&r, 1, 0);
	ioapic_reset(&r.ioapic);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, IOAPIC_BASE, 4), 0);
	bus_fini(&r.mmio);
}

static void test_widths(void)
{
	struct rig r;

	setup(&r);
	bus_write(&r.mmio, IOAPIC_BASE, 1, 1); /* the index is a byte */
	CU_ASSERT_EQUAL(bus_read(&r.mmio, IOAPIC_BASE, 4), 1);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, IOAPIC_BASE + 0x10, 4), 0x00170020);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, IOAPIC_BASE + 0x10, 1), 0);
	bus_write(&r.mmio, IOAPIC_BASE, 0x10 + 2 * PIN, 1);
	bus_write(&r.mmio, IOAPIC_BASE + 0x10, 0x55, 1);
	CU_ASSERT_EQUAL(get_low(&r), MASKED);
	CU_ASSERT_EQUAL(bus_read(&r.mmio, IOAPIC_BASE + 0xff8, 8), 0);
	bus_fini(&r.mmio);
}

static void test_edge(void)
{
	struct rig r;

	setup(&r);
	put(&r, 0x11 + 2 * PIN, 0xab000000);
	set_low(&r, BIT(11) | 1 << 8 | 0x51); /* logical, lowest priority */
	line(&r, 1);
	CU_ASSERT_EQUAL(r.sent, 1);
	CU_ASSERT_EQUAL(r.dest, 0xab);
	CU_ASSERT_TRUE(r.logical);
	CU_ASSERT_EQUAL(r.mode, 1);
	CU_ASSERT_EQUAL(r.vector, 0x51);
	CU_ASSERT_FALSE(r.level);
	line(&r, 1);
	CU_ASSERT_EQUAL(r.sent, 1);
	CU_ASSERT_EQUAL(get_low(&r) & REMOTE, 0);
	line(&r, 0);
	line(&r, 1);
	CU_ASSERT_EQUAL(r.sent, 2); /* no EOI needed in between */
	ioapic_eoi(&r.ioapic, 0x51);
	CU_ASSERT_EQUAL(r.sent, 2);
	/* An edge on a masked pin is lost. */
	line(&r, 0);
	set_low(&r, MASKED | 0x51);
	line(&r, 1);
	set_low(&r, 0x51);
	CU_ASSERT_EQUAL(r.sent, 2);
	bus_fini(&r.mmio);
}

static void test_level(void)
{
	struct rig r;

	setup(&r);
	set_low(&r, LEVEL | MASKED | 0x62);
	line(&r, 1);
	CU_ASSERT_EQUAL(r.sent, 0);
	set_low(&r, LEVEL | 0x62); /* asserted while masked: comes with the unmasking */
	CU_ASSERT_EQUAL(r.sent, 1);
	CU_ASSERT_TRUE(r.level);
	CU_ASSERT_EQUAL(get_low(&r), LEVEL | REMOTE | 0x62);
	line(&r, 0);
	line(&r, 1); /* in service: coalesced */
	set_low(&r, LEVEL | MASKED | 0x62);
	set_low(&r, LEVEL | 0x62);
	CU_ASSERT_EQUAL(r.sent, 1);
	ioapic_eoi(&r.ioapic, 0x63);
	CU_ASSERT_EQUAL(r.sent, 1);
	ioapic_eoi(&r.ioapic, 0x62); /* still asserted: again */
	CU_ASSERT_EQUAL(r.sent, 2);
	line(&r, 0);
	ioapic_eoi(&r.ioapic, 0x62);
	CU_ASSERT_EQUAL(r.sent, 2);
	CU_ASSERT_EQUAL(get_low(&r) & REMOTE, 0);
	set_low(&r, LEVEL | 1 << 8 | 0x62); /* lowest priority is no different */
	line(&r, 1);
	CU_ASSERT_TRUE(r.level);
	CU_ASSERT_TRUE(get_low(&r) & REMOTE);
	bus_fini(&r.mmio);
}

static void test_mask_in_service(void)
{
	struct rig r;

	setup(&r);
	set_low(&r, LEVEL | 0x62);
	line(&r, 1);
	set_low(&r, LEVEL | MASKED | 0x62);
	ioapic_eoi(&r.ioapic, 0x62);
	CU_ASSERT_EQUAL(r.sent, 1);
	CU_ASSERT_EQUAL(get_low(&r) & REMOTE, 0);
	set_low(&r, LEVEL | 0x62);
	CU_ASSERT_EQUAL(r.sent, 2);
	bus_fini(&r.mmio);
}

/* How Linux ends an interrupt on chips without EOI register: edge clears, level arms again. */
static void test_edge_clears_remote_irr(void)
{
	struct rig r;

	setup(&r);
	set_low(&r, LEVEL | 0x62);
	line(&r, 1);
	CU_ASSERT_TRUE(get_low(&r) & REMOTE);
	set_low(&r, MASKED | 0x62);
	CU_ASSERT_EQUAL(get_low(&r), MASKED | 0x62);
	CU_ASSERT_EQUAL(r.sent, 1);
	set_low(&r, LEVEL | 0x62);
	CU_ASSERT_EQUAL(r.sent, 2);
	bus_fini(&r.mmio);
}

static void test_eoi_register(void)
{
	struct rig r;

	setup(&r);
	set_low(&r, LEVEL | 0x62);
	line(&r, 1);
	line(&r, 0);
	bus_write(&r.mmio, IOAPIC_BASE + 0x40, 0x61, 4);
	CU_ASSERT_TRUE(get_low(&r) & REMOTE);
	bus_write(&r.mmio, IOAPIC_BASE + 0x40, 0x62, 1);
	bus_write(&r.mmio, IOAPIC_BASE + 0x30, 0x62, 4);
	CU_ASSERT_TRUE(get_low(&r) & REMOTE);
	bus_write(&r.mmio, IOAPIC_BASE + 0x40, 0x62, 4);
	CU_ASSERT_FALSE(get_low(&r) & REMOTE);
	bus_fini(&r.mmio);
}

static void test_shared_vector(void)
{
	struct rig r;

	setup(&r);
	set_low(&r, LEVEL | 0x62);
	put(&r, 0x10, LEVEL | 0x62);
	line(&r, 1);
	ioapic_set_irq(&r.ioapic, 0, 1);
	CU_ASSERT_EQUAL(r.sent, 2);
	ioapic_set_irq(&r.ioapic, 0, 0);
	ioapic_eoi(&r.ioapic, 0x62);
	CU_ASSERT_EQUAL(r.sent, 3);
	CU_ASSERT_EQUAL(get(&r, 0x10), LEVEL | 0x62);
	bus_fini(&r.mmio);
}

static void test_other_modes(void)
{
	struct rig r;

	setup(&r);
	/* NMI with the level bit set is an edge all the same; active-low changes nothing. */
	set_low(&r, LEVEL | POLARITY | 4 << 8 | 0x02);
	line(&r, 1);
	CU_ASSERT_EQUAL(r.sent, 1);
	CU_ASSERT_EQUAL(r.mode, 4);
	CU_ASSERT_FALSE(r.level);
	CU_ASSERT_EQUAL(get_low(&r), LEVEL | POLARITY | 4 << 8 | 0x02);
	ioapic_set_irq(&r.ioapic, IOAPIC_PINS, 1);
	ioapic_set_irq(&r.ioapic, ~0u, 1);
	CU_ASSERT_EQUAL(r.sent, 1);
	bus_fini(&r.mmio);
}

/* An EOI that comes while the message is being sent must find remote IRR set. */
static void eoi_at_once(void *opaque, u32 dest, bool logical, unsigned int mode, u8 vector,
			bool level)
{
	struct rig *r = opaque;

	(void)dest;
	(void)logical;
	(void)mode;
	(void)level;
	if (r->sent++ == 0)
		ioapic_set_irq(&r->ioapic, PIN, 0);
	ioapic_eoi(&r->ioapic, vector);
}

static void test_reentry(void)
{
	struct rig r;

	setup(&r);
	r.ioapic.deliver = eoi_at_once;
	set_low(&r, LEVEL | 0x62);
	line(&r, 1);
	CU_ASSERT_EQUAL(r.sent, 1);
	CU_ASSERT_EQUAL(get_low(&r), LEVEL | 0x62);
	bus_fini(&r.mmio);
}

CU_TestInfo tests_ioapic[] = {
	{ "registers and their read-only bits", test_registers },
	{ "access widths", test_widths },
	{ "edge-triggered pin", test_edge },
	{ "level-triggered pin and remote IRR", test_level },
	{ "masked while in service", test_mask_in_service },
	{ "going to edge clears remote IRR", test_edge_clears_remote_irr },
	{ "EOI register", test_eoi_register },
	{ "one EOI ends all pins of a vector", test_shared_vector },
	{ "modes that are always edges", test_other_modes },
	{ "EOI inside the delivery", test_reentry },
	CU_TEST_INFO_NULL,
};
