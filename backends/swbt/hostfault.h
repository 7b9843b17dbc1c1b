/* SPDX-License-Identifier: MIT */
/*
 * Faults of guest instructions that run natively. While a guard is set, a synchronous fault signal
 * inside its code is written down and execution goes on at the guard's exit; any other, and one
 * that somebody sent (kill), goes to whoever had the signal before, so that real bugs crash as
 * ever, with the terminal restored.
 */
#ifndef FVB_SWBT_HOSTFAULT_H
#define FVB_SWBT_HOSTFAULT_H

#include "common/types.h"

struct hostfault_guard {
	const u8 *code;
	size_t len;
	const u8 *exit; /* RIP is set to this; all other registers are those at the fault */
	bool catch_page_faults;
	/* Asked first if not NULL: true when it has changed CONTEXT (a ucontext_t) so that
	 * execution goes on. */
	bool (*handle)(struct hostfault_guard *guard, void *context);
	/* What happened, if anything did. */
	int trap;  /* vector of the exception */
	u64 error; /* its error code */
	u64 addr;  /* #PF: the host address */
};

/* How often this thread's C code made an unaligned access with AC set; AC was cleared then. */
extern _Thread_local u64 hostfault_unaligned;

/* Catch the fault signals of this process (once) and give the calling thread an alternate stack,
 * returned in *STACK for hostfault_fini; NULL if it had one. 0 or negative errno. */
int hostfault_init(void **stack);
void hostfault_fini(void *stack);

/* For the next alone. */
extern _Thread_local struct hostfault_guard *hostfault_current;

/* The guard of this thread from now on; NULL: none. Owned by the caller. */
static inline void hostfault_guard(struct hostfault_guard *guard)
{
	hostfault_current = guard;
}

#endif
