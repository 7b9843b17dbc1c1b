/* SPDX-License-Identifier: MIT */
/* A bench for device tests: a port bus, a clock that the test moves, and a wire that remembers. */
#ifndef FVB_DEVTEST_H
#define FVB_DEVTEST_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/irq.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define USEC 1000ull
#define MSEC (1000 * USEC)

struct wire {
	int pin, level;
	unsigned int edges; /* from low to high */
};

struct bench {
	struct bus pio, mmio;
	struct clock clock;
	struct wire wire;
	unsigned int calls; /* of count_call */
};

static inline void wire_set(void *opaque, int pin, int level)
{
	struct wire *w = opaque;

	w->edges += level && !w->level;
	w->level = level;
	w->pin = pin;
}

static inline struct irq_line wire_line(struct bench *b, int pin)
{
	return (struct irq_line){ wire_set, &b->wire, pin };
}

/* A callback without arguments, of reset ports and the like. ARG is the bench. */
static inline void count_call(void *arg)
{
	((struct bench *)arg)->calls++;
}

static inline void bench_init(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	CU_ASSERT_EQUAL_FATAL(bus_init_pio(&b->pio), 0);
	CU_ASSERT_EQUAL_FATAL(bus_init_mmio(&b->mmio), 0);
	clock_init_manual(&b->clock);
}

static inline void bench_fini(struct bench *b)
{
	bus_fini(&b->pio);
	bus_fini(&b->mmio);
	clock_fini(&b->clock);
}

static inline u8 in8(struct bench *b, u16 port)
{
	return (u8)bus_read(&b->pio, port, 1);
}

static inline u16 in16(struct bench *b, u16 port)
{
	return (u16)bus_read(&b->pio, port, 2);
}

static inline u32 in32(struct bench *b, u16 port)
{
	return (u32)bus_read(&b->pio, port, 4);
}

static inline void out8(struct bench *b, u16 port, u8 value)
{
	bus_write(&b->pio, port, value, 1);
}

static inline void out16(struct bench *b, u16 port, u16 value)
{
	bus_write(&b->pio, port, value, 2);
}

static inline void out32(struct bench *b, u16 port, u32 value)
{
	bus_write(&b->pio, port, value, 4);
}

#endif
