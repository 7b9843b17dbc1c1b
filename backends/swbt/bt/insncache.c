/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/insncache.h"
#include "backends/swbt/emulate.h"

#define HASH 0x9e3779b97f4a7c15ull

/* The bytes of an instruction, in order: 0 to 7 and 7 to 14. */
struct key {
	u64 low, high;
};

static u64 load(const u8 *p)
{
	u64 value;

	__builtin_memcpy(&value, p, 8);
	return value;
}

static struct key key_at(const u8 *p)
{
	return (struct key){ load(p), load(p + 7) };
}

/* Bytes FIRST to END - 1 of a key as a mask, counted from byte FROM. */
static u64 range(unsigned int first, unsigned int end, unsigned int from)
{
	u64 below_first = first <= from	     ? 0
			  : first - from < 8 ? BIT64(8 * (first - from)) - 1
					     : ~0ull;
	u64 below_end = end <= from ? 0 : end - from < 8 ? BIT64(8 * (end - from)) - 1 : ~0ull;

	return below_end & ~below_first;
}

static struct key masked(struct key k, const struct insn_shape *s)
{
	k.low &= range(0, s->length, 0);
	k.high &= range(0, s->length, 7);
	if (s->hole) {
		k.low &= ~range(s->hole, s->hole + 4u, 0);
		k.high &= ~range(s->hole, s->hole + 4u, 7);
	}
	return k;
}

static bool is_prefix(u8 byte, bool wide)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
	       byte == 0x64 || byte == 0x65 || byte == 0x2e || (wide && (byte & 0xf0) == 0x40);
}

/* How many bytes tell the shape, as a rule: to the opcode, or the ModRM byte behind it. */
static unsigned int telling(u64 low, bool wide)
{
	/* Opcodes of one byte that have no ModRM byte. SDM vol. 2D table A-2. */
	static const u64 alone[4] = { 0xb0b0b0b0f0f070f0, 0xfffff503ffffffff, 0xffffffffffff0000,
				      0x3f32ffff00f0ff0c };
	unsigned int n = 1;
	u8 byte;

	for (; is_prefix((u8)low, wide) && n < 5; n++)
		low >>= 8;
	byte = (u8)low;
	if (byte == 0x0f)
		return (low >> 12 & 15) == 8 ? n + 1 : n + 2;
	return alone[byte / 64] >> byte % 64 & 1 ? n : n + 1;
}

static struct insn_shape *shape_of(struct insncache *c, struct key k, enum cpu_mode mode)
{
	u64 bytes = k.low & range(0, telling(k.low, mode == MODE_LONG64), 0);

	return &c->shape[bytes * HASH >> 40 & (INSNCACHE_SHAPES - 1)];
}

static struct insn *place(struct insncache *c, struct key k)
{
	return &c->insn[(k.low ^ k.high << 1) * HASH >> 40 & (INSNCACHE_INSNS - 1)];
}

static bool is_near_branch(const struct insn *i)
{
	return i->class == INSN_EMULATE && i->imm_len == 4 &&
	       (i->emulate == EMU_jmp || i->emulate == EMU_jcc || i->emulate == EMU_call);
}

static struct insn_shape shape(const struct insn *i)
{
	struct insn_shape s = { .length = i->length };

	if (i->mem_base == REG_PC && i->disp_len == 4)
		s.hole = i->disp_at;
	else if (is_near_branch(i))
		s.hole = i->imm_at;
	return s;
}

static void fill(struct insn *i, const u8 *bytes, u8 hole)
{
	s32 disp;

	__builtin_memcpy(&disp, bytes + hole, 4);
	__builtin_memcpy(i->raw + hole, &disp, 4);
	if (i->mem_base == REG_PC)
		i->mem_disp = disp;
	else
		i->op[0].imm = (u64)(s64)disp;
}

static bool is(const struct insn *i, struct key k, const struct insn_shape *s)
{
	struct insn_shape own = shape(i);
	struct key found = masked(key_at(i->raw), s);

	return own.length == s->length && own.hole == s->hole && found.low == k.low &&
	       found.high == k.high;
}

static void keep(struct insncache *c, const struct insn *i, struct key k, enum cpu_mode mode)
{
	struct insn_shape *s = shape_of(c, k, mode);

	*s = shape(i);
	*place(c, masked(k, s)) = *i;
}

int insncache_decode(struct insncache *c, struct insn *i, const u8 *bytes, size_t n,
		     enum cpu_mode mode)
{
	const struct insn_shape *s;
	const struct insn *found;
	struct key k;
	int r;

	if (unlikely(n < INSN_MAX))
		return decode(i, bytes, n, mode);
	k = key_at(bytes);
	s = shape_of(c, k, mode);
	found = place(c, masked(k, s));
	if (s->length && found->mode == mode && is(found, masked(k, s), s)) {
		*i = *found;
		if (s->hole)
			fill(i, bytes, s->hole);
		c->hits++;
		return 0;
	}
	r = decode(i, bytes, n, mode);
	if (!r)
		keep(c, i, k, mode);
	return r;
}
