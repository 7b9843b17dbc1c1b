/* SPDX-License-Identifier: MIT */
/*
 * Guest x87, SSE and AVX state: in the host's registers while guest instructions run (fpu_live),
 * in vcpu->s.xsave otherwise. SDM vol. 1 ch. 13.
 */
#ifndef FVB_SWBT_FPU_H
#define FVB_SWBT_FPU_H

#include "backends/swbt/decode.h"
#include "backends/swbt/vcpu.h"

/* Load the guest's state into the host's registers / save it back and give the host's own default
 * (FNINIT, MXCSR 1f80h) so that C code may compute. Both cheap when already there. */
void fpu_get(struct vcpu *v);
void fpu_put(struct vcpu *v);

/* May this instruction use its registers now? #NM and #UD by CR0.EM/TS/MP, CR4.OSFXSR/OSXSAVE and
 * XCR0, per class. 0 or EXC. */
int fpu_check(struct vcpu *v, const struct insn *i);

#endif
