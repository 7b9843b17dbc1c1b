/* SPDX-License-Identifier: MIT */
/* What is left: decimal arithmetic, BOUND, bit strings, XSAVE images, gathers. */
#include "backends/swbt/emulate.h"
#include "backends/swbt/fpu.h"
#include "backends/swbt/mem.h"

enum emulate_result emu_lahf(struct vcpu *v, const struct insn *i)
{
	(void)i;
	gpr_set(v, RAX, 1, true, (v->s.rflags & 0xd5) | 2);
	return EMU_NEXT;
}

enum emulate_result emu_sahf(struct vcpu *v, const struct insn *i)
{
	(void)i;
	v->s.rflags = (v->s.rflags & ~0xd5ull) | (gpr_get(v, RAX, 1, true) & 0xd5);
	return EMU_NEXT;
}

enum emulate_result emu_salc(struct vcpu *v, const struct insn *i)
{
	(void)i;
	gpr_set(v, RAX, 1, false, v->s.rflags & RFLAGS_CF ? 0xff : 0);
	return EMU_NEXT;
}

static void set_flags(struct vcpu *v, u64 mask, u64 value)
{
	v->s.rflags = (v->s.rflags & ~mask) | value;
}

/* ZF, SF and PF of a byte. */
static u64 szp(u8 byte)
{
	return (byte ? 0 : RFLAGS_ZF) | (byte & 0x80 ? RFLAGS_SF : 0) |
	       (__builtin_parity(byte) ? 0 : RFLAGS_PF);
}

#define SZP (RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF)
#define CA  (RFLAGS_CF | RFLAGS_AF)

/* AAA and AAS: adjust by SIGN 6. The flags that the SDM leaves undefined are left alone. */
static void ascii_adjust(struct vcpu *v, int sign)
{
	u16 ax = (u16)v->s.gpr[RAX];
	bool adjust = (ax & 15) > 9 || v->s.rflags & RFLAGS_AF;

	if (adjust)
		ax = (u16)(ax + sign * 0x106);
	set_flags(v, CA, adjust ? CA : 0);
	gpr_set(v, RAX, 2, false, ax & 0xff0f);
}

/* DAA and DAS. */
static void decimal_adjust(struct vcpu *v, int sign)
{
	u8 al = (u8)v->s.gpr[RAX], old = al;
	bool cf = v->s.rflags & RFLAGS_CF, carry = false;
	u64 flags = 0;

	if ((al & 15) > 9 || v->s.rflags & RFLAGS_AF) {
		al = (u8)(al + sign * 6);
		carry = cf || (sign > 0 ? old > 0xf9 : old < 6);
		flags |= RFLAGS_AF;
	}
	if (old > 0x99 || cf) {
		al = (u8)(al + sign * 0x60);
		carry = true;
	}
	flags |= carry ? RFLAGS_CF : 0;
	set_flags(v, SZP | CA, szp(al) | flags);
	gpr_set(v, RAX, 1, false, al);
}

enum emulate_result emu_bcd(struct vcpu *v, const struct insn *i)
{
	u8 al = (u8)v->s.gpr[RAX], ah = (u8)(v->s.gpr[RAX] >> 8), base;

	switch (i->raw[i->opcode_at]) {
	case 0x27:
		decimal_adjust(v, 1);
		break;
	case 0x2f:
		decimal_adjust(v, -1);
		break;
	case 0x37:
		ascii_adjust(v, 1);
		break;
	case 0x3f:
		ascii_adjust(v, -1);
		break;
	case 0xd4: /* AAM */
		base = (u8)i->op[0].imm;
		if (!base) {
			raise_exc(v, DE);
			return EMU_FAULT;
		}
		gpr_set(v, RAX, 2, false, (u64)(al / base) << 8 | al % base);
		set_flags(v, SZP, szp(al % base));
		break;
	case 0xd5: /* AAD */
		base = (u8)i->op[0].imm;
		al = (u8)(al + ah * base);
		gpr_set(v, RAX, 2, false, al);
		set_flags(v, SZP, szp(al));
		break;
	}
	return EMU_NEXT;
}

enum emulate_result emu_bound(struct vcpu *v, const struct insn *i)
{
	u64 at = insn_ea(i, v, v->s.rip), low = 0, high = 0;
	unsigned int shift = 64 - i->opsize * 8u;
	s64 index = (s64)(gpr_get(v, i->op[0].reg, i->opsize, false) << shift);

	if (mem_read(v, i->mem_seg, at, &low, i->opsize) ||
	    mem_read(v, i->mem_seg, at + i->opsize, &high, i->opsize))
		return EMU_FAULT;
	if (index >= (s64)(low << shift) && index <= (s64)(high << shift))
		return EMU_NEXT;
	raise_exc(v, BR);
	return EMU_FAULT;
}

/* BT, BTS, BTR, BTC with a bit offset in a register: it reaches over all of memory. */
enum emulate_result emu_bit_string(struct vcpu *v, const struct insn *i)
{
	unsigned int bits = i->opsize * 8u, shift = 64 - bits;
	s64 offset = (s64)(gpr_get(v, i->op[1].reg, i->opsize, false) << shift) >> shift;
	u64 bit = BIT64((u64)offset % bits), value = 0, ea;
	u8 opcode = i->raw[i->opcode_at];
	bool writes = opcode != 0xa3;
	struct mem_op op;

	ea = insn_ea(i, v, v->s.rip) + (u64)((offset >> __builtin_ctz(bits)) * i->opsize);
	if (i->addrsize < 8)
		ea &= BIT64(i->addrsize * 8) - 1;
	if (mem_prepare(v, i->mem_seg, ea, i->opsize, ACC_READ | (writes ? ACC_WRITE : 0), &op))
		return EMU_FAULT;
	for (unsigned int n = 0; n < i->opsize; n++)
		value |= (u64)op.data[n] << n * 8;
	if (writes) {
		/* AB BTS, B3 BTR, BB BTC */
		u64 changed = opcode == 0xab   ? value | bit
			      : opcode == 0xb3 ? value & ~bit
					       : value ^ bit;

		for (unsigned int n = 0; n < i->opsize; n++)
			op.data[n] = (u8)(changed >> n * 8);
		mem_commit(v, &op);
	}
	set_flags(v, RFLAGS_CF, value & bit ? RFLAGS_CF : 0);
	return EMU_NEXT;
}

enum emulate_result emu_clzero(struct vcpu *v, const struct insn *i)
{
	static const u8 zero[64];
	u64 linear;

	/* It is the linear address that is rounded down: a segment's base may not be aligned. */
	if (mem_linear(v, i->mem_seg, gpr_get(v, RAX, i->addrsize, false), 1, ACC_WRITE, &linear) ||
	    lin_write(v, linear & ~63ull, zero, sizeof(zero), 0))
		return EMU_FAULT;
	return EMU_NEXT;
}

enum emulate_result emu_movdir64b(struct vcpu *v, const struct insn *i)
{
	u64 to = gpr_get(v, i->op[0].reg, i->addrsize, false);
	u8 line[64];

	if (mem_read(v, i->mem_seg, insn_ea(i, v, v->s.rip), line, sizeof(line)))
		return EMU_FAULT;
	if (to & 63) {
		raise_err(v, GP, 0);
		return EMU_FAULT;
	}
	if (mem_write(v, SEG_ES, to, line, sizeof(line)))
		return EMU_FAULT;
	return EMU_NEXT;
}
