/* SPDX-License-Identifier: MIT */
/*
 * Shadow mappings of one world: which guest-linear pages are mapped, to what and with which rights.
 * Behaves as a TLB: holds what was looked up, until flushed. What changes is gathered and done at
 * space_sync, which comes before each entry.
 */
#ifndef FVB_SWBT_DIRECT_SPACE_H
#define FVB_SWBT_DIRECT_SPACE_H

#include "backends/swbt/direct/world.h"

struct space;

/* What to map where. */
struct space_page {
	u64 linear, gpa; /* multiples of 1 << SHIFT */
	u64 offset;	 /* in the file */
	int fd;
	int prot; /* mmap's; not 0 */
	u8 shift; /* 12 or 21 */
	bool global;
	bool soon; /* the next instruction is going to touch it */
};

/* For W, which has started. NULL: no memory. FREE unmaps nothing. */
struct space *space_new(struct world *w);
void space_free(struct space *s);

/* Map P, whatever was there. 0; -ERANGE: outside of what a world can have. */
int space_map(struct space *s, const struct space_page *p);

/* Forget what lies in the 1 << SHIFT bytes around LINEAR, a multiple of them; all but global
 * pages, or these, too. */
void space_unmap(struct space *s, u64 linear, unsigned int shift);
void space_flush(struct space *s, bool global_too);

/* Unmap every page mapped to the guest-physical page GPA with any of the rights PROT. */
void space_unmap_gpa(struct space *s, u64 gpa, int prot);

/* Have the world do it. 0; -ESRCH: it is dead; another negative errno: nothing is mapped any more,
 * or the world is of no use. */
int space_sync(struct space *s);

/* The rights that the page at LINEAR is mapped with; 0: it is not. */
int space_prot(const struct space *s, u64 linear);

/* Pages and ranges of pages that were ever mapped. */
u64 space_mapped(const struct space *s);

#endif
