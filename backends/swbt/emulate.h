/* SPDX-License-Identifier: MIT */
/*
 * What instructions mean, in C: shared by all engines. A routine is called with v->s.rip at its
 * instruction, all guest registers in v->s, and either does the whole instruction or, on a fault,
 * nothing (string instructions: the iterations before the fault are done, as on hardware).
 */
#ifndef FVB_SWBT_EMULATE_H
#define FVB_SWBT_EMULATE_H

#include "backends/swbt/decode.h"
#include "backends/swbt/vcpu.h"

enum emulate_id {
#define EMU(name, cause) EMU_##name,
#include "backends/swbt/emulate.def"
#undef EMU
	NR_EMULATE
};

enum emulate_result {
	EMU_NEXT,   /* done; the caller moves RIP past the instruction */
	EMU_JUMPED, /* done; RIP is set, maybe mode and CPL too */
	EMU_AGAIN,  /* part is done (REP); RIP stays: look for interrupts, then come back */
	EMU_HALT,   /* HLT: RIP is to move past it, then wait */
	EMU_STOP,   /* vm_stop was called or shutdown */
	EMU_FAULT,  /* v->exc */
};

typedef enum emulate_result emulate_fn(struct vcpu *v, const struct insn *i);
#define EMU(name, cause) emulate_fn emu_##name;
#include "backends/swbt/emulate.def"
#undef EMU

struct emulate_routine {
	const char *name;
	emulate_fn *fn;
	u8 cause; /* enum trap_cause */
};
extern const struct emulate_routine emulate_routines[NR_EMULATE];

/* ---- shared between the routines ------------------------------------------------------------ */

/* The routine ends in #GP(0); in #UD. */
static inline enum emulate_result emu_gp(struct vcpu *v)
{
	raise_err(v, GP, 0);
	return EMU_FAULT;
}

static inline enum emulate_result emu_ud(struct vcpu *v)
{
	raise_exc(v, UD);
	return EMU_FAULT;
}

/* General register REG as SIZE bytes, zero-extended / set, a 4-byte write clearing the upper half
 * and smaller ones leaving the rest. HIGH: AH, CH, DH, BH. */
u64 gpr_get(const struct vcpu *v, u8 reg, u8 size, bool high);
void gpr_set(struct vcpu *v, u8 reg, u8 size, bool high, u64 value);

/* Value of operand N (GPR, MEM or IMM) zero-extended / store to it. 0 or EXC. */
int operand_get(struct vcpu *v, const struct insn *i, unsigned int n, u64 *value);
int operand_set(struct vcpu *v, const struct insn *i, unsigned int n, u64 value);

/* Stack by SS (B bit, base, limit), SIZE bytes. The _at forms work on a given RSP and move it, so
 * that an instruction with several pushes commits RSP last. 0 or EXC. */
int push_at(struct vcpu *v, u64 *rsp, u64 value, u8 size);
int pop_at(struct vcpu *v, u64 *rsp, u64 *value, u8 size);
u64 stack_mask(const struct vcpu *v);
void set_rsp(struct vcpu *v, u64 rsp); /* only as wide as the stack is */

/* CS:RIP checks of a near transfer (limit, canonical) to TARGET truncated to SIZE bytes, then RIP
 * is set. 0 or EXC (#GP(0)). */
int near_jump(struct vcpu *v, u64 target, u8 size);

/* Load segment register SEG by SELECTOR with every check of the current mode (SDM vol. 3A 5.4-5.8).
 * 0 or EXC. CS only through the far transfers. */
int load_segment(struct vcpu *v, enum seg seg, u16 selector);

/* 8-byte descriptor of SELECTOR from GDT or LDT. 0, EXC; VECTOR with selector error code if beyond
 * the limit. *ADDRESS (may be NULL) is its linear address, to set the accessed or busy bit. */
int read_descriptor(struct vcpu *v, u16 selector, enum vector vector, u64 *descriptor,
		    u64 *address);

/*
 * Deliver VECTOR through the IDT (or IVT): gates, stack switch, IST, error code, double and triple
 * fault. SOFT: INT n, INT3, INTO (gate DPL is checked, RIP pushed is NEXT_RIP). On return the vCPU
 * is at the handler. Never fails: contributory faults are folded as SDM vol. 3A table 6-5 says; a
 * triple fault calls vm_stop. EXC may be v->exc.
 */
void deliver_exception(struct vcpu *v, const struct exception *exc);
void deliver_interrupt(struct vcpu *v, u8 vector);
void deliver_nmi(struct vcpu *v);
enum emulate_result deliver_soft(struct vcpu *v, u8 vector, u64 next_rip, bool int1);

/* Hardware task switch (32-bit and 16-bit TSS) by JMP, CALL, IRET or a task gate. 0 or EXC. */
enum task_reason { TASK_JMP, TASK_CALL, TASK_IRET, TASK_GATE };
int task_switch(struct vcpu *v, u16 selector, enum task_reason reason, bool has_error, u32 error,
		u64 next_rip);

/* Write CR3 or EFER with all checks and consequences (long mode, TLB). 0 or EXC. */
int set_cr3(struct vcpu *v, u64 value);
int set_efer(struct vcpu *v, u64 value);

/* mmio.c: I, if it is a MOV or MOVZX between a register or an immediate and a device's memory, and
 * simple: no segment that counts, all in the TLB. False: nothing has been done. */
bool mmio_move(struct vcpu *v, const struct insn *i);
/* The same where the operand is known to be at LINEAR, and only if the device is quiet, takes the
 * access in one piece and nobody wants to know how long that is. */
bool mmio_quick(struct vcpu *v, const struct insn *i, u64 linear);

/* RFLAGS that POPF/IRET may change at this CPL and IOPL. */
void set_rflags(struct vcpu *v, u64 value, u64 mask);

#endif
