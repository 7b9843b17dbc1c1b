/* SPDX-License-Identifier: MIT */
/* The local APIC: its timer and inter-processor interrupts. 64-bit guests only. */
#ifndef NANO_APIC_H
#define NANO_APIC_H

#include "cpu.h"

#define LAPIC_EOI 0x0b0

/* Switch the local APIC on in the mode it was found in (xAPIC or x2APIC), everything masked; skip()
 * where there is none. */
void lapic_init(void);

u32 lapic_read(u32 reg);
void lapic_write(u32 reg, u32 value);

/* Send VECTOR to this CPU: one write of the interrupt command register. */
void lapic_self_ipi(u8 vector);

/* Let the timer raise VECTOR, after lapic_init(). Uses TSC-deadline mode where there is one, else
 * one-shot mode, whose frequency it measures first. Returns whether it is TSC-deadline. */
bool timer_init(u8 vector);

/* Raise the timer's interrupt once, when the TSC reaches DEADLINE; replaces an earlier request. */
void timer_arm(u64 deadline);

/* Spin until `events` is no longer BEFORE; fail() after seconds of waiting. Interrupts must be on.
 */
static inline void wait_event(uword before)
{
	for (u32 tries = 1u << 30; events == before;)
		if (!--tries)
			fail("the interrupt never came");
}

/* Spin until the TSC has reached T. */
static inline void wait_tsc(u64 t)
{
	while (tsc() < t)
		;
}

#endif
