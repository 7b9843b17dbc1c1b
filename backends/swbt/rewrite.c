/* SPDX-License-Identifier: MIT */
/*
 * An instruction is taken apart into what does not depend on registers (prefixes that count, map,
 * opcode, immediate) and into four register numbers; those are replaced and everything is put
 * together again for 64-bit mode. Register numbers have five bits here, the bits of REX, VEX and
 * EVEX included and not inverted.
 *
 * 16- and 32-bit code differs in what this file must know: 66h may mean the opposite, 40h-4Fh are
 * INC and DEC, the extension bits of VEX and EVEX do not count, and W does not make general
 * registers 64 bits wide (SDM vol. 2A 2.3.5, 2.3.6, 2.7.11).
 */
#include "backends/swbt/rewrite.h"

#include <errno.h>

struct parts {
	u8 map, opcode; /* map 0 one-byte, 1 0F, 2 0F 38, 3 0F 3A; of VEX, EVEX, XOP: their own */
	u8 repeat;	/* F2, F3 or 0 */
	bool opsize, w;
	u8 payload[3]; /* the VEX, EVEX or XOP bytes after the first */
	bool has_modrm;
	u8 mod, reg, rm, vvvv, low; /* low: the register in the opcode */
	const u8 *imm;
	u8 imm_len;
	bool rex_needed, rex_forbidden;
};

u32 insn_implicit_gprs(const struct insn *i)
{
	return i->gpr_implicit;
}

u32 insn_explicit_gprs(const struct insn *i)
{
	u32 mask = 0;

	for (unsigned int n = 0; n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].field != FIELD_NONE)
			mask |= BIT(i->op[n].reg);
	return mask;
}

/* ---- taking apart --------------------------------------------------------------------------- */

static unsigned int parse_prefixes(const struct insn *i, struct parts *p)
{
	unsigned int at = 0;

	for (; at < i->length; at++) {
		switch (i->raw[at]) {
		case 0xf2:
		case 0xf3:
			p->repeat = i->raw[at];
			break;
		case 0x66:
			p->opsize = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
		case 0x67:
		case 0xf0:
			break;
		default:
			/* A REX that another prefix follows does not count. */
			if (i->mode != MODE_LONG64 || (i->raw[at] & 0xf0) != 0x40)
				return at;
		}
	}
	return at;
}

static unsigned int parse_legacy(const struct insn *i, struct parts *p, unsigned int at)
{
	p->w = i->rex & 8;
	p->reg = (i->rex & 4) << 1;
	p->rm = (i->rex & 1) << 3;
	p->low = p->rm;
	if (i->raw[at] == 0x0f) {
		p->map = 1;
		at++;
		if (i->raw[at] == 0x38 || i->raw[at] == 0x3a)
			p->map = i->raw[at++] == 0x38 ? 2 : 3;
	}
	p->opcode = i->raw[at++];
	p->low |= p->opcode & 7;
	return at;
}

/* VEX with two bytes becomes the three-byte form's payload. */
static unsigned int parse_vector(const struct insn *i, struct parts *p, unsigned int at)
{
	u8 first = i->raw[at++], inverted[3];

	if (first == 0xc5) {
		p->payload[0] = (u8)((i->raw[at] & 0x80) | 0x61);
		p->payload[1] = i->raw[at++] & 0x7f;
	} else {
		p->payload[0] = i->raw[at++];
		p->payload[1] = i->raw[at++];
		if (i->encoding == ENC_EVEX)
			p->payload[2] = i->raw[at++];
	}
	p->opcode = i->raw[at++];
	p->map = p->payload[0] & (i->encoding == ENC_EVEX ? 0x07 : 0x1f);
	p->w = p->payload[1] & 0x80;
	for (unsigned int n = 0; n < sizeof(inverted); n++)
		inverted[n] = (u8)~p->payload[n];
	p->reg = inverted[0] >> 4 & 8;
	p->rm = inverted[0] >> 2 & 8;
	p->vvvv = inverted[1] >> 3 & 15;
	if (i->encoding == ENC_EVEX) {
		p->reg |= inverted[0] & 0x10;
		p->rm |= inverted[0] >> 2 & 0x10;
		p->vvvv |= inverted[2] << 1 & 0x10;
	}
	return at;
}

static int parse(const struct insn *i, struct parts *p)
{
	unsigned int at = parse_prefixes(i, p), end;

	if (at >= i->length)
		return -ENOTSUP;
	if (i->encoding == ENC_LEGACY || i->encoding == ENC_3DNOW)
		at = parse_legacy(i, p, at);
	else
		at = parse_vector(i, p, at);
	end = at;
	if (i->modrm_at) {
		u8 modrm = i->raw[i->modrm_at];

		p->has_modrm = true;
		p->mod = modrm >> 6;
		p->reg |= modrm >> 3 & 7;
		p->rm |= modrm & 7;
		end = i->modrm_at + 1u;
		if (p->mod != 3 && (modrm & 7) == 4 && i->addrsize != 2)
			end++;
		end += i->disp_len;
	} else if (i->has_mem) {
		end += i->addrsize; /* MOV's offset, A0h to A3h */
	}
	if (end > i->length)
		return -ENOTSUP;
	p->imm = i->raw + end;
	p->imm_len = (u8)(i->length - end);
	return 0;
}

/* ---- differences of 16- and 32-bit code ----------------------------------------------------- */

/* Is 66h of this legacy opcode part of the opcode rather than an operand size? */
static bool opsize_selects(const struct insn *i, const struct parts *p)
{
	u8 op = p->opcode;

	switch (p->map) {
	case 0:
		return false;
	case 1:
		if (op == 0xc7)
			return i->has_mem; /* CMPXCHG8B; RDRAND has sizes */
		return (op >= 0x10 && op <= 0x17) || (op >= 0x28 && op <= 0x2f) ||
		       (op >= 0x50 && op <= 0x7f) || op == 0xae || (op >= 0xc2 && op <= 0xc6) ||
		       op >= 0xd0;
	case 2:
		return op != 0xf0 && op != 0xf1; /* MOVBE, CRC32 */
	default:
		return true;
	}
}

/* Does W of this VEX or EVEX opcode say how wide a general register, or memory in its place, is? */
static bool w_is_gpr_size(const struct insn *i, const struct parts *p)
{
	static const struct {
		u8 map, opcode;
		u8 pp; /* BIT() of the prefixes for which it holds: 0 none, 1 66, 2 F3, 3 F2 */
	} list[] = {
		{ 1, 0x2a, 0xc }, { 1, 0x2c, 0xc }, { 1, 0x2d, 0xc }, { 1, 0x6e, 0x2 },
		{ 1, 0x7e, 0x2 }, { 1, 0x78, 0xc }, { 1, 0x79, 0xc }, { 1, 0x7b, 0xc },
		{ 1, 0x92, 0x8 }, { 1, 0x93, 0x8 }, { 3, 0x16, 0x2 }, { 3, 0x22, 0x2 },
		{ 2, 0x7c, 0x2 }, { 5, 0x2a, 0x4 }, { 5, 0x2c, 0x4 }, { 5, 0x2d, 0x4 },
		{ 5, 0x78, 0x4 }, { 5, 0x79, 0x4 }, { 5, 0x7b, 0x4 },
	};

	if (i->fpu == FPU_NONE)
		return true; /* BMI, TBM */
	for (unsigned int n = 0; n < ARRAY_SIZE(list); n++)
		if (list[n].map == p->map && list[n].opcode == p->opcode &&
		    list[n].pp & BIT(p->payload[1] & 3))
			return true;
	return false;
}

static void normalize(const struct insn *i, struct parts *p)
{
	bool legacy = i->encoding == ENC_LEGACY || i->encoding == ENC_3DNOW;

	if (legacy && !opsize_selects(i, p))
		p->opsize = i->opsize == 2;
	if (legacy && p->map == 0 && p->opcode != 0x90)
		p->repeat = 0;
	if (i->mode == MODE_LONG64)
		return;
	if (!legacy) {
		p->reg &= 7;
		p->rm &= 7;
		p->vvvv &= 7;
		if (w_is_gpr_size(i, p))
			p->w = false;
	}
	if (!legacy || p->map)
		return;
	if ((p->opcode & 0xf0) == 0x40) { /* INC, DEC */
		p->has_modrm = true;
		p->mod = 3;
		p->reg = p->opcode >> 3 & 1;
		p->opcode = 0xff;
	} else if (p->opcode == 0x82) {
		p->opcode = 0x80;
	}
}

/* MOV AL, [offset] and its three relatives as MOV with ModRM. */
static void normalize_offsets(const struct insn *i, struct parts *p)
{
	static const u8 with_modrm[] = { 0x8a, 0x8b, 0x88, 0x89 };

	if (i->encoding != ENC_LEGACY || p->map || (p->opcode & 0xfc) != 0xa0)
		return;
	p->opcode = with_modrm[p->opcode & 3];
	p->has_modrm = true;
	p->mod = 0;
	p->reg = RAX;
}

/* ---- new registers -------------------------------------------------------------------------- */

static int rename_operand(const struct operand *o, const struct rewrite *r, struct parts *p)
{
	u8 host = r->gpr[o->reg];

	if (o->high) {
		if (host > RBX)
			return -ENOTSUP;
		host += 4;
		p->rex_forbidden = true;
	} else if (o->size == 1 && host > RBX) {
		p->rex_needed = true;
	}
	switch (o->field) {
	case FIELD_REG:
		p->reg = host;
		return 0;
	case FIELD_RM:
		p->rm = host;
		return 0;
	case FIELD_VVVV:
		p->vvvv = host;
		return 0;
	case FIELD_OPCODE:
		p->low = p->rm = host; /* rm: INC and DEC got a ModRM */
		return 0;
	default:
		return -ENOTSUP;
	}
}

static int rename_operands(const struct insn *i, const struct rewrite *r, struct parts *p)
{
	int rc = 0;

	for (u32 rest = i->gpr_implicit; rest; rest &= rest - 1) {
		unsigned int reg = (unsigned int)__builtin_ctz(rest);

		if (r->gpr[reg] != reg)
			return -ENOTSUP;
	}
	for (unsigned int n = 0; !rc && n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].field != FIELD_NONE)
			rc = rename_operand(&i->op[n], r, p);
	return rc;
}

/* ---- putting together ----------------------------------------------------------------------- */

/* Where an opcode has a register in its low bits. */
static bool opcode_has_register(const struct parts *p)
{
	if (p->map == 0)
		return (p->opcode >= 0x90 && p->opcode <= 0x97) || (p->opcode & 0xf0) == 0xb0;
	return p->map == 1 && p->opcode >= 0xc8 && p->opcode <= 0xcf;
}

static u8 *put_legacy(const struct insn *i, struct parts *p, u8 x, u8 b, u8 *o)
{
	u8 rex = (u8)(p->w << 3 | (p->reg >> 3 & 1) << 2 | x << 1 | b);

	if (i->lock)
		*o++ = 0xf0;
	if (p->opsize)
		*o++ = 0x66;
	if (p->repeat)
		*o++ = p->repeat;
	if (rex || p->rex_needed) {
		if (p->rex_forbidden)
			return NULL;
		*o++ = 0x40 | rex;
	}
	if (p->map)
		*o++ = 0x0f;
	if (p->map > 1)
		*o++ = p->map == 2 ? 0x38 : 0x3a;
	if (opcode_has_register(p))
		p->opcode = (u8)((p->opcode & 0xf8) | (p->low & 7));
	*o++ = p->opcode;
	return o;
}

/* Extension bits go out inverted. B is also bit 4 of a vector in rm (as X). */
static u8 *put_vector(const struct insn *i, const struct parts *p, u8 x, u8 b, u8 *o)
{
	u8 first = (u8)(~((p->reg & 8) << 4 | x << 6 | b << 5) & 0xe0);
	u8 second = (u8)((p->payload[1] & 0x07) | p->w << 7 | (~p->vvvv & 15) << 3);

	if (i->encoding == ENC_EVEX) {
		*o++ = 0x62;
		*o++ = (u8)(first | (~p->reg & 0x10) | (p->payload[0] & 0x0f));
		*o++ = second;
		*o++ = (u8)((p->payload[2] & 0xf7) | (p->vvvv & 0x10 ? 0 : 0x08));
	} else if (i->encoding == ENC_VEX && p->map == 1 && !p->w && (first & 0x60) == 0x60) {
		*o++ = 0xc5;
		*o++ = (u8)((first & 0x80) | second);
	} else {
		*o++ = i->encoding == ENC_VEX ? 0xc4 : 0x8f;
		*o++ = (u8)(first | p->map);
		*o++ = second;
	}
	*o++ = p->opcode;
	return o;
}

/* ModRM, SIB and displacement of R's operand. An EVEX displacement of one byte counts in vectors,
 * so there it is none or four bytes, except for the zero that RBP and R13 need. */
static u8 *put_memory(const struct insn *i, const struct parts *p, const struct rewrite *r, u8 *o)
{
	bool sib = r->base == REG_NONE || r->index != REG_NONE || (r->base & 7) == RSP;
	u8 base = r->base == REG_NONE ? 5 : r->base & 7;
	unsigned int len, mod;

	if (r->base == REG_NONE)
		mod = 0, len = 4;
	else if (r->disp == 0 && base != RBP)
		mod = 0, len = 0;
	else if (r->disp == 0 || (i->encoding != ENC_EVEX && r->disp == (s8)r->disp))
		mod = 1, len = 1;
	else
		mod = 2, len = 4;
	*o++ = (u8)(mod << 6 | (p->reg & 7) << 3 | (sib ? 4 : base));
	if (sib) {
		u8 index = r->index == REG_NONE ? 4 : r->index & 7;

		*o++ = (u8)(__builtin_ctz(r->scale ? r->scale : 1u) << 6 | index << 3 | base);
	}
	for (unsigned int n = 0; n < len; n++)
		*o++ = (u8)((u32)r->disp >> n * 8);
	return o;
}

int rewrite(const struct insn *i, const struct rewrite *r, u8 out[REWRITE_MAX])
{
	struct parts p = { 0 };
	u8 x = 0, b, *o = out;
	int rc;

	if (i->mem_vsib || (i->has_mem && r->index == RSP))
		return -ENOTSUP;
	rc = parse(i, &p);
	if (rc)
		return rc;
	normalize(i, &p);
	normalize_offsets(i, &p);
	rc = rename_operands(i, r, &p);
	if (rc)
		return rc;

	if (i->has_mem) {
		x = r->index != REG_NONE && r->index & 8;
		b = r->base != REG_NONE && r->base & 8;
	} else {
		b = (p.has_modrm ? p.rm : p.low) >> 3 & 1;
		x = p.rm >> 4 & 1;
	}
	if (i->encoding == ENC_LEGACY || i->encoding == ENC_3DNOW)
		o = put_legacy(i, &p, x, b, o);
	else
		o = put_vector(i, &p, x, b, o);
	if (!o)
		return -ENOTSUP;
	if (i->has_mem)
		o = put_memory(i, &p, r, o);
	else if (p.has_modrm)
		*o++ = (u8)(p.mod << 6 | (p.reg & 7) << 3 | (p.rm & 7));
	for (unsigned int n = 0; n < p.imm_len; n++)
		*o++ = p.imm[n];
	/* Registers in an immediate have three bits outside 64-bit code. */
	for (unsigned int n = 0; n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].field == FIELD_IS4 && i->mode != MODE_LONG64)
			o[-1] &= 0x7f;
	return (int)(o - out);
}
