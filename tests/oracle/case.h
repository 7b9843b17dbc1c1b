/* SPDX-License-Identifier: MIT */
/*
 * One case of the oracle: an instruction, the machine before it, and what became of it. The same
 * addresses mean the same on both sides: natively they are mapped in the process, for the guest
 * by its page tables.
 */
#ifndef FVB_ORACLE_CASE_H
#define FVB_ORACLE_CASE_H

#include "backends/swbt/decode.h"
#include "tests/oracle/gen.h"

/*
 * The pages that both sides have. Operands lie on these, across two, or on none.
 *
 *	CODE       the instruction, HLT around it
 *	+1         nothing
 *	+2 .. +5   writable, writable, read-only, writable
 *	+6         nothing
 */
#define CODE	      0x20000000ull
#define INSN_AT	      0x800
#define DATA	      (CODE + 0x2000)
#define DATA_PAGES    4
#define DATA_SIZE     (DATA_PAGES * 4096u)
#define READ_ONLY     2 /* of the data pages */
#define NO_EXCEPTION  0xff
#define GS_BASE	      0x1230ull
#define COMPARE_FLAGS (RFLAGS_ARITH | RFLAGS_NT | RFLAGS_AC | RFLAGS_ID)

struct registers {
	u64 gpr[NR_GPR], rip, rflags;
	u8 xsave[XSAVE_AREA] __attribute__((aligned(64)));
};

struct outcome {
	struct registers r;
	u8 vector; /* or NO_EXCEPTION */
	u32 error;
	u64 cr2;
	u8 data[DATA_SIZE];
};

#define MAX_INSNS 12
#define CODE_MAX  (MAX_INSNS * INSN_MAX)

struct test_case {
	u64 seed, n;
	u8 bytes[CODE_MAX + INSN_MAX]; /* HLT behind it */
	u32 length;		       /* of the code */
	struct insn insn;	       /* the first */
	unsigned int nr;	       /* of a sequence: insns[]; 0: one instruction */
	struct insn insns[MAX_INSNS];
	struct registers before;
	u64 data_seed;
};

/* What both sides have in common with the host process. */
struct world {
	u64 xcr0;    /* components that cases have */
	u64 fs_base; /* the process's own */
	struct {
		u32 offset, size;
	} component[8]; /* in an XSAVE image */
	u32 mxcsr_mask;
};
void world_init(struct world *w);

/* Case N of SEED; always the same. */
void case_make(struct test_case *c, const struct world *w, u64 seed, u64 n);
/* The generator of sequences behind it. */
void sequence_make(struct test_case *c, const struct world *w, struct gen *g);
/* Random registers; an address for an operand of SIZE bytes, with GOOD one that can be accessed. */
void case_registers(struct gen *g, const struct world *w, struct registers *r);
u64 case_address(struct gen *g, u32 size, bool aligned, bool good);
/* The data pages' contents before the instruction. */
void case_data(const struct test_case *c, u8 data[DATA_SIZE]);

#endif
