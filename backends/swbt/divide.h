/* SPDX-License-Identifier: MIT */
#ifndef FVB_SWBT_DIVIDE_H
#define FVB_SWBT_DIVIDE_H

#include "backends/swbt/decode.h"

/* DIV or IDIV: F6 and F7 /6 and /7. */
static inline bool is_divide(const struct insn *i)
{
	return (i->raw[i->opcode_at] & 0xfe) == 0xf6 && (i->raw[i->modrm_at] & 0x30) == 0x30 &&
	       i->encoding == ENC_LEGACY && i->gpr_implicit & BIT(RAX);
}

/* Does the DIV or IDIV I raise #DE with V's registers? MEM: its memory operand, if it has one. A
 * host's signal would tell as well, but costs ten thousand cycles. SDM vol. 2A, DIV, IDIV. */
bool divide_faults(const struct vcpu *v, const struct insn *i, const void *mem);

#endif
