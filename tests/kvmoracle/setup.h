/* SPDX-License-Identifier: MIT */
/* The modes that cases start in. */
#ifndef FVB_KVMORACLE_SETUP_H
#define FVB_KVMORACLE_SETUP_H

#include "tests/kvmoracle/case.h"

struct setup {
	const char *name;
	enum cpu_mode mode;
	u8 cpl;
	u8 paging; /* 0, 32, 36, 64 */
	bool flat; /* all segments; otherwise bases, limits and kinds are random */
};

extern const struct setup setups[];
extern const unsigned int nr_setups;

/* World and state of S in C: control registers, tables, segments; the rest is as at reset. */
void setup_make(const struct setup *s, struct ko_case *c, struct gen *g);

/* XCR0, where the host has AVX, and CR4.OSXSAVE. */
void state_avx(struct cpu_state *st, struct gen *g);
/* Random vector and x87 state, of what XCR0 names. */
void state_fpu(struct cpu_state *st, struct gen *g);
/* Fast system calls lead to handlers. */
void state_msrs(struct cpu_state *st, struct gen *g);

static inline bool setup_long(const struct setup *s)
{
	return s->paging == 64;
}

#endif
