/* SPDX-License-Identifier: MIT */
/*
 * Segments of 16- and 32-bit guest code in a world: descriptors in the world's LDT, with the
 * guest's bases, limits and rights, for CPL 3.
 *
 * A descriptor has the index there that it has in the guest's table (GDT entries from 0, LDT
 * entries from SEGMENTS_LDT). So a selector that the guest reads differs from its own in the lowest
 * three bits alone, and one that it has saved and loads again finds its descriptor, if that has
 * been in use since. That is all that trap-and-emulate can do: reading a selector does not trap.
 */
#ifndef FVB_SWBT_DIRECT_SEGMENTS_H
#define FVB_SWBT_DIRECT_SEGMENTS_H

#include "backends/swbt/direct/world.h"

#define SEGMENTS_LDT 256 /* so many of each of the guest's tables can be had */
#define SEGMENTS_NR  (2 * SEGMENTS_LDT)

#define SEGMENTS_REGS (SEG_GS + 1) /* ES to GS */

/* What a world's LDT holds. */
struct segments {
	u32 compat;			   /* of this host (compat.h) */
	struct segment entry[SEGMENTS_NR]; /* as the guest's registers have it; attr 0: nothing */
};

/* Can V's code run with its segments in a world of a host that has COMPAT (compat.h)? V is in
 * protected mode, not in 64-bit code. */
bool segments_fit(const struct vcpu *v, u32 compat);

/* Selectors for R; LDT entries of W as they must be. 0, or a negative errno: W is lost. */
int segments_out(struct segments *s, struct world *w, const struct vcpu *v, struct world_regs *r);

/* Segment registers that R has other than segments_out left them in BEFORE: the guest has loaded
 * them without a trap. Give V what they hold, as far as that can be told. */
void segments_in(struct segments *s, struct vcpu *v, const struct world_regs *before,
		 const struct world_regs *r);

#endif
