/* SPDX-License-Identifier: MIT */
/* Scalar SSE2: product of two 24 x 24 matrices of doubles. */
#include "nano.h"

#define SIZE 24

static double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];

/* Small integers, so that every sum is exact. */
static void setup(void)
{
	for (u32 i = 0; i < SIZE; i++)
		for (u32 j = 0; j < SIZE; j++) {
			a[i][j] = (double)((i * 7 + j) % 11);
			b[i][j] = i == j ? 2 : 0;
		}
	b[0][SIZE - 1] = 1;
}

static void multiply(void)
{
	for (u32 i = 0; i < SIZE; i++)
		for (u32 j = 0; j < SIZE; j++) {
			double s = 0;

			for (u32 k = 0; k < SIZE; k++)
				s += a[i][k] * b[k][j];
			c[i][j] = s;
		}
}

static void run(uword n)
{
	LOOP (n) {
		multiply();
		sum += (u64)c[SIZE - 1][SIZE - 1];
	}
}

static void check(uword n)
{
	u64 wrong = 0;

	for (u32 i = 0; i < SIZE; i++)
		for (u32 j = 0; j < SIZE; j++)
			wrong += c[i][j] != 2 * a[i][j] + (j == SIZE - 1 ? a[i][0] : 0);
	expect("wrong elements", wrong, 0);
	expect("sum of last elements", sum, n * (u64)c[SIZE - 1][SIZE - 1]);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
