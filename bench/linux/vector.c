/* SPDX-License-Identifier: MIT */
/* 128-bit vectors (SSE2): y = a x + y of 4096 floats, and a checksum of their integer parts. */
#include "process.h"

#define COUNT 1024

typedef float floats __attribute__((vector_size(16)));
typedef int ints __attribute__((vector_size(16)));

static floats x[COUNT], y[COUNT];

static void setup(void)
{
	for (int i = 0; i < COUNT; i++)
		x[i] = (floats){ 1, 2, 3, 4 };
}

/* Small integers, so that every sum is exact. */
static void run(uword n)
{
	LOOP(n)
	{
		ints total = { 0 };

		for (int i = 0; i < COUNT; i++)
			y[i] = (floats){ 0 } + (float)(i % 8);
		for (int i = 0; i < COUNT; i++) {
			y[i] += 3 * x[i];
			total += __builtin_convertvector(y[i], ints);
		}
		sum += (u64)(total[0] + total[1] + total[2] + total[3]);
	}
}

static void check(uword n)
{
	expect("sum of checksums", sum, (u64)n * COUNT * (3 * (1 + 2 + 3 + 4) + 4 * 7 / 2));
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
