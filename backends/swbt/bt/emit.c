/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/emit.h"

void emit_byte(struct emit *e, u8 byte)
{
	*e->p++ = byte;
}

void emit_bytes(struct emit *e, const void *bytes, size_t len)
{
	const u8 *b = bytes;

	while (len--)
		*e->p++ = *b++;
}

void emit_u32(struct emit *e, u32 value)
{
	__builtin_memcpy(e->p, &value, 4);
	e->p += 4;
}

static void put_u64(struct emit *e, u64 value)
{
	__builtin_memcpy(e->p, &value, 8);
	e->p += 8;
}

static void put_rex(struct emit *e, enum emit_width w, u8 reg, u8 index, u8 base)
{
	u8 rex = (u8)(0x40 | (w == W64) << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 |
		      (base >> 3 & 1));

	if (rex != 0x40)
		emit_byte(e, rex);
}

/* OPCODE reg, reg: RM is the ModRM.rm one. */
static void put_rr(struct emit *e, enum emit_width w, u8 opcode, u8 reg, u8 rm)
{
	put_rex(e, w, reg, 0, rm);
	emit_byte(e, opcode);
	emit_byte(e, (u8)(0xc0 | (reg & 7) << 3 | (rm & 7)));
}

static u8 ext(u8 reg)
{
	return reg == REG_NONE ? 0 : reg;
}

/* ModRM, SIB, displacement. SDM vol. 2A tables 2-2, 2-3. */
static void put_operand(struct emit *e, u8 reg, struct emit_mem m)
{
	bool sib = m.index != REG_NONE || m.base == REG_NONE || (m.base & 7) == RSP;
	u8 mod, base = m.base == REG_NONE ? 5 : m.base & 7;

	if (m.base == REG_NONE)
		mod = 0;
	else if (!m.disp && base != RBP)
		mod = 0;
	else
		mod = m.disp == (s8)m.disp ? 1 : 2;
	emit_byte(e, (u8)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base)));
	if (sib)
		emit_byte(e, (u8)((u8)__builtin_ctz(m.scale) << 6 |
				  (m.index == REG_NONE ? 4 : m.index & 7) << 3 | base));
	if (mod == 1)
		emit_byte(e, (u8)m.disp);
	else if (mod == 2 || m.base == REG_NONE)
		emit_u32(e, (u32)m.disp);
}

static void put_rm(struct emit *e, enum emit_width w, u8 opcode, u8 reg, struct emit_mem m)
{
	put_rex(e, w, reg, ext(m.index), ext(m.base));
	emit_byte(e, opcode);
	put_operand(e, reg, m);
}

void emit_mov(struct emit *e, enum emit_width w, u8 dst, u8 src)
{
	put_rr(e, w, 0x89, src, dst);
}

void emit_movsxd(struct emit *e, u8 dst, u8 src)
{
	put_rr(e, W64, 0x63, dst, src);
}

void emit_movzx16(struct emit *e, u8 dst, u8 src)
{
	put_rex(e, W32, dst, 0, src);
	emit_byte(e, 0x0f);
	emit_byte(e, 0xb7);
	emit_byte(e, (u8)(0xc0 | (dst & 7) << 3 | (src & 7)));
}

void emit_const(struct emit *e, u8 dst, u64 value)
{
	if (value == (u32)value) {
		put_rex(e, W32, 0, 0, dst);
		emit_byte(e, 0xb8 | (dst & 7));
		emit_u32(e, (u32)value);
	} else if (value == (u64)(s32)value) {
		put_rex(e, W64, 0, 0, dst);
		emit_byte(e, 0xc7);
		emit_byte(e, 0xc0 | (dst & 7));
		emit_u32(e, (u32)value);
	} else {
		put_rex(e, W64, 0, 0, dst);
		emit_byte(e, 0xb8 | (dst & 7));
		put_u64(e, value);
	}
}

void emit_load(struct emit *e, enum emit_width w, u8 dst, struct emit_mem m)
{
	put_rm(e, w, 0x8b, dst, m);
}

void emit_load_gs(struct emit *e, u8 dst, struct emit_mem m)
{
	emit_byte(e, 0x65);
	emit_load(e, W64, dst, m);
}

void emit_store(struct emit *e, enum emit_width w, u8 src, struct emit_mem m)
{
	put_rm(e, w, 0x89, src, m);
}

void emit_store_imm(struct emit *e, enum emit_width w, s32 value, struct emit_mem m)
{
	put_rm(e, w, 0xc7, 0, m);
	emit_u32(e, (u32)value);
}

void emit_add_mem(struct emit *e, enum emit_width w, u8 src, struct emit_mem m)
{
	put_rm(e, w, 0x01, src, m);
}

void emit_lea(struct emit *e, enum emit_width w, u8 dst, struct emit_mem m)
{
	put_rm(e, w, 0x8d, dst, m);
}

void emit_lea_code(struct emit *e, u8 dst, const u8 *to)
{
	put_rex(e, W64, dst, 0, 0);
	emit_byte(e, 0x8d);
	emit_byte(e, (u8)((dst & 7) << 3 | 5));
	e->p += 4;
	emit_fix32(e->p - 4, to - e->delta);
}

void emit_rorx(struct emit *e, enum emit_width w, u8 dst, u8 src, u8 count)
{
	emit_byte(e, 0xc4);
	emit_byte(e, (u8)((dst & 8 ? 0 : 0x80) | 0x40 | (src & 8 ? 0 : 0x20) | 3));
	emit_byte(e, w == W64 ? 0xfb : 0x7b);
	emit_byte(e, 0xf0);
	emit_byte(e, (u8)(0xc0 | (dst & 7) << 3 | (src & 7)));
	emit_byte(e, count);
}

/* VEX.LZ.0F38.W1 F7, PP 1 for 66, 3 for F2. */
static void put_shift(struct emit *e, u8 pp, u8 dst, u8 src, u8 count)
{
	emit_byte(e, 0xc4);
	emit_byte(e, (u8)((dst & 8 ? 0 : 0x80) | 0x40 | (src & 8 ? 0 : 0x20) | 2));
	emit_byte(e, (u8)(0x80 | (~count & 15) << 3 | pp));
	emit_byte(e, 0xf7);
	emit_byte(e, (u8)(0xc0 | (dst & 7) << 3 | (src & 7)));
}

void emit_shlx(struct emit *e, u8 dst, u8 src, u8 count)
{
	put_shift(e, 1, dst, src, count);
}

void emit_shrx(struct emit *e, u8 dst, u8 src, u8 count)
{
	put_shift(e, 3, dst, src, count);
}

static void put_rm0f(struct emit *e, enum emit_width w, u8 opcode, u8 reg, struct emit_mem m)
{
	put_rex(e, w, reg, ext(m.index), ext(m.base));
	emit_byte(e, 0x0f);
	emit_byte(e, opcode);
	put_operand(e, reg, m);
}

void emit_load8(struct emit *e, u8 dst, struct emit_mem m)
{
	put_rm0f(e, W32, 0xb6, dst, m);
}

void emit_load16(struct emit *e, u8 dst, struct emit_mem m)
{
	put_rm0f(e, W32, 0xb7, dst, m);
}

void emit_merge16(struct emit *e, u8 dst, struct emit_mem m)
{
	emit_byte(e, 0x66);
	emit_load(e, W32, dst, m);
}

/* SPL to DIL need a REX prefix to be themselves. */
void emit_store8(struct emit *e, u8 src, struct emit_mem m)
{
	u8 rex = (u8)(0x40 | (src >> 3 & 1) << 2 | (ext(m.index) >> 3 & 1) << 1 |
		      (ext(m.base) >> 3 & 1));

	emit_byte(e, rex);
	emit_byte(e, 0x88);
	put_operand(e, src, m);
}

void emit_store8_imm(struct emit *e, u8 value, struct emit_mem m)
{
	put_rm(e, W32, 0xc6, 0, m);
	emit_byte(e, value);
}

void emit_store16(struct emit *e, u8 src, struct emit_mem m)
{
	emit_byte(e, 0x66);
	emit_store(e, W32, src, m);
}

void emit_sarx(struct emit *e, u8 dst, u8 src, u8 count)
{
	put_shift(e, 2, dst, src, count);
}

void emit_not(struct emit *e, u8 reg)
{
	put_rr(e, W64, 0xf7, 2, reg);
}

/* VEX prefix and opcode F5 of PEXT (PP 2) and PDEP (PP 3). */
static void put_bits(struct emit *e, u8 pp, u8 reg, u8 src, u8 index, u8 base)
{
	emit_byte(e, 0xc4);
	emit_byte(e,
		  (u8)((reg & 8 ? 0 : 0x80) | (index & 8 ? 0 : 0x40) | (base & 8 ? 0 : 0x20) | 2));
	emit_byte(e, (u8)(0x80 | (~src & 15) << 3 | pp));
	emit_byte(e, 0xf5);
}

void emit_pext(struct emit *e, u8 dst, u8 src, u8 mask)
{
	put_bits(e, 2, dst, src, 0, mask);
	emit_byte(e, (u8)(0xc0 | (dst & 7) << 3 | (mask & 7)));
}

void emit_pext_mem(struct emit *e, u8 dst, u8 src, struct emit_mem mask)
{
	put_bits(e, 2, dst, src, ext(mask.index), ext(mask.base));
	put_operand(e, dst, mask);
}

void emit_pdep_mem(struct emit *e, u8 dst, u8 src, struct emit_mem mask)
{
	put_bits(e, 3, dst, src, ext(mask.index), ext(mask.base));
	put_operand(e, dst, mask);
}

void emit_push(struct emit *e, u8 reg)
{
	if (reg & 8)
		emit_byte(e, 0x41);
	emit_byte(e, 0x50 | (reg & 7));
}

void emit_pop(struct emit *e, u8 reg)
{
	if (reg & 8)
		emit_byte(e, 0x41);
	emit_byte(e, 0x58 | (reg & 7));
}

u8 *emit_jrcxz(struct emit *e)
{
	emit_byte(e, 0xe3);
	emit_byte(e, 0);
	return e->p - 1;
}

u8 *emit_jmp8(struct emit *e)
{
	emit_byte(e, 0xeb);
	emit_byte(e, 0);
	return e->p - 1;
}

u8 *emit_jmp32(struct emit *e)
{
	emit_byte(e, 0xe9);
	emit_u32(e, 0);
	return e->p - 4;
}

u8 *emit_jcc32(struct emit *e, u8 cc)
{
	emit_byte(e, 0x0f);
	emit_byte(e, 0x80 | cc);
	emit_u32(e, 0);
	return e->p - 4;
}

void emit_jmp_mem(struct emit *e, struct emit_mem m)
{
	put_rm(e, W32, 0xff, 4, m);
}

void emit_jmp_to(struct emit *e, const u8 *exec)
{
	u8 *fix = emit_jmp32(e);

	emit_fix32(fix, exec - e->delta);
}

void emit_land8(struct emit *e, u8 *fix)
{
	s64 distance = e->p - (fix + 1);

	if (distance != (s8)distance)
		__builtin_trap();
	*fix = (u8)distance;
}

void emit_land32(struct emit *e, u8 *fix)
{
	emit_fix32(fix, e->p);
}

void emit_fix32(u8 *fix, const u8 *to)
{
	s32 distance = (s32)(to - (fix + 4));

	__builtin_memcpy(fix, &distance, 4);
}
