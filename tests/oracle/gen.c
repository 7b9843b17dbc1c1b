/* SPDX-License-Identifier: MIT */
#include "tests/oracle/gen.h"

void gen_seed(struct gen *g, u64 seed, u64 n)
{
	/* Through the mixer: states one step apart would make the next case this one's rest. */
	g->state = seed;
	g->state = gen_u64(g) ^ n;
	g->state = gen_u64(g);
}

/* splitmix64 */
u64 gen_u64(struct gen *g)
{
	u64 z = g->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

u32 gen_below(struct gen *g, u32 n)
{
	return (u32)((gen_u64(g) >> 32) * n >> 32);
}

bool gen_one_in(struct gen *g, u32 n)
{
	return gen_below(g, n) == 0;
}

u64 gen_value(struct gen *g)
{
	static const u64 limits[] = { 0,
				      ~0ull,
				      0x7f,
				      0x80,
				      0xff,
				      0x7fff,
				      0x8000,
				      0xffff,
				      0x7fffffff,
				      0x80000000,
				      0xffffffff,
				      0x7fffffffffffffff,
				      0x8000000000000000 };
	u64 r = gen_u64(g);

	switch (gen_below(g, 8)) {
	case 0:
		return limits[r % ARRAY_SIZE(limits)];
	case 1:
		return r % 64;
	case 2:
		return 1ull << r % 64;
	case 3:
		return (u64) - (s64)(r % 64);
	case 4:
		return (u32)r;
	default:
		return r;
	}
}

static unsigned int put_prefixes(struct gen *g, u8 *b)
{
	static const u8 segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x64, 0x65 };
	unsigned int n = 0;

	if (gen_one_in(g, 8))
		b[n++] = segments[gen_below(g, ARRAY_SIZE(segments))];
	if (gen_one_in(g, 10))
		b[n++] = 0x67;
	return n;
}

static unsigned int put_legacy(struct gen *g, enum cpu_mode mode, u8 *b)
{
	static const u8 escapes[] = { 0x38, 0x3a };
	unsigned int n = put_prefixes(g, b), map = gen_below(g, 8);

	if (gen_one_in(g, 20))
		b[n++] = 0xf0;
	if (gen_one_in(g, 4))
		b[n++] = 0x66;
	if (gen_one_in(g, 4))
		b[n++] = gen_one_in(g, 2) ? 0xf2 : 0xf3;
	if (mode == MODE_LONG64 && gen_one_in(g, 2))
		b[n++] = (u8)(0x40 | gen_below(g, 16));
	if (map >= 3) {
		b[n++] = 0x0f;
		if (map >= 6)
			b[n++] = escapes[map - 6];
	}
	b[n++] = (u8)gen_below(g, 256);
	return n;
}

/* In 16- and 32-bit code the two top bits make the difference to LES, LDS and BOUND. */
static unsigned int put_vex(struct gen *g, enum cpu_mode mode, u8 *b)
{
	unsigned int n = put_prefixes(g, b);
	u8 top = mode == MODE_LONG64 ? 0 : 0xc0;
	u8 vvvv = gen_one_in(g, 2) ? 0x78 : (u8)(gen_below(g, 16) << 3);

	if (gen_one_in(g, 3)) {
		b[n++] = 0xc5;
		b[n++] = (u8)(gen_below(g, 2) << 7 | vvvv | gen_below(g, 8) | top);
	} else {
		b[n++] = 0xc4;
		b[n++] = (u8)(gen_below(g, 8) << 5 | (1 + gen_below(g, 3)) | top);
		b[n++] = (u8)(gen_below(g, 2) << 7 | vvvv | gen_below(g, 8));
	}
	b[n++] = (u8)gen_below(g, 256);
	return n;
}

static unsigned int put_evex(struct gen *g, enum cpu_mode mode, u8 *b)
{
	unsigned int n = put_prefixes(g, b);
	bool no_vvvv = gen_one_in(g, 2);
	u8 third = (u8)gen_below(g, 256);

	if (gen_one_in(g, 2))
		third &= 0x6f; /* neither zeroing nor broadcast */
	if (gen_one_in(g, 3))
		third &= 0xf8;
	b[n++] = 0x62;
	b[n++] = (u8)(gen_below(g, 16) << 4 | (1 + gen_below(g, 3)) |
		      (mode == MODE_LONG64 ? 0 : 0xf0));
	b[n++] = (u8)(gen_below(g, 2) << 7 | (no_vvvv ? 0x78 : gen_below(g, 16) << 3) | 4 |
		      gen_below(g, 4));
	b[n++] = no_vvvv || mode != MODE_LONG64 ? third | 8 : third;
	b[n++] = (u8)gen_below(g, 256);
	return n;
}

void gen_bytes(struct gen *g, enum cpu_mode mode, u8 bytes[INSN_MAX])
{
	unsigned int n, kind = gen_below(g, 8);

	if (kind < 4)
		n = put_legacy(g, mode, bytes);
	else if (kind < 6)
		n = put_vex(g, mode, bytes);
	else
		n = put_evex(g, mode, bytes);
	/* ModRM, SIB, displacement, immediate. */
	for (; n < INSN_MAX; n++)
		bytes[n] = (u8)gen_below(g, 256);
}
