/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/emit.h"

/*
 * A byte that is stored may be part of struct emit, for all that the compiler knows, so each
 * function keeps the place in a local variable: through memory every byte would wait for the one
 * before it.
 */

void emit_byte(struct emit *e, u8 byte)
{
	*e->p++ = byte;
}

void emit_bytes(struct emit *e, const void *bytes, size_t len)
{
	const u8 *b = bytes;
	u8 *p = e->p;

	for (size_t n = 0; n < len; n++)
		p[n] = b[n];
	e->p = p + len;
}

static u8 *put_u32(u8 *p, u32 value)
{
	__builtin_memcpy(p, &value, 4);
	return p + 4;
}

void emit_u32(struct emit *e, u32 value)
{
	e->p = put_u32(e->p, value);
}

static u8 *put_u64(u8 *p, u64 value)
{
	__builtin_memcpy(p, &value, 8);
	return p + 8;
}

static u8 *put_rex(u8 *p, enum emit_width w, u8 reg, u8 index, u8 base)
{
	u8 rex = (u8)(0x40 | (w == W64) << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 |
		      (base >> 3 & 1));

	if (rex != 0x40)
		*p++ = rex;
	return p;
}

static u8 modrm(u8 reg, u8 rm)
{
	return (u8)(0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* OPCODE reg, reg: RM is the ModRM.rm one. */
static void put_rr(struct emit *e, enum emit_width w, u8 opcode, u8 reg, u8 rm)
{
	u8 *p = put_rex(e->p, w, reg, 0, rm);

	p[0] = opcode;
	p[1] = modrm(reg, rm);
	e->p = p + 2;
}

static u8 ext(u8 reg)
{
	return reg == REG_NONE ? 0 : reg;
}

/* ModRM, SIB, displacement. SDM vol. 2A tables 2-2, 2-3. */
static u8 *put_operand(u8 *p, u8 reg, struct emit_mem m)
{
	bool sib = m.index != REG_NONE || m.base == REG_NONE || (m.base & 7) == RSP;
	u8 mod, base = m.base == REG_NONE ? 5 : m.base & 7;

	if (m.base == REG_NONE)
		mod = 0;
	else if (!m.disp && base != RBP)
		mod = 0;
	else
		mod = m.disp == (s8)m.disp ? 1 : 2;
	*p++ = (u8)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base));
	if (sib)
		*p++ = (u8)((u8)__builtin_ctz(m.scale) << 6 |
			    (m.index == REG_NONE ? 4 : m.index & 7) << 3 | base);
	if (mod == 1)
		*p++ = (u8)m.disp;
	else if (mod == 2 || m.base == REG_NONE)
		p = put_u32(p, (u32)m.disp);
	return p;
}

static u8 *put_rm(u8 *p, enum emit_width w, u8 opcode, u8 reg, struct emit_mem m)
{
	p = put_rex(p, w, reg, ext(m.index), ext(m.base));
	*p++ = opcode;
	return put_operand(p, reg, m);
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
	u8 *p = put_rex(e->p, W32, dst, 0, src);

	p[0] = 0x0f;
	p[1] = 0xb7;
	p[2] = modrm(dst, src);
	e->p = p + 3;
}

void emit_const(struct emit *e, u8 dst, u64 value)
{
	u8 *p = put_rex(e->p, value == (u32)value ? W32 : W64, 0, 0, dst);

	if (value == (u32)value) {
		*p++ = 0xb8 | (dst & 7);
		e->p = put_u32(p, (u32)value);
	} else if (value == (u64)(s32)value) {
		*p++ = 0xc7;
		*p++ = 0xc0 | (dst & 7);
		e->p = put_u32(p, (u32)value);
	} else {
		*p++ = 0xb8 | (dst & 7);
		e->p = put_u64(p, value);
	}
}

void emit_load(struct emit *e, enum emit_width w, u8 dst, struct emit_mem m)
{
	e->p = put_rm(e->p, w, 0x8b, dst, m);
}

void emit_load_gs(struct emit *e, u8 dst, struct emit_mem m)
{
	*e->p = 0x65;
	e->p = put_rm(e->p + 1, W64, 0x8b, dst, m);
}

void emit_store(struct emit *e, enum emit_width w, u8 src, struct emit_mem m)
{
	e->p = put_rm(e->p, w, 0x89, src, m);
}

void emit_store_imm(struct emit *e, enum emit_width w, s32 value, struct emit_mem m)
{
	e->p = put_u32(put_rm(e->p, w, 0xc7, 0, m), (u32)value);
}

void emit_add_mem(struct emit *e, enum emit_width w, u8 src, struct emit_mem m)
{
	e->p = put_rm(e->p, w, 0x01, src, m);
}

void emit_lea(struct emit *e, enum emit_width w, u8 dst, struct emit_mem m)
{
	e->p = put_rm(e->p, w, 0x8d, dst, m);
}

void emit_lea_code(struct emit *e, u8 dst, const u8 *to)
{
	u8 *p = put_rex(e->p, W64, dst, 0, 0);

	p[0] = 0x8d;
	p[1] = (u8)((dst & 7) << 3 | 5);
	e->p = p + 6;
	emit_fix32(p + 2, to - e->delta);
}

void emit_rorx(struct emit *e, enum emit_width w, u8 dst, u8 src, u8 count)
{
	u8 *p = e->p;

	p[0] = 0xc4;
	p[1] = (u8)((dst & 8 ? 0 : 0x80) | 0x40 | (src & 8 ? 0 : 0x20) | 3);
	p[2] = w == W64 ? 0xfb : 0x7b;
	p[3] = 0xf0;
	p[4] = modrm(dst, src);
	p[5] = count;
	e->p = p + 6;
}

/* VEX.LZ.0F38.W1 F7, PP 1 for 66, 3 for F2. */
static void put_shift(struct emit *e, u8 pp, u8 dst, u8 src, u8 count)
{
	u8 *p = e->p;

	p[0] = 0xc4;
	p[1] = (u8)((dst & 8 ? 0 : 0x80) | 0x40 | (src & 8 ? 0 : 0x20) | 2);
	p[2] = (u8)(0x80 | (~count & 15) << 3 | pp);
	p[3] = 0xf7;
	p[4] = modrm(dst, src);
	e->p = p + 5;
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
	u8 *p = put_rex(e->p, w, reg, ext(m.index), ext(m.base));

	p[0] = 0x0f;
	p[1] = opcode;
	e->p = put_operand(p + 2, reg, m);
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

	e->p[0] = rex;
	e->p[1] = 0x88;
	e->p = put_operand(e->p + 2, src, m);
}

void emit_store8_imm(struct emit *e, u8 value, struct emit_mem m)
{
	e->p = put_rm(e->p, W32, 0xc6, 0, m);
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
static u8 *put_bits(u8 *p, u8 pp, u8 reg, u8 src, u8 index, u8 base)
{
	p[0] = 0xc4;
	p[1] = (u8)((reg & 8 ? 0 : 0x80) | (index & 8 ? 0 : 0x40) | (base & 8 ? 0 : 0x20) | 2);
	p[2] = (u8)(0x80 | (~src & 15) << 3 | pp);
	p[3] = 0xf5;
	return p + 4;
}

void emit_pext(struct emit *e, u8 dst, u8 src, u8 mask)
{
	u8 *p = put_bits(e->p, 2, dst, src, 0, mask);

	*p = modrm(dst, mask);
	e->p = p + 1;
}

void emit_pext_mem(struct emit *e, u8 dst, u8 src, struct emit_mem mask)
{
	e->p = put_operand(put_bits(e->p, 2, dst, src, ext(mask.index), ext(mask.base)), dst, mask);
}

void emit_pdep_mem(struct emit *e, u8 dst, u8 src, struct emit_mem mask)
{
	e->p = put_operand(put_bits(e->p, 3, dst, src, ext(mask.index), ext(mask.base)), dst, mask);
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
	u8 *p = e->p;

	p[0] = 0xe3;
	p[1] = 0;
	e->p = p + 2;
	return p + 1;
}

u8 *emit_jmp8(struct emit *e)
{
	emit_byte(e, 0xeb);
	emit_byte(e, 0);
	return e->p - 1;
}

u8 *emit_jmp32(struct emit *e)
{
	u8 *p = e->p;

	p[0] = 0xe9;
	e->p = put_u32(p + 1, 0);
	return p + 1;
}

u8 *emit_jcc32(struct emit *e, u8 cc)
{
	u8 *p = e->p;

	p[0] = 0x0f;
	p[1] = 0x80 | cc;
	e->p = put_u32(p + 2, 0);
	return p + 2;
}

void emit_jmp_mem(struct emit *e, struct emit_mem m)
{
	e->p = put_rm(e->p, W32, 0xff, 4, m);
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
