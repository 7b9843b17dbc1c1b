/* SPDX-License-Identifier: MIT */
/* Which breakpoints of DR0 to DR3 an instruction meets. SDM vol. 3B 17.2.4, 17.2.5. */
#ifndef FVB_SWBT_DEBUG_H
#define FVB_SWBT_DEBUG_H

#include "backends/swbt/decode.h"
#include "backends/swbt/vcpu.h"

#define DR7_ON 0xffull /* any of them is enabled */

/* Those for execution at the present instruction, as bits of DR6. */
u64 debug_at_code(const struct vcpu *v);
/* Those for an access to SIZE bytes at LINEAR. */
u64 debug_at_data(const struct vcpu *v, u64 linear, u32 size, bool write);
/* The same at AT of SS, which is in range. */
u64 debug_at_stack(const struct vcpu *v, u64 at, u32 size, bool write);
/* Those that I, at RIP and with a routine in C, is going to meet in memory and ports if it does not
 * fault: its operand, the first element of a string. What it pushes and pops is noted as it does.
 */
u64 debug_at_routine(const struct vcpu *v, const struct insn *i);

/* SIZE bytes at AT of SS have been accessed, by an instruction or an event on its way: v->hits, for
 * the #DB before the next instruction. */
static inline void debug_note_stack(struct vcpu *v, u64 at, u32 size, bool write)
{
	if (unlikely(v->s.dr7 & DR7_ON))
		v->hits |= debug_at_stack(v, at, size, write);
}

#endif
