/* SPDX-License-Identifier: MIT */
/*
 * The microbenchmark guests' library: what a guest declares, and what it may use.
 *
 * A guest is one file that defines `const struct nano nano`. The library boots the CPU (long mode,
 * or protected mode with paging for the -32 guests), warms the loop up, times it and an empty loop
 * of the same shape, has the guest check what it did, prints one result line and ends the machine.
 * Code runs at CPL 0, interrupts off, all of memory identity-mapped, unless a guest says otherwise.
 */
#ifndef NANO_H
#define NANO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef unsigned long uword; /* a general register: 64 bits, or 32 in the -32 guests */

#define PAGE	       4096u
#define __page_aligned __attribute__((aligned(PAGE)))
#define STRING(x)      #x
#define TEXT(x)	       STRING(x) /* of the macro x, for asm */
#define ARRAY_SIZE(a)  (sizeof(a) / sizeof((a)[0]))

/* A guest. Only `name` and `run` are required. N is the number of operations, 1 to 2^32 - 1. */
struct nano {
	const char *name;	  /* NANO_NAME: the file's, with -32 where it applies */
	void (*setup)(void);	  /* once, first: may skip() where the CPU lacks something */
	void (*prepare)(uword n); /* before each run, not timed: undo what the last one did */
	void (*run)(uword n);	  /* the timed loop: LOOP(n) { one operation; } */
	void (*empty)(uword n);	  /* the same loop without the operation; NULL: empty LOOP(n) */
	void (*check)(uword n);	  /* after the timed run of N: expect() what must hold now */
	uword max;		  /* most operations in one run, 0 if any number will do */
	uword granule;		  /* run only takes multiples of this; 0 means 1 */
	bool user;		  /* run and empty run at CPL 3 */
};
extern const struct nano nano;

/* For guests to count in (handlers too) and to add up in; 0 at the start of every run. */
extern volatile uword events;
extern u64 sum;

/* The loop of every guest. The compiler cannot see through the counter, so it neither unrolls nor
 * removes the loop, and an empty body gives the same instructions around it. */
static inline uword opaque(uword v)
{
	asm volatile("" : "+r"(v));
	return v;
}
#define LOOP(n) for (; n; n = opaque(n) - 1)

/* End the run: wrong result, or nothing to measure on this CPU. */
__attribute__((noreturn)) void fail(const char *reason);
__attribute__((noreturn)) void skip(const char *reason);
/* Fail with both values in the reason unless GOT == WANT. */
void expect(const char *what, u64 got, u64 want);
/* Make AVX2 usable, or skip(). */
void avx2_enable(void);
/* Add NAME=VALUE to the result line. Short: the line has room for about ten of them. */
void metric(const char *name, u64 value);
/* Add PREFIX_min, _p50, _p99 and _max of N samples (N > 0), which get sorted. */
void metric_quantiles(const char *prefix, u64 *sample, size_t n);

#endif
