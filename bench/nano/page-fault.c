/* SPDX-License-Identifier: MIT */
/* A load from a page that is not present, to a handler that steps over it, and IRET. */
#include "paging.h"
#include "cpu.h"

#define VECTOR_PF 14

__interrupt void on_page_fault(struct frame *f, uword error)
{
	f->ip += 2; /* mov (%eax), %eax */
	events = events + (error == 0 && read_cr2() == (uword)WINDOW);
}

static void setup(void)
{
	gate_set(VECTOR_PF, on_page_fault);
}

static void run(uword n)
{
	LOOP (n) {
		uword address = (uword)WINDOW;

		asm volatile(".byte 0x8b, 0x00" : "+a"(address) : : "memory");
	}
}

static void check(uword n)
{
	expect("page faults at the right address", events, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
