/* SPDX-License-Identifier: MIT */
/*
 * String instructions, many elements at once: where they lie in plain RAM, in one piece in the
 * host, whose own instruction does them. Pages are touched as the elements themselves would.
 */
#ifndef FVB_SWBT_BURST_H
#define FVB_SWBT_BURST_H

#include "backends/swbt/emulate.h"

/* The offset in register REG, and BY added to it, as wide as I's addresses are. */
static inline u64 string_index(const struct vcpu *v, const struct insn *i, u8 reg)
{
	return gpr_get(v, reg, i->addrsize, false);
}

static inline void string_advance(struct vcpu *v, const struct insn *i, u8 reg, s64 by)
{
	gpr_set(v, reg, i->addrsize, false, string_index(v, i, reg) + (u64)by);
}

/*
 * Do as many of the next N elements of I as can be done at once, and move RSI and RDI, but not RCX.
 * Returns how many: 0 where the first has to be done by itself, as it faults, say, or lies in a
 * device. For EFLAGS.DF of 0, burst_movs_down for 1. SCAS and CMPS end behind an element that ends
 * the instruction; flags are those of the last.
 */
u64 burst_movs(struct vcpu *v, const struct insn *i, u64 n);
u64 burst_movs_down(struct vcpu *v, const struct insn *i, u64 n);
u64 burst_stos(struct vcpu *v, const struct insn *i, u64 n);
u64 burst_scas(struct vcpu *v, const struct insn *i, u64 n);
u64 burst_cmps(struct vcpu *v, const struct insn *i, u64 n);

#endif
