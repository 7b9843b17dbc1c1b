/* SPDX-License-Identifier: MIT */
/*
 * What is known of single guest instructions: those that again and again do what their translation
 * is slow at (a fault of the host, an access to a device, one across two pages) are translated
 * otherwise, for a while. What is forgotten is found out again.
 */
#ifndef FVB_SWBT_BT_ADAPT_H
#define FVB_SWBT_BT_ADAPT_H

#include "common/types.h"

struct bt;
struct block;
struct insn;

/* How to translate an instruction. */
#define ADAPT_CALL  BIT(0) /* call out for it */
#define ADAPT_CROSS BIT(1) /* its operand often lies on two pages */
#define ADAPT_MISS  BIT(2) /* it often accesses what the tables cannot have: a device, or code */
#define ADAPT_GUESS BIT(3) /* no guess where its operand is */

#define ADAPT_SPLIT BIT(4) /* its operand, at a fixed place, is never aligned */

#define ADAPT_PLACES BIT(5) /* several guesses where its operand is */

struct adapt_site {
	u64 rip, gpa;
	u8 how, count;
	u8 times;  /* that it was translated as a call-out, as far as that matters */
	u32 calls; /* until that is undone */
};

/* How the instruction at RIP and GPA is to be translated: BIT() of ADAPT_*. */
u32 adapt_how(const struct bt *bt, u64 rip, u64 gpa);

/* Instruction INSN of B faulted on the host; or missed for good; or had its operand on two pages.
 * If that is often so, B is dropped. */
void adapt_faulted(struct bt *bt, struct block *b, unsigned int insn);
void adapt_missed(struct bt *bt, struct block *b, unsigned int insn);
void adapt_guesses(struct bt *bt, struct block *b, unsigned int insn);
/* Too many of its several guesses, too. */
void adapt_places(struct bt *bt, struct block *b, unsigned int insn);
void adapt_crossing(struct bt *bt, struct block *b, unsigned int insn);

/* The host reported INSN of B, at which RIP is, for not being aligned. True: it is going to be
 * translated otherwise, since its operand always lies where it does. */
bool adapt_unaligned(struct bt *bt, struct block *b, unsigned int insn);

/* The same before I, which has not been translated: at RIP and GPA. */
bool adapt_foreseen(struct bt *bt, u64 rip, u64 gpa, const struct insn *i);

/* A call-out for an instruction with ADAPT_CALL is over. After many B is dropped, and the
 * instruction translated as any other. */
void adapt_called(struct bt *bt, struct block *b, unsigned int insn, bool faulted);

#endif
