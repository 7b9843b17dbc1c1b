/* SPDX-License-Identifier: MIT */
/* Page tables in a rig of swbt: where tests build them, their bits, and what a walk must answer. */
#ifndef FVB_TESTS_PAGING_RIG_H
#define FVB_TESTS_PAGING_RIG_H

#include "tests/unit/swbt_rig.h"

#include <CUnit/CUnit.h>

/* Where the tests build tables, top level first, and pages to map. */
#define TOP  0x10000ull
#define T3   0x11000ull
#define T2   0x12000ull
#define T1   0x13000ull
#define DATA 0x200000ull

#define P	1ull
#define W	2ull
#define U	4ull
#define A	0x20ull
#define D	0x40ull
#define PS	0x80ull
#define G	0x100ull
#define NX	BIT64(63)
#define PWU	(P | W | U)
#define NOTHING (~0ull)

/* Bits of a #PF's error code. */
#define E_P    1u
#define E_W    2u
#define E_U    4u
#define E_RSVD 8u
#define E_I    16u

/* The last fault was a page fault at LINEAR with this error code. */
static inline bool faulted(struct rig *r, u64 linear, u32 error)
{
	const struct exception *e = &r->v.exc;

	return e->vector == PF && e->has_error && e->error == error && e->cr2 == linear;
}

#define ASSERT_PF(r, linear, access, code)                                  \
	do {                                                                \
		CU_ASSERT_EQUAL(rig_translate(r, linear, access), NOTHING); \
		CU_ASSERT_TRUE(faulted(r, linear, code));                   \
	} while (0)
#define ASSERT_GPA(r, linear, access, gpa) CU_ASSERT_EQUAL(rig_translate(r, linear, access), gpa)

/* Four levels that map LINEAR's page to DATA, nothing else. */
static inline void map_long(struct rig *r, u64 linear, u64 flags)
{
	rig_put(r, TOP + (linear >> 39 & 511) * 8, T3 | PWU, 8);
	rig_put(r, T3 + (linear >> 30 & 511) * 8, T2 | PWU, 8);
	rig_put(r, T2 + (linear >> 21 & 511) * 8, T1 | PWU, 8);
	rig_put(r, T1 + (linear >> 12 & 511) * 8, DATA | flags, 8);
}

#endif
