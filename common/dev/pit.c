/* SPDX-License-Identifier: MIT */
#include "common/dev/pit.h"

#include <string.h>

#define MIN_GAP	       ((s64)(PIT_MIN_GAP_NS * (u64)PIT_HZ / NSEC_PER_SEC) + 1)
#define NO_PULSE       INT64_MAX
#define REFRESH_PULSES 18 /* counter 1 of a PC asks for a DRAM refresh every 15 us */

/* Interrupts that are owed come this many times as fast as they should have. */
#define OWED_SPEED 8

#define PORT61_GATE2   0x01
#define PORT61_WRITE   0x0f
#define PORT61_REFRESH 0x10
#define PORT61_OUT2    0x20

#define STATUS_OUT  0x80
#define STATUS_NULL 0x40

/* A square wave starts high; an odd count makes the high half one pulse longer. */
static inline u32 high_half(u32 count)
{
	return (count + 1) / 2;
}

static inline bool is_periodic(const struct pit_counter *c)
{
	return c->mode == 2 || c->mode == 3;
}

static inline bool is_triggered(const struct pit_counter *c)
{
	return c->mode == 1 || c->mode == 5;
}

static s64 pulse_now(const struct pit *pit)
{
	return (s64)mul_div(clock_now(pit->clock), PIT_HZ, NSEC_PER_SEC);
}

/* The first nanosecond at which PULSE has come. */
static u64 pulse_time(s64 pulse)
{
	u64 ns = mul_div((u64)pulse, NSEC_PER_SEC, PIT_HZ);

	return mul_div(ns, PIT_HZ, NSEC_PER_SEC) < (u64)pulse ? ns + 1 : ns;
}

/* Pulses counted. A count waits one pulse after the write before it is in the counting element. */
static s64 elapsed(const struct pit_counter *c, s64 now)
{
	if (c->held)
		return c->elapsed;
	return now > c->start ? now - c->start : 0;
}

/* Let a new count that waited for the end of a (half) period take effect. */
static void counter_sync(struct pit_counter *c, s64 now)
{
	s64 phase;

	if (!c->reload || c->held || now < c->reload_at)
		return;
	phase = (c->reload_at - c->start) % c->count;
	c->start = c->reload_at - (phase ? high_half(c->written) : 0);
	c->count = c->written;
	c->reload = false;
}

static bool counter_out(const struct pit_counter *c, s64 now)
{
	s64 e = elapsed(c, now);

	if (!c->loaded)
		return c->mode != 0;
	if (is_periodic(c) && c->held)
		return true;
	switch (c->mode) {
	case 2:
		return e % c->count != c->count - 1;
	case 3:
		return e % c->count < high_half(c->count);
	case 4:
	case 5:
		return e != c->count;
	default:
		return e >= c->count;
	}
}

static u16 to_bcd(u32 v)
{
	return (u16)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static u32 from_bcd(u16 v)
{
	return (v >> 12) * 1000u + (v >> 8 & 15) * 100u + (v >> 4 & 15) * 10u + (v & 15);
}

/* What the counting element shows; after the terminal count it goes on from the top. */
static u16 counter_value(const struct pit_counter *c, s64 now)
{
	s64 e = elapsed(c, now), wrap = c->bcd ? 10000 : 65536, v;

	if (!c->loaded)
		return 0;
	if (c->mode == 2) {
		v = c->count - e % c->count;
	} else if (c->mode == 3) {
		e %= c->count;
		if (e >= high_half(c->count))
			e -= high_half(c->count);
		v = (c->count & ~1u) - 2 * e;
	} else {
		v = c->count - e % wrap + wrap;
	}
	v %= wrap;
	return c->bcd ? to_bcd((u32)v) : (u16)v;
}

static u8 counter_status(const struct pit_counter *c, s64 now)
{
	bool null = !c->loaded || c->armed || c->reload || (!c->held && now < c->start);

	return (u8)((counter_out(c, now) ? STATUS_OUT : 0) | (null ? STATUS_NULL : 0) | c->rw << 4 |
		    c->mode << 1 | c->bcd);
}

/* The next pulse after NOW at which OUT rises. Only for a gate that is high. */
static s64 next_rise(const struct pit_counter *c, s64 now)
{
	s64 once = c->start + c->count + (c->mode == 4);

	if (!c->loaded || is_triggered(c))
		return NO_PULSE;
	if (!is_periodic(c))
		return once > now ? once : NO_PULSE;
	if (c->reload && (c->reload_at - c->start) % c->count)
		return c->reload_at + c->written - high_half(c->written);
	if (c->count < MIN_GAP)
		now += MIN_GAP;
	return c->start + (elapsed(c, now) / c->count + 1) * c->count;
}

/* Set the timer for the next rise of OUT 0, or for one that is owed. */
static void pit_rearm(struct pit *pit)
{
	const struct pit_counter *c = &pit->counter[0];
	s64 now = pulse_now(pit), pulse = next_rise(c, now), gap = c->count / OWED_SPEED;

	pit->due = pulse;
	if (pulse == NO_PULSE)
		pit->owed = 0;
	else if (pit->owed && now + gap < pulse)
		pulse = now + gap;
	timer_set(pit->clock, &pit->timer, pulse == NO_PULSE ? CLOCK_NEVER : pulse_time(pulse));
}

/*
 * A guest that counts interrupts to know the time, as Linux does when it starts, gets those that a
 * busy host let go by, up to a second's: one after another, since two at once are one.
 */
static void count_owed(struct pit *pit, s64 now)
{
	const struct pit_counter *c = &pit->counter[0];
	s64 most;

	if (now < pit->due) {
		pit->owed -= pit->owed > 0;
		return;
	}
	if (!is_periodic(c) || !c->loaded || c->held || c->reload ||
	    c->count < OWED_SPEED * MIN_GAP)
		return;
	most = PIT_HZ / c->count;
	pit->owed += (now - pit->due) / c->count;
	if (pit->owed > most)
		pit->owed = most;
}

static void pit_rise(void *opaque)
{
	struct pit *pit = opaque;

	if (pit->counter[0].mode)
		irq_line_set(&pit->irq0, 0);
	irq_line_set(&pit->irq0, 1);
	count_owed(pit, pulse_now(pit));
	counter_sync(&pit->counter[0], pulse_now(pit));
	pit_rearm(pit);
}

/* Before the guest sees or changes anything: what should have happened by now has. Returns now. */
static s64 pit_catch_up(struct pit *pit)
{
	s64 now;

	if (pit->timer.deadline <= clock_now(pit->clock))
		pit_rise(pit);
	now = pulse_now(pit);
	for (unsigned int i = 0; i < ARRAY_SIZE(pit->counter); i++)
		counter_sync(&pit->counter[i], now);
	return now;
}

/* The count register goes into the counting element at the next pulse. */
static void counter_load(struct pit_counter *c, s64 now)
{
	c->count = c->written;
	c->start = now + 1;
	c->elapsed = 0;
	c->held = !is_triggered(c) && !c->gate;
	c->loaded = true;
	c->armed = false;
	c->reload = false;
}

static void counter_write_count(struct pit_counter *c, u16 raw, s64 now)
{
	u32 value = c->bcd ? from_bcd(raw) : raw;
	s64 e = elapsed(c, now), phase;

	c->written = value ? value : c->bcd ? 10000 : 65536;
	if (is_triggered(c)) {
		c->armed = true;
	} else if (is_periodic(c) && c->loaded && !c->held) {
		phase = e % c->count;
		c->reload = true;
		c->reload_at = now - phase + c->count;
		if (now < c->start)
			c->reload_at = c->start + c->count;
		else if (c->mode == 3 && phase < high_half(c->count))
			c->reload_at = now - phase + high_half(c->count);
	} else {
		counter_load(c, now);
	}
}

static void counter_gate(struct pit_counter *c, bool gate, s64 now)
{
	if (gate == c->gate)
		return;
	c->gate = gate;
	if (is_triggered(c)) {
		if (gate && (c->armed || c->loaded))
			counter_load(c, now);
	} else if (!c->loaded) {
		return;
	} else if (!gate) {
		c->elapsed = elapsed(c, now);
		c->held = true;
	} else if (is_periodic(c)) {
		counter_load(c, now);
	} else {
		c->start = now - c->elapsed;
		c->held = false;
	}
}

static void latch_count(struct pit_counter *c, s64 now)
{
	if (c->count_latched)
		return;
	c->latch = counter_value(c, now);
	c->count_latched = c->rw == 3 ? 2 : 1;
}

static void latch_status(struct pit_counter *c, s64 now)
{
	if (c->status_latched)
		return;
	c->status = counter_status(c, now);
	c->status_latched = true;
}

static void read_back(struct pit *pit, u8 v, s64 now)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pit->counter); i++) {
		if (!(v & BIT(i + 1)))
			continue;
		if (!(v & 0x20))
			latch_count(&pit->counter[i], now);
		if (!(v & 0x10))
			latch_status(&pit->counter[i], now);
	}
}

static void pit_control(struct pit *pit, u8 v, s64 now)
{
	unsigned int select = v >> 6, rw = v >> 4 & 3, mode = v >> 1 & 7;
	struct pit_counter *c = &pit->counter[select];
	bool gate;

	if (select == 3) {
		read_back(pit, v, now);
		return;
	}
	if (!rw) {
		latch_count(c, now);
		return;
	}
	gate = c->gate;
	/* Modes 6 and 7 are 2 and 3: the datasheet's don't-care bit. */
	*c = (struct pit_counter){
		.mode = (u8)(mode > 5 ? mode - 4 : mode),
		.rw = (u8)rw,
		.bcd = v & 1,
		.gate = gate,
	};
	if (select == 0) {
		pit->owed = 0;
		irq_line_set(&pit->irq0, c->mode != 0);
		pit_rearm(pit);
	}
}

static void pit_write_counter(struct pit *pit, unsigned int i, u8 v, s64 now)
{
	struct pit_counter *c = &pit->counter[i];
	bool first = c->rw == 3 && !c->write_high;

	if (first) {
		c->write_low = v;
		if (c->mode == 0)
			c->loaded = false; /* counting stops with the first byte */
	} else {
		counter_write_count(c, c->rw == 1 ? v : (u16)(v << 8 | c->write_low), now);
	}
	c->write_high = first;
	if (i)
		return;
	if (c->mode == 0)
		irq_line_set(&pit->irq0, 0);
	pit_rearm(pit);
}

static u8 pit_read_counter(struct pit_counter *c, s64 now)
{
	u16 v = counter_value(c, now);
	bool high = c->rw == 2 || c->read_high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->count_latched) {
		high = c->rw == 2 || (c->rw == 3 && c->count_latched == 1);
		v = c->latch;
		c->count_latched--;
	} else if (c->rw == 3) {
		c->read_high = !c->read_high;
	}
	return (u8)(high ? v >> 8 : v);
}

static u64 pit_read(void *dev, u64 offset, unsigned int size)
{
	struct pit *pit = dev;
	s64 now = pit_catch_up(pit);

	(void)size;
	return offset < 3 ? pit_read_counter(&pit->counter[offset], now) : 0xff;
}

static void pit_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pit *pit = dev;
	s64 now = pit_catch_up(pit);

	(void)size;
	if (offset < 3)
		pit_write_counter(pit, (unsigned int)offset, (u8)value, now);
	else
		pit_control(pit, (u8)value, now);
}

static u64 port61_read(void *dev, u64 offset, unsigned int size)
{
	struct pit *pit = dev;
	s64 now = pulse_now(pit);

	(void)offset;
	(void)size;
	counter_sync(&pit->counter[2], now);
	return pit->port61 | (now / REFRESH_PULSES & 1 ? PORT61_REFRESH : 0) |
	       (counter_out(&pit->counter[2], now) ? PORT61_OUT2 : 0);
}

static void port61_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct pit *pit = dev;
	s64 now = pulse_now(pit);

	(void)offset;
	(void)size;
	pit->port61 = value & PORT61_WRITE;
	counter_sync(&pit->counter[2], now);
	counter_gate(&pit->counter[2], value & PORT61_GATE2, now);
}

static const struct bus_ops pit_ops = { pit_read, pit_write, true };
static const struct bus_ops port61_ops = { port61_read, port61_write, true };

int pit_attach(struct pit *pit, struct bus *pio)
{
	const struct bus_region counters = { "pit", 0x40, 4, 1, &pit_ops, pit };
	const struct bus_region port61 = { "port61", 0x61, 1, 1, &port61_ops, pit };
	int ret = bus_add(pio, &counters);

	return ret ? ret : bus_add(pio, &port61);
}

void pit_reset(struct pit *pit)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(pit->counter); i++)
		pit->counter[i] = (struct pit_counter){ .mode = 3, .rw = 3, .gate = i != 2 };
	pit->port61 = 0;
	irq_line_set(&pit->irq0, 0);
	pit_rearm(pit);
}

void pit_init(struct pit *pit, struct clock *clock, struct irq_line irq0)
{
	memset(pit, 0, sizeof(*pit));
	pit->clock = clock;
	timer_init(clock, &pit->timer, pit_rise, pit);
	pit_reset(pit);
	pit->irq0 = irq0; /* last: the far end of the line may not exist yet */
}
