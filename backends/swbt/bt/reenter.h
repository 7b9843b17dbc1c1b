/* SPDX-License-Identifier: MIT */
/* Out of translated code and in again, on the C side: inline for what is done a million times a
 * second. */
#ifndef FVB_SWBT_BT_REENTER_H
#define FVB_SWBT_BT_REENTER_H

#include "backends/swbt/bt/bt.h"
#include "backends/swbt/fpu.h"

/* Translated code was left by X, for C code that has AC as that does. */
static inline void bt_left(struct bt *bt, const struct exit *x)
{
	bt->v->host_ac = !(exit_block(x)->key & KEY_ALIGNMENT);
	if (unlikely(bt->settle > BT_SETTLE))
		fpu_unalign(bt->v);
}

/* RIP is that of instruction INSN of B. */
static inline void bt_go_to(struct vcpu *v, const struct block *b, u16 insn)
{
	v->s.rip = bt_rip(b->key, b->rip + b->site[insn].guest);
}

/* Is there an interrupt to take, or nothing to run at all? */
static inline bool bt_event_due(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	return (vm->pc.intr && v->s.rflags & RFLAGS_IF) || (vm->nmi && !v->s.ev.nmi_masked) ||
	       v->s.ev.halted;
}

/* C code that is not a routine of a call-out met AC. That is rare, or AC has to go. */
static inline void bt_unsettled(struct bt *bt)
{
	bt->unaligned_seen = hostfault_unaligned;
	bt->v->host_ac = false;
	bt->settle++;
}

/* Now or later, a kick sends entry to translated code elsewhere: one that came before is seen here,
 * a later one changes frame.entry. */
static inline void bt_enter_at(struct bt *bt, const u8 *host)
{
	struct vcpu *v = bt->v;

	v->frame.pending = v->vm->pc.intr | v->vm->nmi;
	bt->stats.enters++;
	v->frame.entry = (uintptr_t)host;
	atomic_signal_fence(memory_order_seq_cst);
	if (unlikely(atomic_load_explicit(&v->vm->attention, memory_order_relaxed)))
		v->frame.entry = (uintptr_t)bt->leave_kicked;
}

/* Make frame.flags what code for KEY wants, and say whether the status flags are all that has to be
 * set. frame.may_df says whether DF is among them. */
static inline bool bt_ready(struct bt *bt, u64 key)
{
	struct vcpu *v = bt->v;
	bool ac = !(key & KEY_ALIGNMENT);

	if (unlikely(!v->fpu_live))
		fpu_get(v);
	if (unlikely(bt->unaligned_seen != hostfault_unaligned))
		bt_unsettled(bt);
	if (likely(!v->frame.may_df && v->host_ac == ac))
		return true;
	v->frame.flags = (v->frame.flags & RFLAGS_ARITH) | RFLAGS_FIXED | (ac ? RFLAGS_AC : 0);
	v->host_ac = ac;
	return false;
}

/* From a light stub, to HOST, which is for KEY; what it is to return. */
static inline int bt_reenter(struct bt *bt, const u8 *host, u64 key)
{
	bool ready = bt_ready(bt, key);

	bt_enter_at(bt, host);
	return ready ? LIGHT_STATUS : LIGHT_FLAGS;
}

/* Ready to enter translated code at HOST, which is for KEY. All of the flags are in RFLAGS. */
static inline void bt_prepare(struct bt *bt, const u8 *host, u64 key)
{
	struct vcpu *v = bt->v;

	v->frame.flags = v->s.rflags & RFLAGS_ARITH;
	v->frame.may_df = v->s.rflags & RFLAGS_DF;
	/* Inside, the rest of them is here. */
	v->s.rflags &= ~(RFLAGS_RF | RFLAGS_ARITH);
	v->frame.set_flags = !bt_ready(bt, key);
	hostfault_guard(&bt->guard);
	bt_enter_at(bt, host);
}

#endif
