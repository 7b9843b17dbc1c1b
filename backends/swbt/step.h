/* SPDX-License-Identifier: MIT */
/*
 * One guest instruction at a time: the engine that block length 1 stands for, the slow path of the
 * translator, and the oracle to bisect against. Fetch, decode (cached by the bytes themselves, so
 * self-modifying code needs no care), then emulate.def's routine or a thunk.
 */
#ifndef FVB_SWBT_STEP_H
#define FVB_SWBT_STEP_H

#include "backends/swbt/emulate.h"
#include "backends/swbt/mem.h"
#include "backends/swbt/vcpu.h"

/* The cache of decoded instructions. 0 or negative errno. thunks_init comes first. */
int step_init(struct vcpu *v);
void step_fini(struct vcpu *v);

/* The one memory operand that an instruction needs at a time; its buffer is too big for stacks. */
struct mem_op *step_operand(struct vcpu *v);

/* Execute the instruction at RIP and move past it; no event is delivered. Any result but EMU_NEXT;
 * after EMU_FAULT v->exc says what to deliver (a trap if exc.trap, else nothing was done). */
enum emulate_result step_execute(struct vcpu *v);

/* Execute the instruction at RIP or deliver what it raises. The result never is EMU_FAULT or
 * EMU_NEXT: EMU_JUMPED when the vCPU is at another instruction boundary, or AGAIN, HALT, STOP. */
enum emulate_result step(struct vcpu *v);

/* The parts of step_run, for the translator. Once, first: deliver what set_state left. */
void step_begin(struct vcpu *v);
/* Negative, as errors are, but none: errno ends at 4095. */
#define STEP_GO_ON (-4096)

/* What waits outside: take an interrupt if the guest lets us. RUN_KICKED, RUN_HALTED, or
 * STEP_GO_ON.
 */
int step_events(struct vcpu *v);
/* step(), as STEP_GO_ON or RUN_STOPPED. */
int step_once(struct vcpu *v);
/* Its second half: deliver, halt or stop as R, a result of step_execute, says. */
int step_finish(struct vcpu *v, enum emulate_result r);
/* I of INSN_PLAIN, which is at RIP and stays there; no debug registers are looked at. */
enum emulate_result step_plain(struct vcpu *v, const struct insn *i);
/* The routine of I, which is at RIP, with the accounting of its trap. RIP stays at EMU_NEXT. */
enum emulate_result step_routine(struct vcpu *v, const struct insn *i);

/* Run until something of enum run_result (common/backend.h). */
int step_run(struct vcpu *v);

#endif
