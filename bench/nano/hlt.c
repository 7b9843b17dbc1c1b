/* SPDX-License-Identifier: MIT */
/*
 * HLT, until the local APIC's timer ends it SLEEP cycles later. One operation is setting the timer,
 * STI, HLT, the handler and CLI; the empty loop spins for as long, so that what halting and waking
 * costs is left. lat_* is from the deadline to the instruction after HLT.
 */
#include "apic.h"

#define VECTOR 0x40
#define SLEEP  200000
#define AGAIN  20000000

static u64 late[4096];
static volatile u64 deadline;

/* A wake-up that comes between STI and HLT after all (emulators have that defect) must not be the
 * last: the timer runs on until the guest is seen to be awake. */
__interrupt void on_timer(struct frame *f)
{
	u64 now = tsc();

	(void)f;
	events = events + 1;
	lapic_write(LAPIC_EOI, 0);
	timer_arm(now < deadline ? deadline : now + AGAIN);
}

static void setup(void)
{
	lapic_init();
	gate_set(VECTOR, on_timer);
	timer_init(VECTOR);
	/* If it never comes, better find out before halting. */
	sti();
	timer_arm(tsc() + SLEEP);
	wait_event(0);
	cli();
}

static void run(uword n)
{
	LOOP (n) {
		u64 now;

		deadline = tsc() + SLEEP;
		timer_arm(deadline);
		do {
			asm volatile("sti; hlt; cli" : : : "memory");
			now = tsc();
		} while (now < deadline);
		late[n - 1] = now - deadline;
	}
}

static void empty(uword n)
{
	LOOP (n)
		wait_tsc(tsc() + SLEEP);
}

static void check(uword n)
{
	if (events < n)
		expect("interrupts", events, n);
	metric("var_interrupts", events);
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
