/* SPDX-License-Identifier: MIT */
/* A timer on a manual clock with its IRQ line watched, for the test_pit*.c suites. */
#ifndef FVB_TESTS_PIT_RIG_H
#define FVB_TESTS_PIT_RIG_H

#include "common/dev/pit.h"

#include <CUnit/CUnit.h>

struct rig {
	struct bus pio;
	struct clock clock;
	struct pit pit;
	int irq, rises, calls;
	u64 last; /* ns of the last rise */
};

static inline void on_irq(void *opaque, int pin, int level)
{
	struct rig *r = opaque;

	(void)pin;
	if (level && !r->irq) {
		r->rises++;
		r->last = clock_now(&r->clock);
	}
	r->irq = level;
	r->calls++;
}

static inline void setup(struct rig *r)
{
	r->irq = r->rises = 0;
	r->calls = 0;
	r->last = 0;
	clock_init_manual(&r->clock);
	bus_init_pio(&r->pio);
	pit_init(&r->pit, &r->clock, (struct irq_line){ on_irq, r, 0 });
	CU_ASSERT_EQUAL_FATAL(pit_attach(&r->pit, &r->pio), 0);
}

static inline void out(struct rig *r, u64 port, u64 v)
{
	bus_write(&r->pio, port, v, 1);
}

static inline unsigned int in(struct rig *r, u64 port)
{
	return (unsigned int)bus_read(&r->pio, port, 1);
}

/* The nanosecond in which pulse N falls: n / 1193182 s, rounded up. */
static inline u64 pulse(u64 n)
{
	return (n * NSEC_PER_SEC + PIT_HZ - 1) / PIT_HZ;
}

static inline void go_to(struct rig *r, u64 n)
{
	clock_advance(&r->clock, pulse(n) - clock_now(&r->clock));
}

/* Control word, then the count, low byte first. */
static inline void start(struct rig *r, unsigned int counter, u8 control, u16 count)
{
	out(r, 0x43, counter << 6 | 0x30 | control);
	out(r, 0x40 + counter, count & 0xff);
	out(r, 0x40 + counter, count >> 8);
}

static inline unsigned int count16(struct rig *r, unsigned int counter)
{
	unsigned int low = in(r, 0x40 + counter);

	return low | in(r, 0x40 + counter) << 8;
}

static inline bool out2(struct rig *r)
{
	return in(r, 0x61) & 0x20;
}

#endif
