/* SPDX-License-Identifier: MIT */
/*
 * Sequences are made of steps: each a few instructions that begin in the case's own mode at CPL 0
 * and may end anywhere. Whatever faults, traps or calls arrives in a handler that writes down what
 * it finds on its stack and begins the next step (sequence.c).
 */
#ifndef FVB_KVMORACLE_STEPS_H
#define FVB_KVMORACLE_STEPS_H

#include "tests/kvmoracle/asm.h"
#include "tests/kvmoracle/setup.h"

/* In the page of the log. */
enum log_address {
	LOG_RESUME = W_LOG, /* far pointer: the next step */
	LOG_BUDGET = W_LOG + 0x10,
	LOG_NEXT = W_LOG + 0x18,
	LOG_CELL = W_LOG + 0x20, /* operands of the steps */
	LOG_ENTRIES = W_LOG + 0x40,
	LOG_RESULTS = W_LOG + 0xc00,
};

/* Selectors in the GDT beyond those of world.h; SEL_FREE and on are random descriptors. */
enum { SEL_TSS2 = 0x100, SEL_TSS16 = 0x110, SEL_TASK_GATE = 0x120, SEL_GATES = 0x130 };

#define PADS	  (W_CODE + 0x1000u)
#define PADS_END  (W_CODE + 0x1c00u)
#define PAD_SIZE  32u
#define CODE_STOP (W_CODE + 0xe80u) /* no step begins behind it */

struct sequence {
	struct as a;
	struct gen *g;
	const struct setup *s;
	u32 pads, results;
	bool real, lng;
};

typedef void step_fn(struct sequence *q);

/* Bits of struct step.modes. */
#define IN_REAL BIT(0)
#define IN_PROT BIT(1)
#define IN_LONG BIT(2)

struct step {
	const char *name;
	step_fn *make;
	u8 modes, weight;
};
extern const struct step steps[];
extern const unsigned int nr_steps;

/* steps.c: what steps share. */

/* Address of a new pad: instructions that any mode takes, and an INT at the end. */
u32 step_pad(struct sequence *q);
/* One such instruction. */
void step_fragment(struct sequence *q, struct as *a);
/* A selector: of code, data, gates, system segments, null or beyond the table. */
u16 step_selector(struct sequence *q);
u16 step_code_selector(struct sequence *q);
u64 step_descriptor(struct sequence *q);
u64 step_gate(struct sequence *q, u8 type, u16 selector, u32 offset);
/* Keep RAX's lower half. */
void step_result(struct sequence *q);
/* RFLAGS that may be loaded. */
u32 step_flags(struct sequence *q);
u32 step_address(struct sequence *q);

#define STEP(name, modes, weight) step_fn step_##name;
#include "tests/kvmoracle/steps.def"
#undef STEP

#endif
