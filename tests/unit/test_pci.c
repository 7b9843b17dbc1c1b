/* SPDX-License-Identifier: MIT */
#include "common/dev/pci.h"
#include "common/dev/resetport.h"
#include "tests/unit/devtest.h"

#include <linux/pci_regs.h>

#define BAR_SIZE 0x4000u

struct fixture {
	struct bench b;
	struct resetport reset;
	struct pci_host host;
	struct pci_device d[4];
	u64 last_write;
};

static u64 bar_read(void *dev, u64 offset, unsigned int size)
{
	(void)dev, (void)size;
	return 0xab00 | offset;
}

static const struct bus_ops bar_ops = { bar_read, NULL, true };
static const struct pci_id id = { 0x1af4, 0x1042, 0x1af4, 0x40, 0x018000, 1 };

static void setup(struct fixture *f)
{
	struct irq_line line[PCI_WIRES];

	memset(f, 0, sizeof(*f));
	bench_init(&f->b);
	for (int i = 0; i < PCI_WIRES; i++)
		line[i] = wire_line(&f->b, pci_wire_gsi[i]);
	resetport_init(&f->reset, count_call, &f->b);
	pci_host_init(&f->host, &f->b.mmio, line, &resetport_ops, &f->reset);
	CU_ASSERT_EQUAL_FATAL(pci_host_attach(&f->host, &f->b.pio), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(f->d); i++) {
		pci_device_init(&f->d[i], "device", &id);
		f->d[i].bar_size = BAR_SIZE;
		f->d[i].bar_ops = &bar_ops;
		f->d[i].bar_access = 4;
		CU_ASSERT_EQUAL_FATAL(pci_add(&f->host, &f->d[i]), 0);
	}
}

static void select_register(struct fixture *f, unsigned int slot, unsigned int at)
{
	out32(&f->b, PCI_ADDRESS, 0x80000000 | slot << 11 | (at & 0xfc));
}

static u32 config(struct fixture *f, unsigned int slot, unsigned int at)
{
	select_register(f, slot, at);
	return in32(&f->b, PCI_DATA);
}

static void set_config(struct fixture *f, unsigned int slot, unsigned int at, u32 value)
{
	select_register(f, slot, at);
	out32(&f->b, PCI_DATA, value);
}

static void test_probe(void)
{
	struct fixture f;

	setup(&f);
	/* As Linux looks for mechanism 1: the byte is not for us, the doubleword reads back. */
	out8(&f.b, 0xcfb, 1);
	out32(&f.b, PCI_ADDRESS, 0x80000000);
	CU_ASSERT_EQUAL(in32(&f.b, PCI_ADDRESS), 0x80000000);
	CU_ASSERT_EQUAL(config(&f, 0, PCI_CLASS_REVISION) >> 8, 0x060000);
	CU_ASSERT_EQUAL(config(&f, 1, PCI_VENDOR_ID), 0x10421af4);
	CU_ASSERT_EQUAL(config(&f, 1, PCI_CLASS_REVISION), 0x01800001);
	select_register(&f, 1, 0);
	CU_ASSERT_EQUAL(in16(&f.b, PCI_DATA + 2), 0x1042);
	CU_ASSERT_EQUAL(in8(&f.b, PCI_DATA + 3), 0x10);
	/* No such slot, function, bus, extended register; not enabled. */
	CU_ASSERT_EQUAL(config(&f, 5, 0), ~0u);
	out32(&f.b, PCI_ADDRESS, 0x80000900);
	CU_ASSERT_EQUAL(in32(&f.b, PCI_DATA), ~0u);
	out32(&f.b, PCI_ADDRESS, 0x80010800);
	CU_ASSERT_EQUAL(in32(&f.b, PCI_DATA), ~0u);
	out32(&f.b, PCI_ADDRESS, 0x81000800);
	CU_ASSERT_EQUAL(in32(&f.b, PCI_DATA), ~0u);
	out32(&f.b, PCI_ADDRESS, 0x00000800);
	CU_ASSERT_EQUAL(in32(&f.b, PCI_DATA), ~0u);
	bench_fini(&f.b);
}

/* The reset register is a byte in the middle of the address register. */
static void test_reset_port(void)
{
	struct fixture f;

	setup(&f);
	out32(&f.b, PCI_ADDRESS, 0x80000600);
	CU_ASSERT_EQUAL(f.b.calls, 0);
	out8(&f.b, 0xcf9, 2);
	CU_ASSERT_EQUAL(in8(&f.b, 0xcf9), 2);
	CU_ASSERT_EQUAL(in32(&f.b, PCI_ADDRESS), 0x80000600);
	CU_ASSERT_EQUAL(f.b.calls, 0);
	out8(&f.b, 0xcf9, 6);
	CU_ASSERT_EQUAL(f.b.calls, 1);
	out8(&f.b, 0xcf9, 0);
	out16(&f.b, 0xcf8, 0x0600);
	CU_ASSERT_EQUAL(f.b.calls, 2);
	CU_ASSERT_EQUAL(in16(&f.b, 0xcf8), 0x06ff);
	out8(&f.b, 0xcf8, 0);
	out8(&f.b, 0xcfa, 0);
	CU_ASSERT_EQUAL(f.b.calls, 2);
	bench_fini(&f.b);
}

static void test_header_is_fixed(void)
{
	struct fixture f;
	u32 before[16];

	setup(&f);
	for (unsigned int i = 0; i < 16; i++)
		before[i] = config(&f, 1, i * 4);
	for (unsigned int i = 0; i < 64; i++)
		set_config(&f, 1, i * 4, ~0u);
	CU_ASSERT_EQUAL(config(&f, 1, 0), before[0]);
	CU_ASSERT_EQUAL(config(&f, 1, 4), 0x0406); /* memory, bus master, INTx off */
	CU_ASSERT_EQUAL(config(&f, 1, 8), before[2]);
	CU_ASSERT_EQUAL(config(&f, 1, PCI_SUBSYSTEM_VENDOR_ID), 0x00401af4);
	CU_ASSERT_EQUAL(config(&f, 1, PCI_BASE_ADDRESS_1), 0);
	CU_ASSERT_EQUAL(config(&f, 1, PCI_INTERRUPT_LINE), 0x1ff);
	bench_fini(&f.b);
}

static void test_bar(void)
{
	struct fixture f;
	u32 bar;

	setup(&f);
	bar = config(&f, 1, PCI_BASE_ADDRESS_0);
	CU_ASSERT(bar >= PCI_WINDOW && bar + BAR_SIZE <= PCI_WINDOW_END && bar % BAR_SIZE == 0);
	CU_ASSERT_NOT_EQUAL(config(&f, 2, PCI_BASE_ADDRESS_0), bar);
	/* It answers only when told to. */
	CU_ASSERT_EQUAL(bus_read(&f.b.mmio, bar + 4, 4), 0xffffffff);
	set_config(&f, 1, PCI_COMMAND, PCI_COMMAND_MEMORY);
	CU_ASSERT_EQUAL(bus_read(&f.b.mmio, bar + 4, 4), 0xab04);
	/* Sizing, and moving while it answers. */
	set_config(&f, 1, PCI_BASE_ADDRESS_0, ~0u);
	CU_ASSERT_EQUAL(config(&f, 1, PCI_BASE_ADDRESS_0), ~(BAR_SIZE - 1));
	set_config(&f, 1, PCI_BASE_ADDRESS_0, 0xf0000000);
	CU_ASSERT_EQUAL(bus_read(&f.b.mmio, bar + 4, 4), 0xffffffff);
	CU_ASSERT_EQUAL(bus_read(&f.b.mmio, 0xf0000008, 4), 0xab08);
	/* On top of another one it does not answer; that one goes on. */
	set_config(&f, 2, PCI_COMMAND, PCI_COMMAND_MEMORY);
	set_config(&f, 1, PCI_BASE_ADDRESS_0, config(&f, 2, PCI_BASE_ADDRESS_0));
	CU_ASSERT_EQUAL(f.d[0].bar_at, 0);
	CU_ASSERT_EQUAL(bus_read(&f.b.mmio, config(&f, 2, PCI_BASE_ADDRESS_0) + 4, 4), 0xab04);
	set_config(&f, 1, PCI_COMMAND, 0);
	set_config(&f, 2, PCI_COMMAND, 0);
	CU_ASSERT_EQUAL(f.b.mmio.nr, 1);
	bench_fini(&f.b);
}

/* Slots 1 and 4 share a wire. */
static void test_interrupts(void)
{
	struct fixture f;
	unsigned int gsi;

	setup(&f);
	gsi = config(&f, 1, PCI_INTERRUPT_LINE) & 0xff;
	CU_ASSERT_EQUAL(config(&f, 1, PCI_INTERRUPT_LINE) >> 8 & 0xff, 1);
	CU_ASSERT_EQUAL(gsi, pci_slot_gsi(1));
	CU_ASSERT_EQUAL(config(&f, 4, PCI_INTERRUPT_LINE) & 0xff, gsi);
	CU_ASSERT(PCI_ELCR & BIT(gsi));
	pci_set_intx(&f.d[0], true);
	CU_ASSERT(f.b.wire.level == 1 && f.b.wire.pin == (int)gsi);
	CU_ASSERT(config(&f, 1, PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT);
	pci_set_intx(&f.d[3], true);
	pci_set_intx(&f.d[0], false);
	CU_ASSERT_EQUAL(f.b.wire.level, 1);
	CU_ASSERT(!(config(&f, 1, PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT));
	/* Disabled, the wire falls, and the status still says it. */
	set_config(&f, 4, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);
	CU_ASSERT(f.b.wire.level == 0 && f.b.wire.pin == (int)gsi);
	CU_ASSERT(config(&f, 4, PCI_COMMAND) >> 16 & PCI_STATUS_INTERRUPT);
	set_config(&f, 4, PCI_COMMAND, 0);
	CU_ASSERT_EQUAL(f.b.wire.level, 1);
	pci_set_intx(&f.d[3], false);
	CU_ASSERT_EQUAL(f.b.wire.level, 0);
	bench_fini(&f.b);
}

static void test_full(void)
{
	static struct pci_device more[PCI_SLOTS];
	struct fixture f;
	int r = 0, n = 0;

	setup(&f);
	while (!r && n < PCI_SLOTS) {
		pci_device_init(&more[n], "more", &id);
		r = pci_add(&f.host, &more[n++]);
	}
	CU_ASSERT(r < 0);
	CU_ASSERT_EQUAL(f.host.nr, PCI_SLOTS);
	bench_fini(&f.b);
}

CU_TestInfo tests_pci[] = {
	{ "configuration mechanism 1", test_probe },
	{ "port cf9 among the host's ports", test_reset_port },
	{ "what a guest cannot change", test_header_is_fixed },
	{ "BARs: sizing, moving, collisions", test_bar },
	{ "INTA: shared wires, the disable bit", test_interrupts },
	{ "a full bus", test_full },
	CU_TEST_INFO_NULL,
};
