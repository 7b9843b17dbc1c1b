/* SPDX-License-Identifier: MIT */
/* REP OUTSB: 256 bytes from memory to the UART's scratch register. */
#include "console.h"
#include "x86.h"

static u8 bytes[256];

static void run(uword n)
{
	LOOP (n) {
		const u8 *from = bytes;
		uword count = sizeof(bytes);

		bytes[sizeof(bytes) - 1] = (u8)(n + 0xa4);
		asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(UART_SCRATCH) : "memory");
		events += (uword)(from - bytes);
	}
}

static void check(uword n)
{
	expect("bytes written", events, n * sizeof(bytes));
	expect("last byte read back", inb(UART_SCRATCH), 0xa5);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
