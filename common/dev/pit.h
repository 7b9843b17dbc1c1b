/* SPDX-License-Identifier: MIT */
/*
 * The 8254 interval timer at ports 40-43, and port 61: gate and output of counter 2, speaker,
 * refresh toggle. Intel 8254 datasheet (order 231164).
 *
 * Time is counted in CLK pulses of 1193182 Hz since the clock was made: pulse n falls on
 * n / 1193182 s, rounded up to whole nanoseconds, so nothing drifts however long a period
 * repeats. All six modes; the gates of counters 0 and 1 are tied high, so that modes 1 and 5
 * only ever start on counter 2. After reset the counters stand still until they are programmed
 * (the datasheet leaves that state undefined; a guest that does not use them is not disturbed).
 *
 * OUT of counter 0 drives IRQ 0. It rises on time. In modes 2, 3 and 4 its fall comes together
 * with the next rise: a guest that keeps interrupts off longer than the high phase loses no tick.
 * When the host is late, the interrupts of periods gone by without a chance to run follow an eighth
 * of a period apart, up to a second's: on a busy host Linux would else take the timer for broken.
 * Where a period is too short for that, edges less than PIT_MIN_GAP_NS ahead of now are skipped.
 */
#ifndef FVB_DEV_PIT_H
#define FVB_DEV_PIT_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/irq.h"
#include "common/types.h"

#define PIT_HZ	       1193182u
#define PIT_MIN_GAP_NS 20000u

struct pit_counter {
	u8 mode; /* 0-5 */
	u8 rw;	 /* 1: low byte, 2: high byte, 3: low then high */
	bool bcd;
	bool gate;
	bool loaded;	 /* count is in the counting element: it counts or has counted */
	bool armed;	 /* mode 1, 5: a count was written and waits for a trigger */
	bool held;	 /* gate low: counting stands still after `elapsed` pulses */
	bool reload;	 /* mode 2, 3: written replaces count at pulse reload_at */
	bool write_high; /* rw 3: the next byte written is the high one */
	bool read_high;
	bool status_latched;
	u8 count_latched; /* bytes of `latch` still to be read: 0, 1, 2 */
	u8 write_low;	  /* rw 3: the low byte, waiting for the high one */
	u8 status;
	u16 latch;
	u32 written, count; /* 1 .. 65536: count register, counting element's initial value */
	s64 start;	    /* pulse that put count into the counting element */
	s64 elapsed;
	s64 reload_at;
};

struct pit {
	struct pit_counter counter[3];
	struct clock *clock;
	struct timer timer; /* the next rise of OUT 0, or of one that is owed */
	s64 due;	    /* pulse of the next rise of OUT 0 */
	s64 owed;	    /* periods that went by while the host had no time for us */
	struct irq_line irq0;
	u8 port61; /* the bits that can be written, 0-3 */
};

/* Make a timer at reset that runs on CLOCK and whose OUT 0 drives IRQ0, which is not called yet. */
void pit_init(struct pit *pit, struct clock *clock, struct irq_line irq0);

/* Counters stopped, gate 2 low, OUT 0 low. */
void pit_reset(struct pit *pit);

/* Claim ports 40-43 and 61. 0 or what bus_add said. */
int pit_attach(struct pit *pit, struct bus *pio);

#endif
