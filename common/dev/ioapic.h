/* SPDX-License-Identifier: MIT */
/*
 * The I/O APIC: 24 pins, at fec00000, version 20h (which has the EOI register). Intel 82093AA
 * datasheet (order 290566); EOI register: Intel I/O Controller Hub 9 datasheet, section 13.5.
 *
 * Behaviour that guests depend on: an edge on a masked pin is lost; a level-triggered pin that is
 * asserted is delivered when it is unmasked; remote IRR stays until an EOI for the pin's vector,
 * and a pin still asserted then is delivered again; making a pin edge-triggered clears its remote
 * IRR. The polarity bit is kept and ignored: lines here are active or not, not high or low.
 */
#ifndef FVB_DEV_IOAPIC_H
#define FVB_DEV_IOAPIC_H

#include "common/bus.h"
#include "common/types.h"

#define IOAPIC_BASE 0xfec00000ull
#define IOAPIC_SIZE 0x1000u
#define IOAPIC_PINS 24

/*
 * Sends an interrupt message: DEST and LOGICAL as lapic_match, MODE, VECTOR and LEVEL as
 * lapic_deliver take them. LEVEL promises that ioapic_eoi(VECTOR) follows its EOI.
 */
typedef void ioapic_deliver_fn(void *opaque, u32 dest, bool logical, unsigned int mode, u8 vector,
			       bool level);

struct ioapic {
	u8 select; /* IOREGSEL */
	u8 id;
	u32 line; /* bit n: pin n is asserted */
	u64 entry[IOAPIC_PINS];
	ioapic_deliver_fn *deliver;
	void *opaque;
};

/* Make one at reset. DELIVER may call back ioapic_eoi. */
void ioapic_init(struct ioapic *ioapic, ioapic_deliver_fn *deliver, void *opaque);

/* All pins masked; the lines keep their levels. */
void ioapic_reset(struct ioapic *ioapic);

/* Claim 4 KiB at IOAPIC_BASE. 0 or what bus_add said. */
int ioapic_attach(struct ioapic *ioapic, struct bus *mmio);

/* Drive PIN (0-23; others are ignored). */
void ioapic_set_irq(struct ioapic *ioapic, unsigned int pin, int level);

/* An EOI message for VECTOR: clears remote IRR of every level-triggered pin with it, and delivers
 * those again that are still asserted and not masked. */
void ioapic_eoi(struct ioapic *ioapic, u8 vector);

#endif
