/* SPDX-License-Identifier: MIT */
/* Between translate_plan.c and translate_rounds.c, and what the translator's other files need of
 * it. */
#ifndef FVB_SWBT_BT_TRANSLATE_ROUNDS_H
#define FVB_SWBT_BT_TRANSLATE_ROUNDS_H

#include "backends/swbt/bt/translate.h"

/* What a register holds, by what registers held where the rounds begin. */
enum sym_kind {
	SYM_UNKNOWN,
	SYM_ABSENT, /* not a register: nothing */
	SYM_FULL,   /* that of REG, plus OFF */
	SYM_LOW,    /* the low 32 bits of that */
};
struct sym {
	u8 kind, reg;
	s64 off;
};

/* Accesses to bytes FROM to TO (exclusive) from BASE + INDEX * SCALE on; the offsets of those two
 * do not count. */
struct stream {
	struct sym base, index;
	u8 scale;
	bool base_fixed, index_fixed; /* no instruction of the loop writes that register */
	bool write;
	s64 from, to;
};

/* A register whose low 32 bits plus FROM to TO are used. */
struct low {
	u8 reg;
	s32 from, to;
};

struct rounds {
	u8 nr, insns; /* how many, of how many instructions */
	u8 nr_streams, nr_lows;
	u16 accesses; /* in all of them */
	u32 written;  /* BIT(gpr), by any instruction */
	struct stream stream[BT_STREAMS];
	struct low low[2];
	u8 stream_of[BT_ROUNDS][BT_ROUNDS_INSNS];
};
#define ROUND_NONE 0xff /* of struct tr: the block as ever */

/* Do A and B hold the same but for their offsets? */
bool sym_same(const struct sym *a, const struct sym *b);
/* A plan for rounds of the loop that the present instruction closes. False: not such a loop. */
bool tr_plan_rounds(struct tr *t, struct rounds *p);

/* Does the present instruction jump back to the beginning of its short block? */
bool tr_loops_back(const struct tr *t);
/* Make rounds of that loop. I is where T->i is decoded to. False: as if nothing had been done. *R:
 * what tr_add_insn says of the last instruction. */
bool tr_rounds(struct tr *t, struct insn *i, enum gen *r);

#endif
