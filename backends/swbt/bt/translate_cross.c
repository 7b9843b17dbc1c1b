/* SPDX-License-Identifier: MIT */
/*
 * Operands of 2, 4 or 8 bytes that lie on two pages, off the straight way of an instruction that
 * has had several of them (adapt.h). The last eight bytes of the first page and the first eight of
 * the second, both aligned, are what the operand is taken from, and put back into; the instruction
 * itself works on a copy in the vCPU. No flag changes but by it. It is the commit point: what
 * follows cannot fault, and a kick lets it finish.
 *
 * Where a page is not in the tables it stays a call-out, which enters them (callout.c).
 */
#include "backends/swbt/bt/translate.h"

#include <stddef.h>

static struct emit_mem aligned_word(void)
{
	/* The low three bits went to the top, whence they fall off. */
	return (struct emit_mem){ .base = REG_NONE, .index = RCX, .scale = 8 };
}

static struct emit_mem in_window(u32 byte)
{
	struct emit_mem m = FRAME_AT(window);

	m.index = R13;
	m.disp += (s32)byte;
	return m;
}

static struct emit_mem in_value(u32 byte)
{
	struct emit_mem m = FRAME_AT(value);

	m.disp += (s32)byte;
	return m;
}

/* RCX = host address / 8 of the aligned word with guest address R13, or to OUT. */
static void find_word(struct tr *t, bool write, const u8 *out)
{
	struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };
	u8 *fix;

	tr_entry(t, R13, write);
	fix = emit_jrcxz(&t->e);
	*fix = (u8)(out - (fix + 1));
	emit_lea(&t->e, W64, RCX, sum);
	emit_rorx(&t->e, W64, RCX, RCX, 3);
}

/* R13 = address of the last byte. */
static void to_last(struct tr *t, u32 size)
{
	emit_load(&t->e, W64, R13, FRAME_AT(linear));
	emit_lea(&t->e, t->long64 ? W64 : W32, R13, at(R13, (s32)size - 1));
}

static void times8(struct tr *t, u8 reg)
{
	emit_lea(&t->e, W64, reg, (struct emit_mem){ .base = REG_NONE, .index = reg, .scale = 8 });
}

/* frame.value = the operand: the first word shifted down, the second one up. */
static void load(struct tr *t, u32 size, const u8 *out)
{
	struct emit_mem sum = { .base = RCX, .index = R13, .scale = 1 };

	find_word(t, false, out);
	emit_load(&t->e, W64, RCX, aligned_word());
	times8(t, R13);
	emit_shrx(&t->e, RCX, RCX, R13);
	emit_store(&t->e, W64, RCX, FRAME_AT(value));
	to_last(t, size);
	find_word(t, false, out);
	emit_load(&t->e, W64, RCX, aligned_word());
	/* By 64 minus the bits of the address: one, and their complement. */
	emit_lea(&t->e, W64, RCX, (struct emit_mem){ .base = RCX, .index = RCX, .scale = 1 });
	emit_load(&t->e, W64, R13, FRAME_AT(linear));
	times8(t, R13);
	emit_not(&t->e, R13);
	emit_shlx(&t->e, RCX, RCX, R13);
	emit_load(&t->e, W64, R13, FRAME_AT(value));
	emit_lea(&t->e, W64, R13, sum);
	emit_store(&t->e, W64, R13, FRAME_AT(value));
}

static void open_window(struct tr *t, u32 size, const u8 *out)
{
	struct emit_mem first = FRAME_AT(window), second = first;
	struct emit_mem first_at = FRAME_AT(word), second_at = first_at;

	second.disp += 8;
	second_at.disp += 8;
	find_word(t, true, out);
	emit_store(&t->e, W64, RCX, first_at);
	emit_load(&t->e, W64, RCX, aligned_word());
	emit_store(&t->e, W64, RCX, first);
	to_last(t, size);
	find_word(t, true, out);
	emit_store(&t->e, W64, RCX, second_at);
	emit_load(&t->e, W64, RCX, aligned_word());
	emit_store(&t->e, W64, RCX, second);
}

/* R13 = where the operand begins in the window. */
static void to_window(struct tr *t)
{
	emit_load(&t->e, W64, R13, FRAME_AT(linear));
	emit_rorx(&t->e, W64, R13, R13, 3);
	emit_const(&t->e, RCX, 61);
	emit_shrx(&t->e, R13, R13, RCX);
}

static void from_window(struct tr *t, u32 size)
{
	to_window(t);
	for (u32 n = 0; n < size; n++) {
		emit_load8(&t->e, RCX, in_window(n));
		emit_store8(&t->e, RCX, in_value(n));
	}
}

static void write_back(struct tr *t, u32 size)
{
	to_window(t);
	for (u32 n = 0; n < size; n++) {
		emit_load8(&t->e, RCX, in_value(n));
		emit_store8(&t->e, RCX, in_window(n));
	}
	for (s32 n = 0; n < 16; n += 8) {
		struct emit_mem bytes = FRAME_AT(window), place = FRAME_AT(word);

		bytes.disp += n;
		place.disp += n;
		emit_load(&t->e, W64, RCX, place);
		emit_load(&t->e, W64, R13, bytes);
		emit_store(&t->e, W64, R13, aligned_word());
	}
}

bool tr_may_cross(const struct tr *t)
{
	u32 size = t->i->mem_size;

	return t->i->class == INSN_PLAIN && (size == 2 || size == 4 || size == 8);
}

bool tr_cross(struct tr *t, const u8 *out, const u8 *behind)
{
	const struct insn *i = t->i;

	emit_store(&t->e, W64, R13, FRAME_AT(linear));
	if (i->mem_write) {
		open_window(t, i->mem_size, out);
		/* A masked one may leave it alone. */
		if (i->mem_read || i->fpu != FPU_NONE)
			from_window(t, i->mem_size);
	} else {
		load(t, i->mem_size, out);
	}
	if (tr_plain_at(t, FRAME_AT(value)) != GEN_NEXT)
		return false;
	if (i->mem_write)
		write_back(t, i->mem_size);
	emit_jmp_to(&t->e, behind);
	return true;
}
