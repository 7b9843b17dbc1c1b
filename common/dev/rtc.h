/* SPDX-License-Identifier: MIT */
/*
 * MC146818 real-time clock and 128 bytes of CMOS RAM at ports 0x70/0x71 (Motorola MC146818A
 * datasheet; CMOS layout of the IBM PC AT with the memory sizes that SeaBIOS and QEMU agree on).
 * The time is UTC: the host's wall clock at rtc_init, then the clock service; what the guest sets
 * moves the guest's time only. vCPU thread only.
 */
#ifndef FVB_RTC_H
#define FVB_RTC_H

#include "common/bus.h"
#include "common/clock.h"
#include "common/irq.h"
#include "common/types.h"

#define RTC_CMOS 128

struct rtc {
	struct clock *clock;
	struct timer timer; /* next interrupt of an enabled source */
	struct irq_line irq;
	u8 index;     /* port 0x70, without the NMI bit */
	bool nmi_off; /* port 0x70 bit 7: kept, without effect */
	s64 second;   /* unix time of divider second 0 */
	u64 phase;    /* ns; the divider chain shows clock_now + phase */
	u64 seen;     /* clock time up to which flags in register C are right */
	bool stopped; /* time registers hold still (SET, or divider in reset) */
	u8 cmos[RTC_CMOS];
};

/* RAM_BELOW_4G and RAM_ABOVE_4G are bytes, for the CMOS sizes. Reads CLOCK_REALTIME. */
void rtc_init(struct rtc *rtc, struct clock *clock, struct irq_line irq8, u64 ram_below_4g,
	      u64 ram_above_4g);
int rtc_attach(struct rtc *rtc, struct bus *pio);
/* RESET# of the chip: interrupts off, flags cleared; time and CMOS survive. */
void rtc_reset(struct rtc *rtc);

/* Make it UNIX_SEC seconds and NSEC (below 10^9) past 1970-01-01 UTC now. */
void rtc_set_time(struct rtc *rtc, s64 unix_sec, u32 nsec);

#endif
