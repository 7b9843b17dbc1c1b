/* SPDX-License-Identifier: MIT */
/*
 * The divider chain is clock_now + phase: its whole seconds plus `second` are the time, its
 * 32768ths give the periodic interrupt. Setting the time moves `second` and leaves the chain alone;
 * holding the divider in reset moves `phase`. Nothing ticks: flags are worked out when the guest
 * looks, and a timer runs only for interrupts that the guest enabled.
 */
#include "common/dev/rtc.h"

#include <string.h>

#define INDEX_PORT 0x70
#define NMI_OFF	   0x80

enum { SEC, SEC_ALARM, MIN, MIN_ALARM, HOUR, HOUR_ALARM, WEEKDAY, DAY, MONTH, YEAR };
enum { REG_A = 10, REG_B, REG_C, REG_D, CENTURY = 0x32 };

#define A_UIP		0x80
#define A_DIVIDER	0x70
#define A_DIVIDER_RESET 0x30 /* 3 and up: test modes and reset, the chain stands still */
#define A_RATE		0x0f

#define B_SET	 0x80
#define B_PIE	 0x40
#define B_AIE	 0x20
#define B_UIE	 0x10
#define B_SQWE	 0x08
#define B_BINARY 0x04
#define B_24H	 0x02

#define C_IRQ 0x80
#define C_PF  0x40
#define C_AF  0x20
#define C_UF  0x10
#define C_ALL (C_PF | C_AF | C_UF) /* in the places of their enable bits in B */

#define D_VALID 0x80

#define CRYSTAL	      32768u
#define UIP_NS	      244000u	 /* UIP rises this long before the update */
#define RESTART_NS    500000000u /* from divider reset to the first update */
#define ALARM_ANY     0xc0
#define PM_BIT	      0x80
#define SECONDS_A_DAY 86400

static u64 chain(const struct rtc *rtc, u64 now)
{
	return now + rtc->phase;
}

/* Period of the periodic interrupt in crystal cycles; 0: off. Datasheet table 5. */
static u32 period(const struct rtc *rtc)
{
	unsigned int rate = rtc->cmos[REG_A] & A_RATE;

	if (!rate)
		return 0;
	return 1u << ((rate < 3 ? rate + 7 : rate) - 1);
}

static u64 chain_cycles(const struct rtc *rtc, u64 now)
{
	return mul_div(chain(rtc, now), CRYSTAL, NSEC_PER_SEC);
}

static u8 encode(const struct rtc *rtc, unsigned int n)
{
	return (u8)(rtc->cmos[REG_B] & B_BINARY ? n : n / 10 << 4 | n % 10);
}

static unsigned int decode(const struct rtc *rtc, u8 n)
{
	return rtc->cmos[REG_B] & B_BINARY ? n : (n >> 4) * 10u + (n & 15);
}

static u8 encode_hour(const struct rtc *rtc, unsigned int hour)
{
	if (rtc->cmos[REG_B] & B_24H)
		return encode(rtc, hour);
	return encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? PM_BIT : 0);
}

static unsigned int decode_hour(const struct rtc *rtc, u8 n)
{
	if (rtc->cmos[REG_B] & B_24H)
		return decode(rtc, n) % 24;
	return decode(rtc, n & ~PM_BIT) % 12 + (n & PM_BIT ? 12 : 0);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; an impossible month or day
 * gives some date nearby. */
static s64 days_from_date(s64 year, s64 month, s64 day)
{
	s64 era, y, m = (month + 9) % 12; /* March is 0, so that leap days come last */

	y = year - (m >= 10);
	era = (y >= 0 ? y : y - 399) / 400;
	y -= era * 400;
	return era * 146097 + y * 365 + y / 4 - y / 100 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static void date_from_days(s64 days, unsigned int *year, unsigned int *month, unsigned int *day)
{
	s64 era, d, y, m;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	d = days - era * 146097;
	y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	d -= y * 365 + y / 4 - y / 100;
	m = (5 * d + 2) / 153;
	*day = (unsigned int)(d - (153 * m + 2) / 5 + 1);
	*month = (unsigned int)(m < 10 ? m + 3 : m - 9);
	*year = (unsigned int)(y + era * 400 + (*month <= 2));
}

static s64 time_at(const struct rtc *rtc, u64 now)
{
	return rtc->second + (s64)(chain(rtc, now) / NSEC_PER_SEC);
}

static unsigned int second_of_day(s64 time)
{
	return (unsigned int)(((time % SECONDS_A_DAY) + SECONDS_A_DAY) % SECONDS_A_DAY);
}

/* Put TIME into the time registers, in the format of register B. */
static void store_time(struct rtc *rtc, s64 time)
{
	unsigned int s = second_of_day(time), year, month, day;
	s64 days = (time - s) / SECONDS_A_DAY;
	u8 *r = rtc->cmos;

	date_from_days(days, &year, &month, &day);
	r[SEC] = encode(rtc, s % 60);
	r[MIN] = encode(rtc, s / 60 % 60);
	r[HOUR] = encode_hour(rtc, s / 3600);
	r[WEEKDAY] = (u8)(((days + 4) % 7 + 7) % 7 + 1); /* 1 is Sunday; 1970 began on a Thursday */
	r[DAY] = encode(rtc, day);
	r[MONTH] = encode(rtc, month);
	r[YEAR] = encode(rtc, year % 100);
	r[CENTURY] = encode(rtc, year / 100 % 100);
}

static s64 load_time(const struct rtc *rtc)
{
	const u8 *r = rtc->cmos;
	s64 year = decode(rtc, r[CENTURY]) * 100 + decode(rtc, r[YEAR]);
	s64 days = days_from_date(year, decode(rtc, r[MONTH]), decode(rtc, r[DAY]));

	return days * SECONDS_A_DAY + decode_hour(rtc, r[HOUR]) * 3600 + decode(rtc, r[MIN]) * 60 +
	       decode(rtc, r[SEC]);
}

static bool alarm_has(u8 reg, unsigned int alarm, unsigned int n)
{
	return (reg & ALARM_ANY) == ALARM_ANY || alarm == n;
}

/* The first second after TIME that the alarm registers match; INT64_MAX if they hold what no clock
 * shows. */
static s64 next_alarm(const struct rtc *rtc, s64 time)
{
	const u8 *r = rtc->cmos;
	unsigned int hour = decode_hour(rtc, r[HOUR_ALARM]);
	unsigned int min = decode(rtc, r[MIN_ALARM]), sec = decode(rtc, r[SEC_ALARM]);
	s64 end = time + SECONDS_A_DAY;

	for (time++; time <= end;) {
		unsigned int s = second_of_day(time);

		if (!alarm_has(r[HOUR_ALARM], hour, s / 3600))
			time += 3600 - s % 3600;
		else if (!alarm_has(r[MIN_ALARM], min, s / 60 % 60))
			time += 60 - s % 60;
		else if (!alarm_has(r[SEC_ALARM], sec, s % 60))
			time++;
		else
			return time;
	}
	return INT64_MAX;
}

static bool divider_in_reset(const struct rtc *rtc)
{
	return (rtc->cmos[REG_A] & A_DIVIDER) >= A_DIVIDER_RESET;
}

/* Set the flags of register C for all that happened since the last look. */
static void settle(struct rtc *rtc)
{
	u64 now = clock_now(rtc->clock);
	u32 p = period(rtc);
	u8 *c = &rtc->cmos[REG_C];

	if (p && !divider_in_reset(rtc) &&
	    chain_cycles(rtc, now) / p != chain_cycles(rtc, rtc->seen) / p)
		*c |= C_PF;
	if (!rtc->stopped) {
		s64 before = time_at(rtc, rtc->seen), after = time_at(rtc, now);

		if (after != before) {
			*c |= C_UF;
			if (next_alarm(rtc, before) <= after)
				*c |= C_AF;
		}
	}
	rtc->seen = now;
}

/* Clock time at which the chain reaches CYCLES. */
static u64 time_of_cycle(const struct rtc *rtc, u64 cycles)
{
	u64 t = mul_div(cycles, NSEC_PER_SEC, CRYSTAL);

	t += mul_div(t, CRYSTAL, NSEC_PER_SEC) < cycles;
	return t - rtc->phase;
}

/* When the first of the interrupts that are on and not yet flagged is due. */
static u64 next_event(const struct rtc *rtc)
{
	u8 wanted = rtc->cmos[REG_B] & ~rtc->cmos[REG_C];
	u32 p = period(rtc);
	u64 next = CLOCK_NEVER, second = chain(rtc, rtc->seen) / NSEC_PER_SEC;

	if (wanted & B_PIE && p && !divider_in_reset(rtc))
		next = time_of_cycle(rtc, (chain_cycles(rtc, rtc->seen) / p + 1) * p);
	if (rtc->stopped)
		return next;
	if (wanted & B_AIE) {
		s64 now = time_at(rtc, rtc->seen), alarm = next_alarm(rtc, now);

		if (alarm != INT64_MAX) {
			u64 at = (second + (u64)(alarm - now)) * NSEC_PER_SEC - rtc->phase;

			next = at < next ? at : next;
		}
	}
	if (wanted & B_UIE) {
		u64 at = (second + 1) * NSEC_PER_SEC - rtc->phase;

		next = at < next ? at : next;
	}
	return next;
}

/* After every change, with flags settled: the wire, and the timer for what comes next. */
static void update(struct rtc *rtc)
{
	u8 *r = rtc->cmos;

	r[REG_C] &= C_ALL;
	if (r[REG_C] & r[REG_B])
		r[REG_C] |= C_IRQ;
	irq_line_set(&rtc->irq, r[REG_C] >> 7);
	timer_set(rtc->clock, &rtc->timer, next_event(rtc));
}

static void on_timer(void *opaque)
{
	settle(opaque);
	update(opaque);
}

static void start_from(struct rtc *rtc, s64 time)
{
	rtc->second = time - (s64)(chain(rtc, rtc->seen) / NSEC_PER_SEC);
}

/* The registers A and B changed from OLD_A: hold the time still, or let it go on. */
static void control_changed(struct rtc *rtc, u8 old_a)
{
	bool was_reset = (old_a & A_DIVIDER) >= A_DIVIDER_RESET;
	bool stop = divider_in_reset(rtc) || rtc->cmos[REG_B] & B_SET;

	if (stop && !rtc->stopped)
		store_time(rtc, time_at(rtc, rtc->seen));
	if (was_reset && !divider_in_reset(rtc))
		rtc->phase = (NSEC_PER_SEC + RESTART_NS - rtc->seen % NSEC_PER_SEC) % NSEC_PER_SEC;
	if (!stop && rtc->stopped)
		start_from(rtc, load_time(rtc));
	rtc->stopped = stop;
}

static bool is_time(u8 index)
{
	static const u32 low =
		BIT(SEC) | BIT(MIN) | BIT(HOUR) | BIT(WEEKDAY) | BIT(DAY) | BIT(MONTH) | BIT(YEAR);

	return index == CENTURY || (index <= YEAR && low & BIT(index));
}

static void write_time(struct rtc *rtc, u8 value)
{
	if (!rtc->stopped)
		store_time(rtc, time_at(rtc, rtc->seen));
	rtc->cmos[rtc->index] = value;
	if (!rtc->stopped)
		start_from(rtc, load_time(rtc));
}

static void write_register(struct rtc *rtc, u8 value)
{
	u8 old_a = rtc->cmos[REG_A];

	settle(rtc);
	switch (rtc->index) {
	case REG_A:
		rtc->cmos[REG_A] = value & ~A_UIP;
		control_changed(rtc, old_a);
		break;
	case REG_B:
		rtc->cmos[REG_B] = value & B_SET ? value & ~B_UIE : value;
		control_changed(rtc, old_a);
		break;
	case REG_C:
	case REG_D:
		return;
	default:
		if (is_time(rtc->index))
			write_time(rtc, value);
		else
			rtc->cmos[rtc->index] = value;
	}
	if (rtc->index <= REG_B)
		update(rtc);
}

static bool update_in_progress(const struct rtc *rtc)
{
	u64 into = chain(rtc, clock_now(rtc->clock)) % NSEC_PER_SEC;

	return !rtc->stopped && into >= NSEC_PER_SEC - UIP_NS;
}

static u8 read_register(struct rtc *rtc)
{
	u8 value;

	if (rtc->index == REG_A)
		return rtc->cmos[REG_A] | (update_in_progress(rtc) ? A_UIP : 0);
	if (rtc->index == REG_C) {
		settle(rtc);
		value = rtc->cmos[REG_C] & C_ALL;
		value |= value & rtc->cmos[REG_B] ? C_IRQ : 0;
		rtc->cmos[REG_C] = 0;
		update(rtc);
		return value;
	}
	if (is_time(rtc->index) && !rtc->stopped)
		store_time(rtc, time_at(rtc, clock_now(rtc->clock)));
	return rtc->cmos[rtc->index];
}

static u64 rtc_read(void *dev, u64 offset, unsigned int size)
{
	(void)size;
	return offset ? read_register(dev) : 0xff; /* the index cannot be read, as on the AT */
}

static void rtc_write(void *dev, u64 offset, u64 value, unsigned int size)
{
	struct rtc *rtc = dev;

	(void)size;
	if (offset) {
		write_register(rtc, (u8)value);
		return;
	}
	rtc->index = value & (RTC_CMOS - 1);
	rtc->nmi_off = value & NMI_OFF;
}

static const struct bus_ops rtc_ops = { rtc_read, rtc_write, true };

/* N units of memory at INDEX, little-endian in LEN bytes, no more than MAX. */
static void store_size(struct rtc *rtc, unsigned int index, u64 n, u64 max, unsigned int len)
{
	n = n < max ? n : max;
	memcpy(&rtc->cmos[index], &n, len);
}

static void store_memory(struct rtc *rtc, u64 below_4g, u64 above_4g)
{
	u64 extended = below_4g > MiB ? below_4g - MiB : 0;
	u64 high = below_4g > 16 * MiB ? below_4g - 16 * MiB : 0;

	store_size(rtc, 0x15, 640, 640, 2);
	store_size(rtc, 0x17, extended / KiB, 63 * 1024, 2);
	store_size(rtc, 0x30, extended / KiB, 63 * 1024, 2);
	store_size(rtc, 0x34, high / (64 * KiB), 0xffff, 2);
	store_size(rtc, 0x5b, above_4g / (64 * KiB), 0xffffff, 3);
}

void rtc_init(struct rtc *rtc, struct clock *clock, struct irq_line irq8, u64 ram_below_4g,
	      u64 ram_above_4g)
{
	struct timespec now;

	*rtc = (struct rtc){ .clock = clock, .irq = irq8 };
	timer_init(clock, &rtc->timer, on_timer, rtc);
	rtc->cmos[REG_A] = 0x26; /* 32768 Hz crystal, 1024 Hz periodic: what every BIOS sets */
	rtc->cmos[REG_B] = B_24H;
	rtc->cmos[REG_D] = D_VALID;
	rtc->cmos[0x14] = 0x02; /* equipment: a coprocessor, no diskette drive */
	store_memory(rtc, ram_below_4g, ram_above_4g);
	clock_gettime(CLOCK_REALTIME, &now);
	rtc_set_time(rtc, now.tv_sec, (u32)now.tv_nsec);
}

int rtc_attach(struct rtc *rtc, struct bus *pio)
{
	return bus_add(pio, &(struct bus_region){ "RTC", INDEX_PORT, 2, 1, &rtc_ops, rtc });
}

void rtc_reset(struct rtc *rtc)
{
	settle(rtc);
	rtc->cmos[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	rtc->cmos[REG_C] = 0;
	update(rtc);
}

void rtc_set_time(struct rtc *rtc, s64 unix_sec, u32 nsec)
{
	rtc->seen = clock_now(rtc->clock);
	rtc->phase = (NSEC_PER_SEC + nsec - rtc->seen % NSEC_PER_SEC) % NSEC_PER_SEC;
	start_from(rtc, unix_sec);
	if (rtc->stopped)
		store_time(rtc, unix_sec);
	update(rtc);
}
