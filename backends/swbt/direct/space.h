/* SPDX-License-Identifier: MIT */
/*
 * Shadow mappings of one world: which guest-linear pages are mapped, to what and with which rights.
 * Behaves as a TLB: holds what was looked up, until flushed.
 */
#ifndef FVB_SWBT_DIRECT_SPACE_H
#define FVB_SWBT_DIRECT_SPACE_H

#include "backends/swbt/direct/world.h"

struct space;

/* For W, which has started. NULL: no memory. FREE unmaps nothing. */
struct space *space_new(struct world *w);
void space_free(struct space *s);

/* Map the page at LINEAR (a multiple of 4096) to offset OFFSET of memory file FD with PROT (mmap's),
 * whatever was there, protection key PKEY (0: none). GPA is kept for space_unmap_gpa. 0; -ERANGE: outside
 * of what a world can have; another negative errno. */
int space_map(struct space *s, u64 linear, u64 gpa, int fd, u64 offset, int prot, int pkey);

/* Forget the page at LINEAR; 1 << SHIFT bytes around it; all. May take effect at space_sync, which
 * comes before each entry. */
void space_unmap(struct space *s, u64 linear, unsigned int shift);
void space_flush(struct space *s);
int space_sync(struct space *s);

/* Unmap every page mapped to the guest-physical page GPA with any of the rights PROT. */
void space_unmap_gpa(struct space *s, u64 gpa, int prot);

/* The rights that the page at LINEAR is mapped with; 0: it is not. */
int space_prot(const struct space *s, u64 linear);

#endif
