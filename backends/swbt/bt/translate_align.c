/* SPDX-License-Identifier: MIT */
/*
 * Unaligned operands, foreseen. Code is translated when it is about to run, so an address is known
 * if nothing in the block changes its registers before. Where the operand is not aligned then, the
 * host would report it: a signal, 15 us, for each block that makes such accesses at all. This is a
 * guess like any other: a jump may come first, or another thread of the guest's.
 */
#include "backends/swbt/bt/translate.h"

/* Is the host the one to say whether the present instruction's operand is aligned? */
static bool left_to_host(const struct tr *t)
{
	const struct insn *i = t->i;

	return i->class == INSN_PLAIN && i->has_mem && !i->mem_address_only && !i->mem_vsib &&
	       !i->mem_aligned && i->mem_size > 1 && !tr_needs_check(t, i->mem_size) &&
	       !(t->adapt & ADAPT_SPLIT);
}

static bool known(const struct tr *t, u8 reg)
{
	return reg >= NR_GPR || !(t->changed & BIT(reg));
}

bool tr_foresees_unaligned(struct tr *t)
{
	const struct insn *i = t->i;
	u64 address;

	if (!left_to_host(t) || !known(t, i->mem_base) || !known(t, i->mem_index))
		return false;
	address = insn_ea(i, t->v, bt_rip(t->key, t->rip));
	if (!t->long64 || i->mem_seg >= SEG_FS)
		address += t->v->s.seg[i->mem_seg].base;
	if (likely(!(address & (i->mem_size - 1u))))
		return false;
	/* One at a fixed place has a way of its own. */
	if (adapt_foreseen(t->bt, t->rip, t->b->gpa + (t->rip - t->b->rip), i)) {
		t->adapt |= ADAPT_SPLIT;
		return false;
	}
	return true;
}
