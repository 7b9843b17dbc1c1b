/* SPDX-License-Identifier: MIT */
/*
 * An interrupt that comes while IF is 0 and is taken when STI opens the window. One operation is
 * the self-IPI, STI, the handler and CLI; lat_* is from STI to the handler alone.
 */
#include "apic.h"

#define VECTOR 0x40

static u64 taken, late[4096];

__interrupt void on_ipi(struct frame *f)
{
	(void)f;
	taken = tsc();
	events = events + 1;
	lapic_write(LAPIC_EOI, 0);
}

static void setup(void)
{
	lapic_init();
	gate_set(VECTOR, on_ipi);
}

static void run(uword n)
{
	LOOP (n) {
		uword before = events;
		u64 opened;

		lapic_self_ipi(VECTOR);
		sum += events - before;
		opened = tsc();
		sti();
		wait_event(before);
		cli();
		late[n - 1] = taken - opened;
	}
}

static void check(uword n)
{
	expect("interrupts", events, n);
	expect("interrupts while IF was 0", sum, 0);
	metric_quantiles("lat", late, n);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .max = ARRAY_SIZE(late)
};
