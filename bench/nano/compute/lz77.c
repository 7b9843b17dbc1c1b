/* SPDX-License-Identifier: MIT */
/* Hashing, byte compares, short copies: 4 KiB of words compressed as LZ77 does, and expanded again.
 */
#include "nano.h"
#include "string.h"

#define LENGTH	 4096
#define HASHES	 1024
#define SHORTEST 4
#define LONGEST	 255

static u8 input[LENGTH + SHORTEST], packed[2 * LENGTH], output[LENGTH];
static u16 head[HASHES]; /* where a hash was last seen, plus 1 */

/* Words from a list of 16, in random order. */
static void setup(void)
{
	static const char word[16][9] = { "the ",  "block ", "of ",    "page ", "a ",	  "guest ",
					  "code ", "is ",    "trap ",  "in ",	"cache ", "and ",
					  "host ", "to ",    "fault ", "with " };
	u32 seed = 1, n = 0;

	while (n < LENGTH) {
		seed = seed * 1664525 + 1013904223;
		for (const char *p = word[seed >> 28]; *p && n < LENGTH; p++)
			input[n++] = (u8)*p;
	}
}

static u32 hash_at(u32 i)
{
	u32 v = input[i] | (u32)input[i + 1] << 8 | (u32)input[i + 2] << 16 |
		(u32)input[i + 3] << 24;

	return v * 2654435761u >> 22;
}

static u32 match(u32 a, u32 b)
{
	u32 n = 0;

	while (b + n < LENGTH && n < LONGEST && input[a + n] == input[b + n])
		n++;
	return n;
}

/* 0 and a byte, or a length and two bytes of distance. The size of what is in packed[]. */
static u32 compress(void)
{
	u32 out = 0;

	for (u32 i = 0; i < HASHES; i++)
		head[i] = 0;
	for (u32 i = 0; i < LENGTH;) {
		u32 h = hash_at(i), from = head[h], n = from ? match(from - 1, i) : 0;

		head[h] = (u16)(i + 1);
		if (n < SHORTEST) {
			packed[out++] = 0;
			packed[out++] = input[i++];
			continue;
		}
		packed[out++] = (u8)n;
		packed[out++] = (u8)(i - (from - 1));
		packed[out++] = (u8)((i - (from - 1)) >> 8);
		i += n;
	}
	return out;
}

static u32 expand(u32 size)
{
	u32 n = 0;

	for (u32 i = 0; i < size;) {
		u32 length = packed[i++], distance;

		if (!length) {
			output[n++] = packed[i++];
			continue;
		}
		distance = packed[i] | (u32)packed[i + 1] << 8;
		i += 2;
		for (; length; length--, n++)
			output[n] = output[n - distance];
	}
	return n;
}

static void prepare(uword n)
{
	(void)n;
	memset(output, 0, sizeof(output));
}

static void run(uword n)
{
	LOOP (n)
		sum += expand(compress());
}

static void check(uword n)
{
	expect("bytes expanded", sum, (u64)n * LENGTH);
	expect("difference to the input", memcmp(input, output, LENGTH) != 0, 0);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
