/* SPDX-License-Identifier: MIT */
#include "tests/unit/opcodes.h"

typedef void visit_fn(const u8 bytes[15]);

/* ModRM bytes of every register field: memory with SIB (which gathers need), register 0. Legacy
 * maps with ALL: memory without SIB, too, and all registers, because opcodes 0F 01 and its like
 * tell them apart. */
static bool wanted(unsigned int modrm, bool all)
{
	if (modrm < 0x40)
		return (modrm & 7) == 4 || (all && (modrm & 7) == 0);
	return modrm >= 0xc0 && (all || (modrm & 7) == 0);
}

static void legacy(visit_fn *visit)
{
	static const struct {
		u8 len, bytes[2];
	} prefixes[] = {
		{ 0, { 0 } },	       { 1, { 0x66 } },	      { 1, { 0xf2 } },
		{ 1, { 0xf3 } },       { 1, { 0x48 } },	      { 2, { 0x66, 0x48 } },
		{ 2, { 0xf3, 0x48 } }, { 2, { 0xf2, 0x48 } }, { 1, { 0x67 } },
		{ 1, { 0xf0 } },
	};
	static const struct {
		u8 len, bytes[2];
	} maps[] = { { 0, { 0 } }, { 1, { 0x0f } }, { 2, { 0x0f, 0x38 } }, { 2, { 0x0f, 0x3a } } };

	for (unsigned int n = 0; n < ARRAY_SIZE(prefixes) * ARRAY_SIZE(maps) << 16; n++) {
		unsigned int p = n >> 18, m = n >> 16 & 3, at = 0;
		u8 bytes[15] = { 0 };

		if (!wanted(n & 0xff, m < 2))
			continue;
		for (unsigned int k = 0; k < prefixes[p].len; k++)
			bytes[at++] = prefixes[p].bytes[k];
		for (unsigned int k = 0; k < maps[m].len; k++)
			bytes[at++] = maps[m].bytes[k];
		bytes[at++] = (u8)(n >> 8);
		bytes[at++] = (u8)n;
		bytes[at] = 0x20;
		visit(bytes);
	}
}

static void amd_3dnow(visit_fn *visit)
{
	for (unsigned int n = 0; n < 256; n++)
		visit((const u8[15]){ 0x0f, 0x0f, 0xc1, (u8)n });
}

/* VEX maps 1 to 7, XOP maps 8 to 10; vvvv free and taken. */
static void vex(visit_fn *visit)
{
	for (unsigned int map = 1; map <= 10; map++)
		for (unsigned int n = 0; n < 32 << 16; n++) {
			u8 second =
				(u8)((n >> 16 & 7) | (n >> 19 & 1) << 7 | (n >> 20 ? 0x70 : 0x78));

			if (wanted(n & 0xff, false))
				visit((const u8[15]){ map < 8 ? 0xc4 : 0x8f, (u8)(0xe0 | map),
						      second, (u8)(n >> 8), (u8)n, 0x20 });
		}
}

/* Bit 2 of the second byte is set for EVEX and clear for MVEX. */
static void evex(visit_fn *visit)
{
	static const u8 thirds[] = { 0x08, 0x28, 0x48, 0x09, 0x29, 0x49, 0x18, 0x58, 0x88 };

	for (unsigned int map = 1; map <= 7; map++)
		for (unsigned int n = 0; n < ARRAY_SIZE(thirds) << 20; n++) {
			u8 second = (u8)((n >> 16 & 7) | (n >> 19 & 1) << 7 | 0x78);

			if (wanted(n & 0xff, false))
				visit((const u8[15]){ 0x62, (u8)(0xf0 | map), second,
						      thirds[n >> 20], (u8)(n >> 8), (u8)n, 0x20 });
		}
}

void opcodes_walk(visit_fn *visit)
{
	legacy(visit);
	amd_3dnow(visit);
	vex(visit);
	evex(visit);
}
