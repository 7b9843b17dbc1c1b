/* SPDX-License-Identifier: MIT */
/* A 4-byte load from device memory. */
#include "testdev.h"
#include "x86.h"

#define WORD 0x12345678u

static void prepare(uword n)
{
	(void)n;
	mmio_write(TESTDEV_MEMORY, WORD);
}

static void run(uword n)
{
	LOOP (n)
		sum += mmio_read(TESTDEV_MEMORY);
}

static void check(uword n)
{
	expect("sum of words read", sum, (u64)n * WORD);
}

const struct nano nano = { .name = NANO_NAME, .prepare = prepare, .run = run, .check = check };
