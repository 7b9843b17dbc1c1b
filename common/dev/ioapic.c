/* SPDX-License-Identifier: MIT */
#include "common/dev/ioapic.h"

#include <string.h>

#define VERSION 0x20u

#define REG_SELECT 0x00
#define REG_WINDOW 0x10
#define REG_EOI	   0x40

#define INDEX_ID      0x00
#define INDEX_VERSION 0x01
#define INDEX_ARB     0x02
#define INDEX_ENTRY   0x10 /* two indices a pin, low half first */

#define ENTRY_MODE_SHIFT 8
#define ENTRY_LOGICAL	 BIT64(11)
#define ENTRY_REMOTE_IRR BIT64(14)
#define ENTRY_LEVEL	 BIT64(15)
#define ENTRY_MASKED	 BIT64(16)
#define ENTRY_DEST_SHIFT 56
/* All but the two read-only bits, delivery status (always idle here) and remote IRR. */
#define ENTRY_WRITABLE (0xff0000000001afffull)

#define MODE_LOWEST 1u

static inline u8 entry_vector(u64 entry)
{
	return (u8)entry;
}

static inline unsigned int entry_mode(u64 entry)
{
	return entry >> ENTRY_MODE_SHIFT & 7;
}

/* SMI, NMI, INIT and ExtINT are edge-triggered whatever the entry says. */
static inline bool entry_is_level(u64 entry)
{
	return (entry & ENTRY_LEVEL) && entry_mode(entry) <= MODE_LOWEST;
}

/* Remote IRR goes up before the message leaves: its EOI may come back at once. */
static void pin_send(struct ioapic *ioapic, unsigned int pin)
{
	u64 entry = ioapic->entry[pin];
	bool level = entry_is_level(entry);

	if (level)
		ioapic->entry[pin] |= ENTRY_REMOTE_IRR;
	ioapic->deliver(ioapic->opaque, (u32)(entry >> ENTRY_DEST_SHIFT), entry & ENTRY_LOGICAL,
			entry_mode(entry), entry_vector(entry), level);
}

/* A level-triggered pin sends whenever it is asserted, not masked, and not waiting for an EOI. */
static void pin_check_level(struct ioapic *ioapic, unsigned int pin)
{
	u64 entry = ioapic->entry[pin];

	if ((ioapic->line & BIT(pin)) && entry_is_level(entry) &&
	    !(entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)))
		pin_send(ioapic, pin);
}

void ioapic_set_irq(struct ioapic *ioapic, unsigned int pin, int level)
{
	bool rose;

	if (pin >= IOAPIC_PINS)
		return;
	rose = level && !(ioapic->line & BIT(pin));
	if (level)
		ioapic->line |= BIT(pin);
	else
		ioapic->line &= ~BIT(pin);
	if (entry_is_level(ioapic->entry[pin]))
		pin_check_level(ioapic, pin);
	else if (rose && !(ioapic->entry[pin] & ENTRY_MASKED))
		pin_send(ioapic, pin);
}

void ioapic_eoi(struct ioapic *ioapic, u8 vector)
{
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++) {
		if (entry_vector(ioapic->entry[pin]) != vector)
			continue;
		ioapic->entry[pin] &= ~ENTRY_REMOTE_IRR;
		pin_check_level(ioapic, pin);
	}
}

static void entry_write(struct ioapic *ioapic, unsigned int index, u32 v)
{
	unsigned int pin = (index - INDEX_ENTRY) / 2, shift = index & 1 ? 32 : 0;
	u64 mask = (u64)~0u << shift & ENTRY_WRITABLE;
	u64 *entry = &ioapic->entry[pin];

	*entry = (*entry & ~mask) | ((u64)v << shift & mask);
	if (!entry_is_level(*entry))
		*entry &= ~ENTRY_REMOTE_IRR;
	pin_check_level(ioapic, pin);
}

static bool is_entry(unsigned int index)
{
	return index >= INDEX_ENTRY && index < INDEX_ENTRY + 2 * IOAPIC_PINS;
}

static u32 window_read(const struct ioapic *ioapic)
{
	unsigned int index = ioapic->select;

	if (is_entry(index))
		return (u32)(ioapic->entry[(index - INDEX_ENTRY) / 2] >> (index & 1 ? 32 : 0));
	switch (index) {
	case INDEX_ID:
	case INDEX_ARB:
		return (u32)ioapic->id << 24;
	case INDEX_VERSION:
		return VERSION | (IOAPIC_PINS - 1) << 16;
	default:
		return 0;
	}
}

static void window_write(struct ioapic *ioapic, u32 v)
{
	if (is_entry(ioapic->select))
		entry_write(ioapic, ioapic->select, v);
	else if (ioapic->select == INDEX_ID)
		ioapic->id = v >> 24 & 0xf;
}

/* The index register takes bytes; the window and the EOI register only whole words (82093AA,
 * section 3.1). What is not a register reads as 0. */
static u64 ioapic_read(void *dev, u64 offset, unsigned int size)
{
	struct ioapic *ioapic = dev;

	if (offset == REG_SELECT)
		return ioapic->select;
	if (offset == REG_WINDOW && size == 4)
		return window_read(ioapic);
	return 0;
}

static void ioapic_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct ioapic *ioapic = dev;

	if (offset == REG_SELECT)
		ioapic->select = (u8)value;
	else if (offset == REG_WINDOW && size == 4)
		window_write(ioapic, (u32)value);
	else if (offset == REG_EOI && size == 4)
		ioapic_eoi(ioapic, (u8)value);
}

static const struct bus_ops ioapic_ops = { ioapic_read, ioapic_write, true };

int ioapic_attach(struct ioapic *ioapic, struct bus *mmio)
{
	const struct bus_region region = { "ioapic", IOAPIC_BASE, IOAPIC_SIZE,
					   4,	     &ioapic_ops, ioapic };

	return bus_add(mmio, &region);
}

void ioapic_reset(struct ioapic *ioapic)
{
	ioapic->select = 0;
	ioapic->id = 0;
	for (unsigned int pin = 0; pin < IOAPIC_PINS; pin++)
		ioapic->entry[pin] = ENTRY_MASKED;
}

void ioapic_init(struct ioapic *ioapic, ioapic_deliver_fn *deliver, void *opaque)
{
	memset(ioapic, 0, sizeof(*ioapic));
	ioapic->deliver = deliver;
	ioapic->opaque = opaque;
	ioapic_reset(ioapic);
}
