/* SPDX-License-Identifier: MIT */
/* First touch of a page: the fault, a handler that maps it, and the load again. */
#include "paging.h"
#include "cpu.h"

#define VECTOR_PF 14
#define WORD	  0x1234

static u8 frame[PAGE] __page_aligned;

__interrupt void on_page_fault(struct frame *f, uword error)
{
	(void)f;
	(void)error;
	window_pte[(read_cr2() - (uword)WINDOW) / PAGE] = pte(frame);
	events = events + 1;
}

static void setup(void)
{
	gate_set(VECTOR_PF, on_page_fault);
	store(frame, WORD);
}

static void prepare(uword n)
{
	(void)n;
	window_clear();
}

static void run(uword n)
{
	LOOP (n)
		sum += load(window_page(n - 1));
}

static void check(uword n)
{
	expect("page faults", events, n);
	expect("sum of words read", sum, n * WORD);
}

const struct nano nano = {
	.name = NANO_NAME,
	.setup = setup,
	.prepare = prepare,
	.run = run,
	.check = check,
	.max = WINDOW_PAGES,
};
