/* SPDX-License-Identifier: MIT */
/*
 * What far transfers and event delivery have in common: entering a code segment, perhaps of an
 * inner privilege level, with values on its stack. SDM vol. 3A 5.8, 6.12, 6.14.
 */
#ifndef FVB_SWBT_TRANSFER_H
#define FVB_SWBT_TRANSFER_H

#include "backends/swbt/segment.h"

/* A code segment with CS's RPL already the CPL there, and where in it. */
struct target {
	struct seg_load cs;
	u64 rip;
	unsigned int cpl;
};

/* The stack to be used from there on. */
struct stack {
	struct seg_load ss;
	u64 rsp;
	bool switched; /* SS is loaded and privilege may have changed; else only RSP counts */
};

/* Values to be pushed, in this order. */
#define FRAME_MAX 36
struct frame {
	u64 value[FRAME_MAX];
	unsigned int nr;
	u8 size; /* of each; 2, 4, 8 */
};
static inline void frame_add(struct frame *f, u64 value)
{
	f->value[f->nr++] = value;
}

/* Is RIP inside segment CS: its limit, or canonical in 64-bit code? 0 or EXC, #GP(0). */
int target_check(struct vcpu *v, const struct segment *cs, u64 rip);

/* Long mode has no code segments that are 64-bit and have D set. */
static inline bool target_impossible(const struct vcpu *v, u64 d)
{
	return long_mode(v) && (d & (DESC_L | DESC_DB)) == (DESC_L | DESC_DB);
}

/* The code segment that a gate's SELECTOR leads to from the current CPL; RIP is the caller's. 0 or
 * EXC. */
int target_by_gate(struct vcpu *v, u16 selector, struct target *t);

/* The stack that the TSS has for CPL; IST (1-7) if not 0. 0 or EXC (#TS, #SS). */
int stack_by_tss(struct vcpu *v, unsigned int cpl, unsigned int ist, struct stack *stack);

/* Go to T on STACK and push FRAME there; RFLAGS.VM is cleared. 0, or EXC with the state as it was.
 */
int transfer(struct vcpu *v, struct target *t, struct stack *stack, const struct frame *frame);

/* emulate_return.c: the outer level, which is the CPL now, loses segments that it could not have
 * loaded; v is to be derived. */
void drop_segments(struct vcpu *v);
/* Flags that IRET of SIZE bytes may load at the present CPL. */
u64 iret_flags(const struct vcpu *v, u8 size);

#endif
