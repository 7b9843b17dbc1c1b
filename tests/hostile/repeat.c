/* SPDX-License-Identifier: MIT */
/*
 * Repeat counts of up to 2^64 - 1 with interrupts on: they stop at the first page that is not
 * there, exactly, and interrupts come meanwhile. 32-bit addresses wrap around at 4 GiB.
 */
#include "guest.h"

#define VECTOR	    0x40
#define PERIOD	    100000 /* cycles between two interrupts */
#define LATCH	    0xe0   /* pc-testdev */
#define WINDOW_SIZE ((u64)WINDOW_PAGES * PAGE)

static u8 frame[PAGE] __page_aligned;

__interrupt void on_timer(struct frame *f)
{
	(void)f;
	events = events + 1;
	timer_arm(tsc() + PERIOD);
	lapic_write(LAPIC_EOI, 0);
}

static void setup(void)
{
	guest_init();
	lapic_init();
	gate_set(VECTOR, on_timer);
	timer_init(VECTOR);
}

/* Window pages [0, N) are all the same one. */
static void map_window(unsigned int n)
{
	window_clear();
	for (unsigned int i = 0; i < n; i++)
		window_pte[i] = pte(frame);
	write_cr3(read_cr3());
}

static void expect_stop(const char *what, u64 address, u64 at)
{
	expect(what, caught.vector, PF);
	expect(what, caught.cr2 & ~(u64)(PAGE - 1), address);
	expect(what, at, address);
}

static void check_stos(void)
{
	u64 end = (u64)WINDOW + WINDOW_SIZE;

	/* Behind the window comes a large page of the identity map: the last page stays out. */
	map_window(WINDOW_PAGES - 1);
	end -= PAGE;
	ATTEMPT("movb $0x33, %%al; rep stosb", WINDOW, 0, ~0ull);
	expect_stop("STOSB", end, attempt_regs.a);
	expect("count after STOSB", attempt_regs.n, ~0ull - (end - (u64)WINDOW));
	ATTEMPT("rep stosq", WINDOW, 0, 1ull << 63);
	expect_stop("STOSQ", end, attempt_regs.a);
	window_pte[0] = 0;
	invlpg(WINDOW);
	ATTEMPT("std; rep stosl", end - 4, 0, ~0ull);
	expect("exception of STOSL, down", caught.vector, PF);
	expect("RDI after STOSL, down", attempt_regs.a, (u64)window_page(1) - 4);
}

static void check_movs(void)
{
	u64 end = (u64)WINDOW + WINDOW_SIZE - PAGE;

	map_window(WINDOW_PAGES - 1);
	ATTEMPT("rep movsb", WINDOW, WINDOW + 1, ~0ull);
	expect("exception of MOVSB", caught.vector, PF);
	expect("RSI after MOVSB", attempt_regs.b, end);
	ATTEMPT("rep lodsw", 0, WINDOW, ~0ull);
	expect_stop("LODSW", end, attempt_regs.b);
	memset(frame, 0x44, PAGE);
	ATTEMPT("movb $0x44, %%al; repe scasb", WINDOW, 0, ~0ull);
	expect_stop("SCASB", end, attempt_regs.a);
	map_window(3);
	ATTEMPT("movl $" TEXT(LATCH) ", %%edx; rep insb", WINDOW, 0, ~0ull);
	expect_stop("INSB", (u64)window_page(3), attempt_regs.a);
	ATTEMPT("movl $" TEXT(LATCH) ", %%edx; rep outsb", 0, WINDOW, ~0ull);
	expect_stop("OUTSB", (u64)window_page(3), attempt_regs.b);
}

/* 16 bytes below 4 GiB, where a PC has its firmware and we nothing, and 16 from 0 on. */
static void check_wrap(void)
{
	u8 *low = (u8 *)opaque(0);

	for (unsigned int i = 0; i < 64; i++)
		low[i] = 0x55;
	ATTEMPT("movb $0x66, %%al; addr32 rep stosb", 0xfffffff0, 0, 32);
	expect("exception of a wrap at 4 GiB", caught.vector, NO_FAULT);
	expect("EDI after it", attempt_regs.a, 16);
	for (unsigned int i = 0; i < 64; i++)
		expect("byte after a wrap at 4 GiB", low[i], i < 16 ? 0x66 : 0x55);
	ATTEMPT("addr32 rep movsb", 0xfffffff8, 0xfffffff0, 24);
	expect("exception of a copy that wraps", caught.vector, NO_FAULT);
	for (unsigned int i = 0; i < 16; i++)
		expect("byte after a copy that wraps", low[i], 0xff);
}

static void run(uword n __attribute__((unused)))
{
	timer_arm(tsc() + PERIOD);
	sti();
	check_stos();
	check_movs();
	check_wrap();
	cli();
	window_clear();
}

static void check(uword n)
{
	(void)n;
	if (!events)
		fail("no interrupt came");
	metric("var_interrupts", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .max = 1
};
