/* SPDX-License-Identifier: MIT */
/* OUT: one byte to the UART's scratch register. */
#include "console.h"
#include "x86.h"

static void run(uword n)
{
	LOOP (n)
		outb(UART_SCRATCH, (u8)(n + 0xa4));
}

static void check(uword n)
{
	(void)n;
	expect("byte read back", inb(UART_SCRATCH), 0xa5);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
