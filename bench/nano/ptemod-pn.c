/* SPDX-License-Identifier: MIT */
/* A page table entry changed from present to not present, and INVLPG. */
#include "paging.h"
#include "cpu.h"

#define VECTOR_PF 14

static u8 frame[PAGE] __page_aligned;

__interrupt void on_page_fault(struct frame *f, uword error)
{
	f->ip += 2; /* mov (%rax), %eax */
	events = events + (error == 0);
}

static void prepare(uword n)
{
	for (uword i = 0; i < n; i++) {
		window_map(i, frame);
		load(window_page(i));
	}
}

static void run(uword n)
{
	LOOP (n) {
		window_pte[n - 1] = 0;
		invlpg(window_page(n - 1));
	}
}

static void check(uword n)
{
	gate_set(VECTOR_PF, on_page_fault);
	for (uword i = 0; i < n; i++) {
		void *page = window_page(i);

		asm volatile(".byte 0x8b, 0x00" : "+a"(page) : : "memory");
	}
	expect("pages that fault now", events, n);
}

const struct nano nano = {
	.name = NANO_NAME, .prepare = prepare, .run = run, .check = check, .max = WINDOW_PAGES
};
