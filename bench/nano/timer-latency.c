/* SPDX-License-Identifier: MIT */
/*
 * The local APIC's timer set SLEEP cycles ahead while the CPU computes. One operation is setting
 * it, the wait (which the empty loop also has, and which is subtracted) and the handler; lat_* is
 * from the deadline to the handler alone. tsc_deadline=1: the deadline was given in TSC cycles.
 */
#include "apic.h"

#define VECTOR 0x40
#define SLEEP  200000

static u64 late[4096], early, tsc_deadline;
static volatile u64 taken;

__interrupt void on_timer(struct frame *f)
{
	(void)f;
	taken = tsc();
	events = events + 1;
	lapic_write(LAPIC_EOI, 0);
}

static void setup(void)
{
	lapic_init();
	gate_set(VECTOR, on_timer);
	tsc_deadline = timer_init(VECTOR);
}

static void run(uword n)
{
	sti();
	LOOP (n) {
		uword before = events;
		u64 deadline = tsc() + SLEEP;

		timer_arm(deadline);
		wait_event(before);
		late[n - 1] = taken > deadline ? taken - deadline : 0;
	}
	cli();
}

static void empty(uword n)
{
	LOOP (n)
		wait_tsc(tsc() + SLEEP);
}

static void check(uword n)
{
	for (uword i = 0; i < n; i++)
		early += late[i] == 0;
	expect("interrupts", events, n);
	metric("tsc_deadline", tsc_deadline);
	metric("var_early", early);
	metric_quantiles("lat", late, n);
}

const struct nano nano = {
	.name = NANO_NAME,
	.setup = setup,
	.run = run,
	.empty = empty,
	.check = check,
	.max = ARRAY_SIZE(late),
};
