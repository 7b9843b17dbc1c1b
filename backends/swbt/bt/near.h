/* SPDX-License-Identifier: MIT */
/*
 * Pointers of four bytes within what is known about blocks, which is one reservation of less than
 * 8 GiB (block.c): there are a dozen for each block. Each is the distance from itself, so a struct
 * with one in it cannot be copied. What they point to is aligned to 4.
 */
#ifndef FVB_SWBT_BT_NEAR_H
#define FVB_SWBT_BT_NEAR_H

#include "common/types.h"

struct near {
	s32 words; /* 0: NULL; nothing points to itself */
};

static inline void *near_get(const struct near *n)
{
	return n->words ? (void *)((uintptr_t)n + (uintptr_t)((s64)n->words * 4)) : NULL;
}

static inline void near_set(struct near *n, const void *p)
{
	n->words = p ? (s32)((s64)((uintptr_t)p - (uintptr_t)n) / 4) : 0;
}

#endif
