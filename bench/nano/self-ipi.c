/* SPDX-License-Identifier: MIT */
/* An interrupt that the CPU sends itself through the local APIC: command, handler, EOI, IRET. */
#include "apic.h"

#define VECTOR 0x40

__interrupt void on_ipi(struct frame *f)
{
	(void)f;
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
	sti();
	LOOP (n) {
		uword before = events;

		lapic_self_ipi(VECTOR);
		wait_event(before);
	}
	cli();
}

static void check(uword n)
{
	expect("interrupts", events, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
