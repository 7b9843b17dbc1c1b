/* SPDX-License-Identifier: MIT */
/*
 * Strings of bytes and of bits: short REP STOS and REP MOVS, and BT, BTS, BTR, BTC of memory with
 * the bit's number in a register. What a kernel clears and copies is mostly a few words; a call-out
 * takes longer than that.
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"

/* ---- REP ------------------------------------------------------------------------------------- */

/*
 * The host's own REP, with pointers to guest memory, where nothing can come between: upwards,
 * elements aligned where the host reports those that are not, fewer than 256 of them (a kick steps
 * through them), their first and last page entered and neighbours in the host as in the guest.
 * Anything else is a call-out. The commit point is where the first register becomes a pointer: from
 * there on nothing faults.
 */
#define COUNT_BITS 8

static bool is_movs(const struct tr *t)
{
	return t->i->emulate == EMU_movs;
}

/* Bits of REG that are set in MASK are added to R13. RCX is used. */
static void add_bits(struct tr *t, u8 reg, u32 mask)
{
	struct emit_mem sum = { .base = R13, .index = RCX, .scale = 1 };

	emit_const(&t->e, RCX, mask);
	emit_pext(&t->e, RCX, reg, RCX);
	emit_lea(&t->e, W64, R13, sum);
}

static void check_count_and_flags(struct tr *t)
{
	struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };
	u8 size = t->i->opsize;

	/* DF is clear if nobody may have set it. */
	emit_load(&t->e, W64, R13, FRAME_AT(may_df));
	if (size > 1 && !(t->key & KEY_ALIGNMENT)) {
		add_bits(t, RDI, size - 1u);
		if (is_movs(t))
			add_bits(t, RSI, size - 1u);
	}
	emit_const(&t->e, RCX, COUNT_BITS);
	emit_shrx(&t->e, RCX, R14, RCX);
	emit_lea(&t->e, W64, RCX, sum);
	tr_unless_rcxz(t, tr_call_out(t));
}

/* R13 and SAVED = host - guest of the bytes from REG on. Only the first one's page is entered if
 * it is not: what comes before the last one may fault, and then that page is not accessed. */
static void look_up_string(struct tr *t, u8 reg, bool write, struct emit_mem saved)
{
	u8 size = t->i->opsize;
	struct emit_mem last = { .base = reg, .index = R14, .scale = size, .disp = -1 };
	struct emit_mem difference = { .base = RCX, .index = R13, .scale = 1, .disp = 1 };
	struct ea first = { .how = EA_DIRECT, .base = reg };

	tr_lookup(t, &first, size, write, false);
	emit_store(&t->e, W64, RCX, saved);
	emit_lea(&t->e, W64, R13, last);
	tr_entry(t, R13, write);
	emit_not(&t->e, RCX);
	emit_load(&t->e, W64, R13, saved);
	emit_lea(&t->e, W64, RCX, difference);
	tr_unless_rcxz(t, tr_call_out(t));
	/* An address of which the table does not see the upper bits faults here. */
	emit_load8(&t->e, RCX, (struct emit_mem){ .base = reg, .index = R13, .scale = 1 });
}

/* REG plus BY, another register. */
static void move_by(struct tr *t, u8 reg, u8 by)
{
	emit_lea(&t->e, W64, reg, (struct emit_mem){ .base = reg, .index = by, .scale = 1 });
}

/* REG minus BY, which is lost. */
static void move_back(struct tr *t, u8 reg, u8 by)
{
	emit_not(&t->e, by);
	emit_lea(&t->e, W64, reg,
		 (struct emit_mem){ .base = reg, .index = by, .scale = 1, .disp = 1 });
}

static void emit_rep(struct tr *t, u8 size, u8 opcode)
{
	emit_byte(&t->e, 0xf3);
	if (size == 2)
		emit_byte(&t->e, 0x66);
	if (size == 8)
		emit_byte(&t->e, 0x48);
	emit_byte(&t->e, opcode | (size > 1));
}

/* R13 is what RDI moves by, frame.value what RSI does. */
static void run_rep(struct tr *t)
{
	bool movs = is_movs(t);

	tr_commit(t);
	move_by(t, RDI, R13);
	if (movs) {
		emit_load(&t->e, W64, RCX, FRAME_AT(value));
		move_by(t, RSI, RCX);
	}
	emit_mov(&t->e, W64, RCX, R14);
	emit_rep(t, t->i->opsize, movs ? 0xa4 : 0xaa);
	emit_mov(&t->e, W64, R14, RCX);
	move_back(t, RDI, R13);
	if (movs) {
		emit_load(&t->e, W64, RCX, FRAME_AT(value));
		move_back(t, RSI, RCX);
	}
}

static enum gen gen_rep(struct tr *t)
{
	u8 *zero, *some, *none;

	if (!t->long64 || t->i->addrsize != 8 || !t->i->rep || t->i->mem_seg >= SEG_FS)
		return GEN_STEP;
	emit_mov(&t->e, W64, RCX, R14);
	zero = emit_jrcxz(&t->e);
	some = emit_jmp8(&t->e);
	emit_land8(&t->e, zero);
	none = emit_jmp32(&t->e);
	emit_land8(&t->e, some);
	check_count_and_flags(t);
	if (is_movs(t))
		look_up_string(t, RSI, false, FRAME_AT(value));
	look_up_string(t, RDI, true, FRAME_AT(word));
	run_rep(t);
	emit_land32(&t->e, none);
	return GEN_NEXT;
}

/* ---- bits ------------------------------------------------------------------------------------ */

/* Is the address made without RCX? */
static bool simple_address(const struct insn *i)
{
	return i->mem_seg < SEG_FS && i->mem_index == REG_NONE;
}

/* RCX = which word of the string the bit in REG is in: the number is signed. R13 is used. */
static void word_of_bit(struct tr *t, u8 reg)
{
	emit_const(&t->e, R13, t->i->opsize == 8 ? 6 : 5);
	if (t->i->opsize == 8) {
		emit_sarx(&t->e, RCX, reg, R13);
		return;
	}
	emit_movsxd(&t->e, RCX, reg);
	emit_sarx(&t->e, RCX, RCX, R13);
}

/* R13 = EA plus as many words as RCX says. */
static void add_words(struct tr *t, const struct ea *ea)
{
	struct emit_mem m = { .base = R13, .index = RCX, .scale = t->i->opsize };

	if (ea->how == EA_DIRECT) {
		m.base = ea->base;
		m.disp = ea->disp;
	} else if (ea->how == EA_CONST) {
		emit_const(&t->e, R13, ea->value);
	}
	emit_lea(&t->e, t->long64 ? W64 : W32, R13, m);
}

static void emit_bit(struct tr *t, u8 opcode, u8 word, u8 bit)
{
	bool wide = t->i->opsize == 8;
	u8 rex = (u8)(0x40 | wide << 3 | (bit >> 3) << 2 | word >> 3);

	if (rex != 0x40)
		emit_byte(&t->e, rex);
	emit_byte(&t->e, 0x0f);
	emit_byte(&t->e, opcode);
	emit_byte(&t->e, (u8)(0xc0 | (bit & 7) << 3 | (word & 7)));
}

/* With the word in a register the host's instruction takes the bit's number modulo its size. LOCK
 * goes, as in translate_plain.c. */
static enum gen gen_bit(struct tr *t)
{
	const struct insn *i = t->i;
	u8 opcode = i->raw[i->opcode_at], bit = i->op[1].reg;
	bool write = opcode != 0xa3;
	enum emit_width w = i->opsize == 8 ? W64 : W32;
	struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };
	struct ea ea, word = { .how = EA_R13 };

	if (i->opsize < 4 || i->addrsize != (t->long64 ? 8 : 4) || displaced(bit) ||
	    !simple_address(i) || t->segmented)
		return GEN_STEP;
	bit = host_of(bit);
	word_of_bit(t, bit);
	if (!tr_ea(t, &ea))
		return GEN_STEP;
	add_words(t, &ea);
	if (!tr_lookup(t, &word, i->opsize, write, tr_needs_check(t, i->opsize)))
		return GEN_STEP;
	if (!write) {
		emit_load(&t->e, w, RCX, sum);
		tr_commit(t);
		emit_bit(t, opcode, RCX, bit);
		return GEN_NEXT;
	}
	emit_lea(&t->e, W64, R13, sum);
	emit_load(&t->e, w, RCX, at(R13, 0));
	tr_commit(t);
	emit_bit(t, opcode, RCX, bit);
	emit_store(&t->e, w, RCX, at(R13, 0));
	return GEN_NEXT;
}

enum gen gen_string(struct tr *t)
{
	if (!t->v->bt_config.inlined)
		return GEN_STEP;
	return t->i->emulate == EMU_bit_string ? gen_bit(t) : gen_rep(t);
}
