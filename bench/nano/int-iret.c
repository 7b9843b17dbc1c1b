/* SPDX-License-Identifier: MIT */
/* INT n from CPL 3 through a gate to CPL 0, to a handler that counts, and IRET back. */
#include "cpu.h"

__interrupt void on_int(struct frame *f)
{
	events = events + (f->cs == SEL_UCODE);
}

static void setup(void)
{
	gate_set_user(0x80, on_int);
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("int $0x80" : : : "memory");
}

static void check(uword n)
{
	expect("interrupts from CPL 3", events, n);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .user = true
};
