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
	bool asked; /* of space_recheck */
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

/*
 * The same for what the guest's tables may say otherwise of now. Until it is looked at it is not
 * there (space_prot); space_sync unmaps it.
 */
void space_doubt(struct space *s, u64 linear, unsigned int shift);
void space_doubt_all(struct space *s, bool global_too);

/* Look at what is in doubt: CHECK is told of each such page, but for its place in the file, and
 * says whether it may stay. P->asked: it was doubted by its address; then CHECK may also make P
 * another one, complete, for the same addresses. */
void space_recheck(struct space *s, bool (*check)(void *arg, struct space_page *p), void *arg);

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
