/* SPDX-License-Identifier: MIT */
/* The 8254's channel 0 through the 8259s, which every PC has, in all modes: for guests where it is
 * not the timer that is measured. */
#ifndef NANO_PIT_H
#define NANO_PIT_H

#include "x86.h"

#define PIT_HZ 1193182u

/* Interrupts 0 to 15 to VECTOR onwards; only the timer's is let through. */
static inline void pic_init(u8 vector)
{
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, vector);
	outb(0xa1, (u8)(vector + 8));
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xfe);
	outb(0xa1, 0xff);
}

/* At the end of its handler. */
static inline void pic_end(void)
{
	outb(0x20, 0x20);
}

static inline void pit_start(u8 mode, u16 ticks)
{
	outb(0x43, mode);
	outb(0x40, (u8)ticks);
	outb(0x40, (u8)(ticks >> 8));
}

/* One interrupt TICKS (of PIT_HZ) from now; one every TICKS. */
static inline void pit_once(u16 ticks)
{
	pit_start(0x30, ticks);
}

static inline void pit_every(u16 ticks)
{
	pit_start(0x34, ticks);
}

#endif
