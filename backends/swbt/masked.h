/* SPDX-License-Identifier: MIT */
/*
 * Memory operands under a mask: elements that the mask leaves out do not fault, even on a page that
 * is not there (nor does misalignment, on some CPUs). When an ordinary access to such an operand
 * would fault, the instruction runs on a copy of the one or two pages concerned, with the
 * protection that the guest's have; if the host faults there, so does the guest. SDM vol. 1 15.6.1,
 * vol. 2 VMASKMOV.
 */
#ifndef FVB_SWBT_MASKED_H
#define FVB_SWBT_MASKED_H

#include "backends/swbt/decode.h"
#include "backends/swbt/thunk.h"

/* The pages for the copies. 0 or negative errno. */
int masked_init(struct vcpu *v);
void masked_fini(struct vcpu *v);

/* Has I a memory operand under a mask? */
bool masked_may_suppress(const struct insn *i);

/* Run T, the thunk of I, with its operand at EA. 0 or EXC. */
int masked_run(struct vcpu *v, const struct insn *i, const struct thunk *t, u64 ea);

#endif
