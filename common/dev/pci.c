/* SPDX-License-Identifier: MIT */
#include "common/dev/pci.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#define ADDRESS_ENABLE BIT(31)
#define ADDRESS_KEPT   0x8ffffffcu
#define ADDRESS_BEYOND 0x0f000000u /* AMD: registers from 256 on, which we have none of */
#define CAPS_AT	       0x40u	   /* the first byte behind the header */
#define COMMAND_KEPT   (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define NO_DEVICE      0xffffffffu

/* Red Hat's generic host bridge: no kernel knows defects of it that it would work around. */
static const struct pci_id bridge_id = {
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x060000,
};

static u32 get(const u8 *p, unsigned int size)
{
	u32 v = 0;

	for (unsigned int i = 0; i < size; i++)
		v |= (u32)p[i] << i * 8;
	return v;
}

static void put(u8 *p, u32 value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++)
		p[i] = (u8)(value >> i * 8);
}

static bool command(const struct pci_device *d, u32 bits)
{
	return get(d->config + PCI_COMMAND, 2) & bits;
}

/* ---- interrupts --------------------------------------------------------------------------------
 */

static void update_intx(struct pci_device *d)
{
	unsigned int wire = d->slot % PCI_WIRES;
	u32 *asserted = &d->host->asserted[wire];

	if (d->intx)
		d->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		d->config[PCI_STATUS] &= (u8)~PCI_STATUS_INTERRUPT;
	if (d->intx && !command(d, PCI_COMMAND_INTX_DISABLE))
		*asserted |= BIT(d->slot);
	else
		*asserted &= ~BIT(d->slot);
	irq_line_set(&d->host->line[wire], *asserted != 0);
}

void pci_set_intx(struct pci_device *d, bool level)
{
	if (d->intx == level)
		return;
	d->intx = level;
	update_intx(d);
}

/* ---- the BAR -----------------------------------------------------------------------------------
 */

/* Where the guest wants BAR 0; 0: nowhere. An address that another device has is nobody's fault
 * but the guest's: the BAR does not answer. */
static u64 wanted(const struct pci_device *d)
{
	if (!d->bar_size || !command(d, PCI_COMMAND_MEMORY))
		return 0;
	return get(d->config + PCI_BASE_ADDRESS_0, 4) & PCI_BASE_ADDRESS_MEM_MASK;
}

static void update_bar(struct pci_device *d)
{
	const struct bus_region region = { d->name,	  wanted(d),  d->bar_size,
					   d->bar_access, d->bar_ops, d };

	if (region.base == d->bar_at)
		return;
	if (d->bar_at)
		bus_remove(d->host->mmio, d->bar_at);
	d->bar_at = 0;
	if (region.base && !bus_add(d->host->mmio, &region))
		d->bar_at = region.base;
}

/* ---- configuration space -----------------------------------------------------------------------
 */

u32 pci_config_read(struct pci_device *d, unsigned int at, unsigned int size)
{
	if (d->config_read)
		d->config_read(d, at);
	return get(d->config + at, size);
}

void pci_config_write(struct pci_device *d, unsigned int at, u32 value, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++) {
		u8 mask = d->writable[at + i];

		d->config[at + i] = (u8)((d->config[at + i] & ~mask) | (value >> i * 8 & mask));
	}
	update_bar(d);
	update_intx(d);
	if (d->config_written)
		d->config_written(d, at);
}

static struct pci_device *selected(const struct pci_host *host)
{
	unsigned int bus = host->address >> 16 & 0xff, slot = host->address >> 11 & 31;
	unsigned int function = host->address >> 8 & 7;

	if (!(host->address & ADDRESS_ENABLE) || (host->address & ADDRESS_BEYOND) || bus ||
	    function || slot >= host->nr)
		return NULL;
	return host->slot[slot];
}

static u64 data_read(void *opaque, u64 offset, unsigned int size)
{
	struct pci_host *host = opaque;
	struct pci_device *d = selected(host);

	return d ? pci_config_read(d, (host->address & 0xfc) + (u32)offset, size) : NO_DEVICE;
}

static void data_write(void *opaque, u64 offset, u64 value, unsigned int size)
{
	struct pci_host *host = opaque;
	struct pci_device *d = selected(host);

	if (d)
		pci_config_write(d, (host->address & 0xfc) + (u32)offset, (u32)value, size);
}

/* The address register takes whole doublewords only; narrower accesses pass to what else is in
 * this place (section 3.2.2.3.2): the reset register, one byte. */
static u64 address_read(void *opaque, u64 offset, unsigned int size)
{
	struct pci_host *host = opaque;
	u64 value = NO_DEVICE;

	if (size == 4)
		return host->address;
	if (host->cf9_ops && offset <= 1 && offset + size > 1) {
		unsigned int shift = (1 - (u32)offset) * 8;

		value &= ~(0xffull << shift);
		value |= host->cf9_ops->read(host->cf9, 0, 1) << shift;
	}
	return value;
}

static void address_write(void *opaque, u64 offset, u64 value, unsigned int size)
{
	struct pci_host *host = opaque;

	if (size == 4)
		host->address = (u32)value & ADDRESS_KEPT;
	else if (host->cf9_ops && offset <= 1 && offset + size > 1)
		host->cf9_ops->write(host->cf9, 0, value >> (1 - offset) * 8 & 0xff, 1);
}

static const struct bus_ops address_ops = { address_read, address_write, true };
static const struct bus_ops data_ops = { data_read, data_write, true };

/* ---- building ----------------------------------------------------------------------------------
 */

void pci_device_init(struct pci_device *d, const char *name, const struct pci_id *id)
{
	memset(d, 0, sizeof(*d));
	d->name = name;
	put(d->config + PCI_VENDOR_ID, id->vendor, 2);
	put(d->config + PCI_DEVICE_ID, id->device, 2);
	put(d->config + PCI_REVISION_ID, id->revision, 1);
	put(d->config + PCI_CLASS_PROG, id->class_code, 3);
	put(d->config + PCI_SUBSYSTEM_VENDOR_ID, id->subsystem_vendor, 2);
	put(d->config + PCI_SUBSYSTEM_ID, id->subsystem, 2);
	put(d->writable + PCI_COMMAND, COMMAND_KEPT, 2);
	d->writable[PCI_CACHE_LINE_SIZE] = d->writable[PCI_INTERRUPT_LINE] = 0xff;
}

unsigned int pci_add_capability(struct pci_device *d, u8 id, const void *body, unsigned int len)
{
	unsigned int at = CAPS_AT, link = PCI_CAPABILITY_LIST;

	while (d->config[link]) {
		link = d->config[link] + PCI_CAP_LIST_NEXT;
		/* Ours are virtio's, whose third byte is their length. */
		at = ALIGN_UP(link - PCI_CAP_LIST_NEXT + d->config[link + 1], 4);
	}
	d->config[link] = (u8)at;
	d->config[at] = id;
	memcpy(d->config + at + 2, body, len);
	d->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return at;
}

int pci_add(struct pci_host *host, struct pci_device *d)
{
	u32 base = ALIGN_UP(host->next_bar, d->bar_size ? d->bar_size : 1);

	if (host->nr == PCI_SLOTS || base + d->bar_size > PCI_WINDOW_END)
		return -ENOSPC;
	d->host = host;
	d->slot = host->nr;
	if (d->bar_size) {
		put(d->config + PCI_BASE_ADDRESS_0, base, 4);
		put(d->writable + PCI_BASE_ADDRESS_0, ~(d->bar_size - 1), 4);
		d->config[PCI_INTERRUPT_PIN] = 1;
		d->config[PCI_INTERRUPT_LINE] = (u8)pci_slot_gsi(d->slot);
		host->next_bar = base + d->bar_size;
	}
	host->slot[host->nr++] = d;
	return 0;
}

void pci_host_init(struct pci_host *host, struct bus *mmio, const struct irq_line line[PCI_WIRES],
		   const struct bus_ops *cf9_ops, void *cf9)
{
	memset(host, 0, sizeof(*host));
	host->mmio = mmio;
	for (unsigned int i = 0; i < PCI_WIRES; i++)
		host->line[i] = line[i];
	host->cf9_ops = cf9_ops;
	host->cf9 = cf9;
	host->next_bar = PCI_WINDOW;
	pci_device_init(&host->bridge, "host bridge", &bridge_id);
	pci_add(host, &host->bridge);
}

int pci_host_attach(struct pci_host *host, struct bus *pio)
{
	const struct bus_region region[] = {
		{ "pci-address", PCI_ADDRESS, 4, 4, &address_ops, host },
		{ "pci-data", PCI_DATA, 4, 4, &data_ops, host },
	};

	return bus_add_all(pio, region, ARRAY_SIZE(region));
}
