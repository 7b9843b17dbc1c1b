/* SPDX-License-Identifier: MIT */
/* IN: one byte from the UART's scratch register. */
#include "console.h"
#include "x86.h"

#define BYTE 0x5a

static void prepare(uword n)
{
	(void)n;
	outb(UART_SCRATCH, BYTE);
}

static void run(uword n)
{
	LOOP (n)
		sum += inb(UART_SCRATCH);
}

static void check(uword n)
{
	expect("sum of bytes read", sum, (uword)(n * BYTE));
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
