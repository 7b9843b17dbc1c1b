/* SPDX-License-Identifier: MIT */
/* Integer, byte stores with a stride: the sieve of Eratosthenes up to 16384. */
#include "nano.h"

#define LIMIT  16384
#define PRIMES 1900

static u8 composite[LIMIT];

static u32 sieve(void)
{
	u32 primes = 0;

	for (u32 i = 0; i < LIMIT; i++)
		composite[i] = 0;
	for (u32 i = 2; i < LIMIT; i++) {
		if (composite[i])
			continue;
		primes++;
		for (u32 j = i * i; i < 128 && j < LIMIT; j += i)
			composite[j] = 1;
	}
	return primes;
}

static void run(uword n)
{
	LOOP (n)
		sum += sieve();
}

static void check(uword n)
{
	expect("primes found", sum, (u64)n * PRIMES);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
