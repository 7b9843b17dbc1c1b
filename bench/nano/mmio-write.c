/* SPDX-License-Identifier: MIT */
/* A 4-byte store to device memory. */
#include "testdev.h"
#include "x86.h"

static void run(uword n)
{
	LOOP (n)
		mmio_write(TESTDEV_MEMORY, (u32)n + 0xabcdef00);
}

static void check(uword n)
{
	(void)n;
	expect("word read back", mmio_read(TESTDEV_MEMORY), 0xabcdef01);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
