/* SPDX-License-Identifier: MIT */
/* 256-bit vectors: product of two 32 x 32 matrices of floats, and the sum of its rounded elements.
 */
#include "nano.h"

#define SIZE  32
#define LANES 8

typedef float floats __attribute__((vector_size(32)));
typedef int ints __attribute__((vector_size(32)));

static float a[SIZE][SIZE];
static floats b[SIZE][SIZE / LANES], c[SIZE][SIZE / LANES];

/* Small integers, so that every sum is exact. */
static void setup(void)
{
	avx2_enable();
	for (u32 i = 0; i < SIZE; i++)
		for (u32 j = 0; j < SIZE; j++) {
			a[i][j] = (float)((i * 7 + j) % 11);
			b[i][j / LANES][j % LANES] = i == j ? 2 : 0;
		}
}

static void multiply(void)
{
	for (u32 i = 0; i < SIZE; i++)
		for (u32 j = 0; j < SIZE / LANES; j++) {
			floats s = { 0 };

			for (u32 k = 0; k < SIZE; k++)
				s += a[i][k] * b[k][j];
			c[i][j] = s;
		}
}

/* Of the integers that the last row holds, times 5 plus their halves. */
static u64 digest(void)
{
	ints s = { 0 };
	u64 total = 0;

	for (u32 j = 0; j < SIZE / LANES; j++) {
		ints v = __builtin_convertvector(c[SIZE - 1][j], ints);

		s += (v << 2) + v + (v >> 1);
	}
	for (u32 i = 0; i < LANES; i++)
		total += (u64)s[i];
	return total;
}

static void run(uword n)
{
	LOOP (n) {
		multiply();
		sum += digest();
	}
}

static void check(uword n)
{
	u64 wrong = 0, want = 0;

	for (u32 i = 0; i < SIZE; i++)
		for (u32 j = 0; j < SIZE; j++)
			wrong += c[i][j / LANES][j % LANES] != 2 * a[i][j];
	for (u32 j = 0; j < SIZE; j++)
		want += 11 * (u64)a[SIZE - 1][j];
	expect("wrong elements", wrong, 0);
	expect("sum of digests", sum, n * want);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
