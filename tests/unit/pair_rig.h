/* SPDX-License-Identifier: MIT */
/*
 * Two machines that run the same code from the same state: one by the step engine, the other by the
 * translator. Registers, flags, vector state, exceptions and all of RAM must come out the same.
 */
#ifndef FVB_TESTS_PAIR_RIG_H
#define FVB_TESTS_PAIR_RIG_H

#include "backends/swbt/bt/bt.h"
#include "backends/swbt/emulate.h"

/* Linear. All but PAIR_RO may be written at CPL 0, pages of data are not neighbours in RAM, and all
 * else is not mapped. */
#define PAIR_CODE   0x400000u /* PAIR_CODE_PAGES */
#define PAIR_DATA   0x20000000u
#define PAIR_PAGES  16u
#define PAIR_RO	    (PAIR_DATA + 0x100000u) /* one page */
#define PAIR_DEVICE (PAIR_DATA + 0x120000u) /* the I/O APIC's registers */
#define PAIR_STACK  (PAIR_DATA + 8 * PAGE_SIZE)
/* In 64-bit code guest-physical memory from 0 on by pages of 2 MiB: 4 MiB of RAM and 2 MiB of
 * nothing. */
#define PAIR_LARGE 0x30000000u
/* In 64-bit code all of that is seen again so far above. */
#define PAIR_MIDDLE 0x20000000000u
#define PAIR_HIGH   0xffffffff80000000u
/* Guest-physical. */
#define PAIR_CODE_AT	0x100000u
#define PAIR_CODE_PAGES 4u

struct pair {
	bool wide; /* 64-bit code, else 32-bit */
	struct vm *step, *bt;
	struct cpu_state s; /* what both begin with; then how the step engine ended */
	enum emulate_result end;
	struct exception exc; /* when END is EMU_FAULT */
};

void pair_up(struct pair *p, bool wide);
void pair_down(struct pair *p);

/* Every general register points into data, RSP at PAIR_STACK, RIP at PAIR_CODE; in pair->s. */
void pair_state(struct pair *p);

/* Run CODE up to its HLT or an exception, both ways, and compare. What was translated before
 * stays, if it is the same code. */
void pair_run(struct pair *p, const u8 *code, size_t len);

/* For code that is a string of assembly; NAME and NAME_end. BITS: 32 or 64. */
#define PAIR_ASM(name, bits, text)                                                          \
	extern const u8 name[], name##_end[];                                               \
	__asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n\thlt\n" #name \
		"_end:\n.code64\n.popsection")
#define PAIR_RUN(p, name) pair_run(p, name, (size_t)(name##_end - name))

#endif
