/* SPDX-License-Identifier: MIT */
/*
 * Native execution of one unprivileged guest instruction of any mode: its bytes are rewritten (same
 * opcode, new ModRM/SIB/displacement and REX/VEX/EVEX bits) into 64-bit code that works on the
 * guest's registers and flags and on a memory operand whose host address the caller gives. This is
 * how everything that is not sensitive is executed outside of translated blocks, page crossings
 * and device accesses included, and what the translator's rewriting is tested by.
 */
#ifndef FVB_SWBT_THUNK_H
#define FVB_SWBT_THUNK_H

#include "backends/swbt/decode.h"
#include "backends/swbt/vcpu.h"

struct thunk; /* host code of one instruction */

/* The cache of thunks (mapped twice: written here, executed there), and the calling thread's
 * readiness for the faults of guest instructions (hostfault.h). On that thread only: V runs there.
 * 0 or negative errno. */
int thunks_init(struct vcpu *v);
void thunks_fini(struct vcpu *v);

/* The thunk for I, made if there is none; NULL if I cannot run natively (never for INSN_PLAIN: a
 * test walks the opcode map). Owned by the cache, valid until the next call. */
const struct thunk *thunk_get(struct vcpu *v, const struct insn *i);

/*
 * Run T: guest GPRs, arithmetic flags and FPU as in V, the memory operand (if any) at MEM. 0, or
 * EXC if the host CPU raised an exception (#DE, #MF, #XM, #UD, #GP of a misaligned MOVAPS), with
 * registers as before. MEM of LEA is the effective address itself. A page fault of the host is a
 * bug and kills the process, as it would anywhere else.
 *
 * FIP, FDP and FOP that x87 instructions leave behind are those of the thunk, which the guest must
 * not see: whoever runs FNSTENV or FNSAVE clears them (insn_stores_x87_pointers). Their layout is
 * that of protected mode for their operand size, whatever the mode.
 */
int thunk_run(struct vcpu *v, const struct thunk *t, void *mem);

/* The same where MEM may have pages without access: -EFAULT with the host address in *FAULT. */
int thunk_try(struct vcpu *v, const struct thunk *t, void *mem, u64 *fault);

#endif
