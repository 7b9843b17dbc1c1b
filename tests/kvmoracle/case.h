/* SPDX-License-Identifier: MIT */
/* One case: what a vCPU and its memory are like before it runs, made from a seed and a number. */
#ifndef FVB_KVMORACLE_CASE_H
#define FVB_KVMORACLE_CASE_H

#include "tests/kvmoracle/world.h"
#include "tests/oracle/gen.h"

enum part { PART_SINGLE = 1, PART_SEQUENCE = 2 };

#define MAX_STEPS 32

struct ko_case {
	u64 seed, n;
	enum part part;
	const char *setup; /* the mode's name */
	struct insn insn;  /* part 1 */
	u8 bytes[INSN_MAX];
	unsigned int nr_steps, limit; /* part 2; at most LIMIT steps */
	struct {
		const char *name;
		u64 value;
	} step[MAX_STEPS];
	struct cpu_state before;
	struct world world;
};

/* Case N of SEED and PART; always the same. Of a sequence no more than the first LIMIT steps. */
void case_make(struct ko_case *c, enum part part, u64 seed, u64 n, unsigned int limit);

/* The two generators behind it. */
void single_make(struct ko_case *c, struct gen *g);
void sequence_make(struct ko_case *c, struct gen *g);

/* One line that repeats C, without the newline. */
void case_print(const struct ko_case *c);

#endif
