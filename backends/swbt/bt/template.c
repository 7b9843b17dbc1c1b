/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/template.h"

#define HASH 0x9e3779b97f4a7c15ull

/* Everything here is words and inline: bytes that are stored and loaded as part of something wider
 * cost the host a wait each, half of the time that it took. */
#define INLINE static inline __attribute__((always_inline))

/* An instruction's bytes up to its opcode. */
struct opcode {
	u32 prefixes; /* up to two of the old kind, the first one lowest, or 0 */
	u32 rex;
	u32 map, byte, at;
};

/* Where the rest of it is. */
struct layout {
	u32 modrm, sib, mod;
	u32 modrm_at, disp_at, disp_len, imm_at, end;
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static bool is_segment(u8 byte)
{
	return (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
}

static bool is_prefix(u8 byte)
{
	return is_segment(byte) || byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 ||
	       byte == 0xf3;
}

static bool has_two_segments(const struct opcode *o)
{
	return is_segment((u8)o->prefixes) && is_segment((u8)(o->prefixes >> 8));
}

/* Up to two prefixes of the old kind, no two segments. */
INLINE bool read_opcode(struct opcode *o, const u8 *bytes, enum cpu_mode mode)
{
	u32 at = 0;

	*o = (struct opcode){ 0 };
	if (unlikely(is_prefix(bytes[0]))) {
		o->prefixes = bytes[at++];
		if (is_prefix(bytes[1]))
			o->prefixes |= (u32)bytes[at++] << 8;
		if (has_two_segments(o))
			return false;
	}
	if (mode == MODE_LONG64 && (bytes[at] & 0xf0) == 0x40)
		o->rex = bytes[at++];
	if (bytes[at] == 0x0f) {
		o->map = 1;
		at++;
		if (bytes[at] == 0x38 || bytes[at] == 0x3a)
			o->map = bytes[at++] == 0x38 ? 2 : 3;
	}
	o->at = at;
	o->byte = bytes[at];
	return true;
}

/* ADDRSIZE is 4 or 8. IMM_LEN bytes come behind. */
INLINE struct layout lay_out(const u8 *bytes, const struct opcode *o, bool has_modrm, u32 imm_len)
{
	struct layout l = { .end = o->at + 1 };

	if (has_modrm) {
		l.modrm_at = l.end++;
		l.modrm = bytes[l.modrm_at];
		l.mod = l.modrm >> 6;
		if (l.mod != 3 && (l.modrm & 7) == 4)
			l.sib = bytes[l.end++];
		if (l.mod == 1)
			l.disp_len = 1;
		else if (l.mod == 2 || (l.mod == 0 && ((l.modrm & 7) == 5 ||
						       ((l.modrm & 7) == 4 && (l.sib & 7) == 5))))
			l.disp_len = 4;
		if (l.disp_len)
			l.disp_at = l.end;
		l.end += l.disp_len;
	}
	if (imm_len)
		l.imm_at = l.end;
	l.end += imm_len;
	return l;
}

INLINE u64 number(const u8 *p, u32 len, bool extend)
{
	u64 all;
	u32 word;
	u16 half;

	switch (len) {
	case 1:
		return extend ? (u64)(s8)*p : *p;
	case 2:
		__builtin_memcpy(&half, p, 2);
		return extend ? (u64)(s16)half : half;
	case 4:
		__builtin_memcpy(&word, p, 4);
		return extend ? (u64)(s32)word : word;
	default:
		__builtin_memcpy(&all, p, 8);
		return all;
	}
}

/* ---- finding --------------------------------------------------------------------------------- */

INLINE u64 key_of(const struct opcode *o, const struct opcode_shape *s, u32 modrm,
		  enum cpu_mode mode)
{
	u64 key = o->prefixes | o->byte << 16 | o->map << 24 | (o->rex & 8) << 24 | (u64)mode << 28;

	if (s->has_modrm)
		key |= (modrm >> 6 == 3 ? 2ull : 1ull) << 32;
	if (s->reg_counts)
		key |= (8ull | (modrm >> 3 & 7)) << 36;
	return key;
}

/* The slot of KEY, or the one where it would be. */
static u16 *slot_of(struct templates *t, u64 key)
{
	u32 n = (u32)(key * HASH >> 40);

	for (;; n++) {
		u16 *slot = &t->slot[n & (TEMPLATE_SLOTS - 1)];

		if (!*slot || t->entry[*slot - 1].key == key)
			return slot;
	}
}

/* The register that FIELD names. */
INLINE u8 field(u8 which, const struct opcode *o, const struct layout *l)
{
	switch (which) {
	case FIELD_REG:
		return (u8)((l->modrm >> 3 & 7) | (o->rex & 4) << 1);
	case FIELD_RM:
		return (u8)((l->modrm & 7) | (o->rex & 1) << 3);
	default:
		return (u8)((o->byte & 7) | (o->rex & 1) << 3);
	}
}

static bool names_gpr(const struct operand *op)
{
	return op->type == OPERAND_GPR && op->field != FIELD_NONE;
}

INLINE void note(struct insn *i, const struct operand *op)
{
	if (op->written)
		i->gpr_written |= BIT(op->reg);
	/* A write to 1 or 2 bytes leaves the rest: that is a read, too. */
	if (op->read || (op->written && op->size < 4))
		i->gpr_read |= BIT(op->reg);
}

INLINE void set_gprs(struct insn *i, const struct opcode *o, const struct layout *l)
{
	for (unsigned int n = 0; n < i->nr_operands; n++) {
		struct operand *op = &i->op[n];

		if (!names_gpr(op))
			continue;
		op->reg = field(op->field, o, l);
		op->high = op->size == 1 && !o->rex && op->reg >= 4;
		if (op->high)
			op->reg -= 4;
		note(i, op);
	}
}

/* The base and index of I, without override, decide about the segment. */
INLINE void set_segment(struct insn *i, const struct opcode *o)
{
	bool wide = i->mode == MODE_LONG64;

	for (u32 rest = o->prefixes; rest; rest >>= 8)
		if (is_segment((u8)rest) && (!wide || (u8)rest >= 0x64))
			return;
	i->mem_seg = i->mem_base == RSP || i->mem_base == RBP ? SEG_SS : SEG_DS;
}

INLINE void set_memory(struct insn *i, const u8 *bytes, const struct opcode *o,
		       const struct layout *l)
{
	u8 base = (u8)((l->modrm & 7) | (o->rex & 1) << 3), index = REG_NONE;
	bool bare = l->mod == 0 && (l->modrm & 7) == 5;

	i->mem_scale = 1;
	if ((l->modrm & 7) == 4) {
		base = (u8)((l->sib & 7) | (o->rex & 1) << 3);
		index = (u8)((l->sib >> 3 & 7) | (o->rex & 2) << 2);
		if (index == RSP)
			index = REG_NONE;
		else
			i->mem_scale = (u8)(1 << (l->sib >> 6));
		bare = l->mod == 0 && (l->sib & 7) == 5;
	}
	if (bare)
		base = (l->modrm & 7) == 5 && i->mode == MODE_LONG64 ? REG_PC : REG_NONE;
	i->mem_base = base;
	i->mem_index = index;
	i->mem_disp = l->disp_len ? (s64)number(bytes + l->disp_at, l->disp_len, true) : 0;
	if (base < NR_GPR)
		i->gpr_read |= BIT(base);
	if (index < NR_GPR)
		i->gpr_read |= BIT(index);
	set_segment(i, o);
}

/* The first END of BYTES, and zeros. */
INLINE void set_raw(struct insn *i, const u8 *bytes, u32 end)
{
	u64 low = number(bytes, 8, false), high = number(bytes + 7, 8, false) >> 8;

	if (end < 8) {
		low &= BIT64(8 * end) - 1;
		high = 0;
	} else {
		high &= BIT64(8 * (end - 8)) - 1;
	}
	__builtin_memcpy(i->raw, &low, 8);
	__builtin_memcpy(i->raw + 8, &high, 8);
}

/* I, a copy of E's, becomes what BYTES are. False: the immediate's extension cannot be told. */
INLINE bool fill(struct insn *i, const struct template *e, const u8 *bytes, const struct opcode *o,
		 const struct layout *l)
{
	if (l->imm_at) {
		u64 imm = number(bytes + l->imm_at, i->imm_len, e->extension != EXTEND_ZERO);

		if (e->extension == EXTEND_ANY &&
		    imm != number(bytes + l->imm_at, i->imm_len, false))
			return false;
		i->op[e->imm_op].imm = imm;
	}
	i->gpr_read = e->read;
	i->gpr_written = e->written;
	set_gprs(i, o, l);
	if (i->has_mem)
		set_memory(i, bytes, o, l);
	i->length = (u8)l->end;
	i->rex = (u8)o->rex;
	i->opcode_at = (u8)o->at;
	i->modrm_at = (u8)l->modrm_at;
	i->disp_at = (u8)l->disp_at;
	i->disp_len = (u8)l->disp_len;
	i->imm_at = (u8)l->imm_at;
	set_raw(i, bytes, l->end);
	return true;
}

bool template_find(struct templates *t, struct insn *i, const u8 *bytes, size_t n,
		   enum cpu_mode mode)
{
	const struct opcode_shape *s;
	const struct template *e;
	struct opcode o;
	struct layout l;
	u16 slot;

	if (n < INSN_MAX || !read_opcode(&o, bytes, mode))
		return false;
	s = &t->shape[mode][o.map][o.byte];
	if (!s->known)
		return false;
	slot = *slot_of(t, key_of(&o, s, bytes[o.at + 1], mode));
	if (!slot)
		return false;
	e = &t->entry[slot - 1];
	l = lay_out(bytes, &o, s->has_modrm, e->insn.imm_len);
	if (l.end > INSN_MAX)
		return false;
	insn_copy(i, &e->insn);
	if (!fill(i, e, bytes, &o, &l))
		return false;
	t->hits++;
	return true;
}

/* ---- learning -------------------------------------------------------------------------------- */

/* Is what tells I from others in its bytes only where lay_out finds it? */
static bool is_regular(const struct insn *i, const struct opcode *o, const struct layout *l)
{
	bool rm = false;

	if (i->encoding != ENC_LEGACY || i->addrsize < 4 || i->opcode_at != o->at ||
	    i->modrm_at != l->modrm_at || i->disp_at != l->disp_at || i->disp_len != l->disp_len ||
	    i->imm_at != l->imm_at || i->length != l->end || i->rex != o->rex ||
	    (!o->map && o->byte == 0x90))
		return false;
	if (i->class != INSN_PLAIN && i->class != INSN_EMULATE)
		return false;
	/* LEA has no use for the segment that it is told. */
	if (i->mem_address_only &&
	    (is_segment((u8)o->prefixes) || is_segment((u8)(o->prefixes >> 8))))
		return false;
	for (unsigned int n = 0; n < i->nr_operands; n++) {
		const struct operand *op = &i->op[n];

		if (op->type == OPERAND_SEG || op->type == OPERAND_CR || op->type == OPERAND_DR)
			return false;
		rm |= op->field == FIELD_RM;
	}
	return !i->modrm_at ? !i->has_mem : rm && i->has_mem == (l->mod != 3);
}

/* Does an operand come from ModRM.reg? */
static bool names_reg(const struct insn *i)
{
	for (unsigned int n = 0; n < i->nr_operands; n++)
		if (i->op[n].field == FIELD_REG)
			return true;
	return false;
}

/* The operand that the immediate is, and how its bytes became it. False: there is no such one, or
 * there are two, as of far pointers and EXTRQ. */
static bool learn_imm(struct template *e)
{
	const struct insn *i = &e->insn;
	unsigned int nr = 0;
	u64 sign, zero;

	if (!i->imm_len)
		return true;
	if (i->imm_len != 1 && i->imm_len != 2 && i->imm_len != 4 && i->imm_len != 8)
		return false;
	for (unsigned int n = 0; n < i->nr_operands; n++)
		if (i->op[n].type == OPERAND_IMM) {
			e->imm_op = (u8)n;
			nr++;
		}
	if (nr != 1)
		return false;
	sign = number(i->raw + i->imm_at, i->imm_len, true);
	zero = number(i->raw + i->imm_at, i->imm_len, false);
	e->extension = sign == zero		      ? EXTEND_ANY
		       : i->op[e->imm_op].imm == sign ? EXTEND_SIGN
						      : EXTEND_ZERO;
	return i->op[e->imm_op].imm == sign || i->op[e->imm_op].imm == zero;
}

/* Registers that do not come from the bytes; false if some come both ways. */
static bool learn_gprs(struct template *e)
{
	struct insn named = { .nr_operands = e->insn.nr_operands };
	const struct insn *i = &e->insn;

	for (unsigned int n = 0; n < i->nr_operands; n++)
		if (names_gpr(&i->op[n]))
			note(&named, &i->op[n]);
	if (i->has_mem && i->mem_base < NR_GPR)
		named.gpr_read |= BIT(i->mem_base);
	if (i->has_mem && i->mem_index < NR_GPR)
		named.gpr_read |= BIT(i->mem_index);
	e->read = i->gpr_read & ~named.gpr_read;
	e->written = i->gpr_written & ~named.gpr_written;
	return !((named.gpr_read | named.gpr_written) & i->gpr_implicit);
}

void template_learn(struct templates *t, const struct insn *i, const u8 *bytes, size_t n)
{
	struct template e = { .insn = *i };
	struct opcode_shape s = { .known = true, .has_modrm = i->modrm_at };
	struct opcode_shape *known;
	struct opcode o;
	struct layout l;
	u16 *slot;

	if (n < INSN_MAX || i->imm_len > 8 || !read_opcode(&o, bytes, i->mode))
		return;
	l = lay_out(bytes, &o, s.has_modrm, i->imm_len);
	if (l.end > INSN_MAX || !is_regular(i, &o, &l) || !learn_imm(&e) || !learn_gprs(&e))
		return;
	s.reg_counts = s.has_modrm && !names_reg(i);
	known = &t->shape[i->mode][o.map][o.byte];
	if (known->known && (known->has_modrm != s.has_modrm || known->reg_counts != s.reg_counts))
		return;
	*known = s;
	e.key = key_of(&o, &s, l.modrm, i->mode);
	slot = slot_of(t, e.key);
	if (!*slot && t->nr == TEMPLATES) {
		__builtin_memset(t->slot, 0, sizeof(t->slot));
		t->nr = 0;
		slot = slot_of(t, e.key);
	}
	if (!*slot)
		*slot = (u16)++t->nr;
	t->entry[*slot - 1] = e;
}
