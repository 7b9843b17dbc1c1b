/* SPDX-License-Identifier: MIT */
/*
 * Several accesses off one register share a look-up:
 *
 *	lea	rcx, [base + last byte]
 *	pext	rcx, rcx, [mask]		; do all of them lie on one page?
 *	jrcxz	perhaps not
 *	lea, rorx, mov, mov, jrcxz		; as ever
 *	op	[base + rcx + first displacement]
 *	...
 *	op	[base + rcx + next displacement]
 *
 * RCX keeps the page's distance as long as what comes between needs neither it nor the base, which
 * may move by constants. The first store behind loads is looked up for itself, for the right to
 * write; whoever may write may read. All is decided when the first of them is translated, by
 * looking ahead.
 *
 * Each is an instruction of its own to whoever stops in between: nothing has to be put back. Nobody
 * comes into the middle: a miss comes back to the beginning of its instruction, which looks up
 * itself, and call-outs, which come back behind theirs, are not among these. If the bytes lie on
 *two pages, the first instruction leaves; where that is often so it is translated without
 *(adapt.h).
 */
#include "backends/swbt/bt/translate.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/rewrite.h"

#define MOVED (BIT(R13) | BIT(R14) | BIT(R15))

/* What is known so far. */
struct ahead {
	u8 base;
	s64 moved;     /* of the base since the first */
	s64 low, high; /* bytes, from where the base is at the first */
	u8 saved;      /* look-ups */
	u8 last;       /* how far ahead the last of them is */
	bool write;
};

static bool high_byte(const struct insn *i)
{
	for (unsigned int n = 0; n < i->nr_operands && n < ARRAY_SIZE(i->op); n++)
		if (i->op[n].type == OPERAND_GPR && i->op[n].high)
			return true;
	return false;
}

bool tr_spares_rcx(const struct tr *t, const struct insn *i)
{
	return !(insn_explicit_gprs(i) & MOVED) && !(insn_implicit_gprs(i) & BIT(RCX)) &&
	       !high_byte(i) && (i->fpu == FPU_NONE || t->key >> KEY_FPU_SHIFT & BIT(i->fpu));
}

bool tr_exchanges(const struct insn *i)
{
	u8 opcode = i->raw[i->opcode_at];

	return opcode == 0x86 || opcode == 0x87 || opcode == 0xc0 || opcode == 0xc1;
}

static bool shares(const struct tr *t, const struct insn *i)
{
	return i->class == INSN_PLAIN && i->has_mem && !i->mem_address_only && !i->mem_vsib &&
	       i->addrsize == 8 && i->mem_seg < SEG_FS && i->mem_index == REG_NONE &&
	       i->mem_base < NR_GPR && !displaced(i->mem_base) && i->mem_size && i->mem_size <= 8 &&
	       !tr_needs_check_of(t, i, i->mem_size) && tr_spares_rcx(t, i) && !tr_exchanges(i);
}

static bool passes_by(const struct tr *t, const struct insn *i)
{
	if (i->class == INSN_EMULATE)
		return i->emulate == EMU_jcc;
	return i->class == INSN_PLAIN && (!i->has_mem || i->mem_address_only) &&
	       tr_spares_rcx(t, i);
}

/* I adds a constant to REG. */
static bool adds_constant(const struct insn *i, u8 reg, s64 *by)
{
	u8 opcode = i->raw[i->opcode_at], group = i->raw[i->modrm_at] >> 3 & 7;

	if (i->encoding != ENC_LEGACY || i->op[0].type != OPERAND_GPR || i->op[0].reg != reg ||
	    i->op[0].size != 8 || (i->opcode_at && i->raw[i->opcode_at - 1] == 0x0f))
		return false;
	if (opcode == 0x8d) {
		*by = i->mem_disp;
		return i->mem_base == reg && i->mem_index == REG_NONE && i->addrsize == 8;
	}
	*by = group ? -(s64)i->op[1].imm : (s64)i->op[1].imm;
	return (opcode == 0x81 || opcode == 0x83) && (group == 0 || group == 5);
}

/* I, N instructions ahead, which is an access. False: it is too far away. */
static bool take(struct ahead *a, const struct insn *i, u8 n)
{
	s64 low = a->moved + i->mem_disp, high = low + i->mem_size;

	if (low > a->low)
		low = a->low;
	if (high < a->high)
		high = a->high;
	if (high - low > BT_SHARE_BYTES || low < INT32_MIN / 2 || high > INT32_MAX / 2)
		return false;
	a->low = low;
	a->high = high;
	if (n) {
		a->last = n;
		a->saved += a->write || !i->mem_write;
	}
	a->write |= i->mem_write;
	return true;
}

/* I comes next, N instructions ahead. Do those go on? */
static bool look_at(const struct tr *t, struct ahead *a, const struct insn *i, u8 n)
{
	s64 by;

	if (shares(t, i) && i->mem_base == a->base) {
		if (!take(a, i, n))
			return false;
	} else if (!passes_by(t, i)) {
		return false;
	}
	if (!(i->gpr_written & BIT(a->base)))
		return true;
	if (!adds_constant(i, a->base, &by))
		return false;
	a->moved += by;
	return true;
}

static void look_ahead(struct tr *t, struct ahead *a)
{
	u64 at = t->next;
	struct insn i;

	for (u8 n = 1; t->n + n < t->v->bt_config.block_insns; n++, at += i.length) {
		if (n > a->last + BT_SHARE_APART || (at ^ t->b->rip) >> 12 ||
		    adapt_how(t->bt, at, t->b->gpa + (at - t->b->rip)) ||
		    tr_decode(t, &i, t->page + (at & PAGE_MASK), PAGE_SIZE - (at & PAGE_MASK)) ||
		    !look_at(t, a, &i, n))
			return;
	}
}

/* The present instruction is the first of several. */
static bool starts(struct tr *t)
{
	const struct insn *i = t->i;
	struct ahead a = { .base = i->mem_base };
	struct ea range = { .how = EA_DIRECT };

	a.low = i->mem_disp;
	a.high = a.low + i->mem_size;
	if (!t->v->bt_config.elide || !t->bt->fast_pext || !t->long64 || t->adapt || t->b->gpa2 ||
	    !shares(t, i) || !look_at(t, &a, i, 0))
		return false;
	look_ahead(t, &a);
	if (a.saved < BT_SHARE_SAVED)
		return false;
	range.base = host_of(a.base);
	range.disp = (s32)a.low;
	tr_check_page(t, &range, (u32)(a.high - a.low));
	t->share = (struct share){ .base = a.base, .left = a.last };
	return true;
}

bool tr_share(struct tr *t, const struct ea *ea)
{
	if (ea->how != EA_DIRECT)
		return false;
	if (t->inside && t->share.base == t->i->mem_base) {
		if (!t->i->mem_write || t->share.write)
			return true;
	} else if (t->inside || !starts(t)) {
		return false;
	}
	t->share.write = t->i->mem_write;
	return tr_lookup(t, ea, t->i->mem_size, t->i->mem_write, false);
}
