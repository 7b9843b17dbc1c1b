/* SPDX-License-Identifier: MIT */
/*
 * What the parts of direct execution share: the engine's state, in vcpu->direct. Engines `trap` and
 * `trap+patch` differ in DIRECT.patch alone.
 */
#ifndef FVB_SWBT_DIRECT_DIRECT_H
#define FVB_SWBT_DIRECT_DIRECT_H

#include "backends/swbt/direct/world.h"
#include "backends/swbt/engine.h"

/* Which world guest code of the current privilege runs in (mmu.h, enum mmu_right). */
enum direct_world { DIRECT_SUPER, DIRECT_SUPER_AC, DIRECT_USER, DIRECT_WORLDS };

struct patch;
struct space;

struct direct {
	struct vcpu *v;
	struct world world[DIRECT_WORLDS];
	struct space *space[DIRECT_WORLDS]; /* what is mapped in each */
	struct patch *patch;		    /* engine trap+patch, else NULL */
	struct world *fpu_in; /* the world that holds the guest's FPU registers; NULL: the vCPU */
	struct world *active; /* entered, for kick; NULL: none */
	u64 stepped, entries, hidden_faults, mapped, unmapped; /* counters */
};

static inline struct direct *vcpu_direct(const struct vcpu *v)
{
	return v->direct;
}

#endif
