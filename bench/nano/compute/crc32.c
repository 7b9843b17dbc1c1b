/* SPDX-License-Identifier: MIT */
/* Table look-ups in a chain: the CRC-32 of IEEE 802.3 over 4 KiB, a byte at a time. */
#include "nano.h"

#define LENGTH 4096
#define CRC    0x462c1e21

static u8 data[LENGTH];
static u32 table[256];

static void setup(void)
{
	for (u32 i = 0; i < LENGTH; i++)
		data[i] = (u8)(i * 7 + (i >> 8));
	for (u32 i = 0; i < 256; i++) {
		u32 v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ 0xedb88320 : v >> 1;
		table[i] = v;
	}
}

static u32 crc32(void)
{
	u32 v = ~0u;

	for (u32 i = 0; i < LENGTH; i++)
		v = v >> 8 ^ table[(v ^ data[i]) & 255];
	return ~v;
}

static void run(uword n)
{
	LOOP (n)
		sum += crc32();
}

static void check(uword n)
{
	expect("sum of checksums", sum, (u64)n * CRC);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
