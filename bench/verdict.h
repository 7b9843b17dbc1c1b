/* SPDX-License-Identifier: MIT */
/*
 * The one line that a benchmark guest prints about itself:
 *
 *   fvbench: bench=NAME mode=64|32 iters=N cycles=N loop=N [KEY=N ...] ok
 *   fvbench: bench=NAME mode=64|32 [iters=N cycles=N loop=N] [KEY=N ...] fail reason="TEXT"
 *   fvbench: bench=NAME mode=64|32 [iters=N cycles=N loop=N] [KEY=N ...] skip reason="TEXT"
 *
 * A KEY that starts with lat_ is a time in TSC ticks; one that starts with var_ is a count that
 * depends on time; all others are the same in every run of the same guest on the same processor.
 *
 * Words are one space apart and in this order; N is decimal, below 2^64. Nothing else is accepted:
 * a guest that prints half a line or a number too many did not measure what it says.
 */
#ifndef FVB_BENCH_VERDICT_H
#define FVB_BENCH_VERDICT_H

#include "common/error.h"
#include "common/types.h"

#define VERDICT_PREFIX "fvbench: "
#define VERDICT_EXTRAS 16

enum verdict_kind { VERDICT_OK, VERDICT_FAIL, VERDICT_SKIP };

struct verdict_extra {
	char key[32]; /* lower-case letters, digits, _ and . */
	u64 value;
};

struct verdict {
	enum verdict_kind kind;
	char bench[40];
	unsigned int mode; /* 64 or 32 */
	bool measured;	   /* iters, cycles and loop were given; always with VERDICT_OK */
	u64 iters;	   /* > 0 when measured */
	u64 cycles, loop;  /* TSC ticks of the measured section, and of the empty one */
	unsigned int nr_extra;
	struct verdict_extra extra[VERDICT_EXTRAS];
	char reason[160]; /* "" with VERDICT_OK */
};

/* Parse LINE (without its end). 0, or -EINVAL with ERR saying what is wrong with it. */
int verdict_parse(struct verdict *v, const char *line, struct error *err);

/*
 * Find the line in everything that the guest printed: LEN bytes of any content, lines ended by LF
 * or CR LF. 0, -ENODATA when there is none, -EINVAL when it is malformed or not the only one.
 */
int verdict_find(struct verdict *v, const char *text, size_t len, struct error *err);

/* The exit status that goes with KIND: what port 0xf4 makes of 0, 1, 2. */
int verdict_status(enum verdict_kind kind);

#endif
