/* SPDX-License-Identifier: MIT */
/*
 * How much host code guest code becomes. Host instructions are counted by decoding them again,
 * which takes as long as translating: only for those who ask.
 */
#ifndef FVB_SWBT_BT_EXPANSION_H
#define FVB_SWBT_BT_EXPANSION_H

#include "backends/swbt/bt/bt.h"

/* Of one block, or the sum over some. What counts executions is not in it. */
struct expansion {
	u64 guest_insns, guest_bytes;
	u64 straight_insns, straight_bytes; /* what runs if nothing misses and all is linked */
	u64 host_insns, host_bytes;	    /* all of it: exits, what is off the straight way */
};

/* B's; vector registers must be put away. */
struct expansion expansion_of(const struct block *b);

/* *SUM plus TIMES times *E. */
void expansion_add(struct expansion *sum, const struct expansion *e, u64 times);

/* Of every block that is there now. */
struct expansion expansion_live(const struct bt *bt);

/* Of HOT[0..NR) (watch.h), each as often as it ran. */
struct hot;
struct expansion expansion_executed(const struct hot *hot, u32 nr);

/* As struct engine's counters: of what is there, if an account is kept, so once at the end of a
 * run; of what was executed, if blocks count that (watch.h). */
void expansion_counters(struct bt *bt, void (*fn)(void *arg, const char *name, u64 value),
			void *arg);

#endif
