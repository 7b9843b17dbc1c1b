/* SPDX-License-Identifier: MIT */
/* Snippets run natively: in a process of this host, at CPL 3, on its processor, under its kernel.
 */
#ifndef FVB_BENCH_NATIVE_H
#define FVB_BENCH_NATIVE_H

#include "bench/snippet.h"

enum native_how {
	NATIVE_ABSENT,	/* this host runs no code of that width */
	NATIVE_TRAPPED, /* VECTOR, ERROR: the instruction raised it, and Linux made a signal of it
			 */
	NATIVE_RAN,	/* OUT has the results */
	NATIVE_LATER,	/* it ran; what follows it raised VECTOR */
	NATIVE_LOST,	/* it ran, and control did not come back behind it */
};

struct native {
	enum native_how how;
	unsigned int vector;
	u32 error;
	u64 out[3];    /* EAX, ECX, EDX */
	bool emulated; /* not the processor, but Linux executed it, with dummy values (UMIP) */
};

/* Does this host run code of that width? */
bool native_mode(enum snippet_mode mode);

/* Run S in MODE, in which it must exist, in a child. */
void native_run(const struct snippet *s, enum snippet_mode mode, struct native *result);

#endif
