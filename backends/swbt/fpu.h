/* SPDX-License-Identifier: MIT */
/*
 * Guest x87, SSE and AVX state: in the host's registers while guest instructions run (fpu_live),
 * in vcpu->s.xsave otherwise. SDM vol. 1 ch. 13.
 *
 * The host's AC flag goes with it. Translated code has the host report unaligned accesses, and to
 * change AC costs some 70 cycles on AMD's processors, so that it stays as it is until fpu_put,
 * which clears it. C code that runs before that is aligned but for exceptions, for which
 * hostfault.c clears AC.
 */
#ifndef FVB_SWBT_FPU_H
#define FVB_SWBT_FPU_H

#include "backends/swbt/decode.h"
#include "backends/swbt/vcpu.h"

/* Choose the components to move (fpu_mask): those that this host has enabled and that guests may
 * know, x87 to AVX-512. 0 on a host without XSAVE, where FXSAVE does it. S.XSAVE is given RESET's
 * contents. */
void fpu_init(struct vcpu *v);

/* XSAVE components that this host's kernel has enabled; 3 without XSAVE. */
u64 fpu_host_components(void);

/* Make an XSAVE image that came from elsewhere (set_state) safe to load: what this host does not
 * have is in its initial state, reserved bits of MXCSR and header are clear. */
void fpu_sanitize(struct vcpu *v);

/*
 * Components that the guest has not enabled in its XCR0 keep their contents, as on hardware: XCR0
 * decides what instructions may do (fpu_check), never what is moved here.
 */

/* Load the guest's state into the host's registers / save it back and give the host's own default
 * (FNINIT, MXCSR 1f80h) so that C code may compute. Both cheap when already there. */
void fpu_get(struct vcpu *v);
void fpu_put(struct vcpu *v);

/* Save back from wherever they are: s.xsave is the guest's state. */
void fpu_image(struct vcpu *v);

/* What s.xsave says is in its initial state, x87 and SSE, is written there: FXRSTOR knows nothing of
 * initial states. */
void fpu_spell_out(struct vcpu *v);

/* Before C code that makes unaligned accesses as a rule: clear AC, as fpu_put does. */
void fpu_unalign(struct vcpu *v);

/* May this instruction use its registers now? #NM and #UD by CR0.EM/TS/MP, CR4.OSFXSR/OSXSAVE and
 * XCR0, per class. 0 or EXC. */
int fpu_check(struct vcpu *v, const struct insn *i);

/* The classes of instructions that fpu_check refuses now, VEX-encoded ones in real mode aside:
 * BIT(enum fpu_class). v->exc is as before. */
u32 fpu_refused(struct vcpu *v);

/* Does I raise the #MF that an earlier x87 instruction left behind? That comes before any exception
 * of I's own operands. */
bool fpu_pending(struct vcpu *v, const struct insn *i);

#endif
