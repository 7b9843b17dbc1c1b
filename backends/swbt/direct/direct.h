/* SPDX-License-Identifier: MIT */
/*
 * What the parts of direct execution share: the engine's state, in vcpu->direct. Engines `trap` and
 * `trap+patch` differ in DIRECT.patch alone.
 */
#ifndef FVB_SWBT_DIRECT_DIRECT_H
#define FVB_SWBT_DIRECT_DIRECT_H

#include "backends/swbt/direct/space.h"
#include "backends/swbt/direct/world.h"
#include "backends/swbt/engine.h"
#include "common/sandbox.h"

/* Which world guest code of the current privilege runs in (mmu.h, enum mmu_right). */
enum direct_world { DIRECT_SUPER, DIRECT_SUPER_AC, DIRECT_USER, DIRECT_WORLDS };

/* What a run's time is spent on (common/account.h). */
#define DIRECT_PARTS                                                                       \
	(ACCOUNT_COMMON | BIT(ACCOUNT_GUEST) | BIT(ACCOUNT_DISPATCH) | BIT(ACCOUNT_FILL) | \
	 BIT(ACCOUNT_EMULATION))

#define DIRECT_RULES (5 * DIRECT_WORLDS + 1) /* the end among them */

struct patch;

struct direct {
	struct vcpu *v;
	struct world world[DIRECT_WORLDS];
	struct space *space[DIRECT_WORLDS];	  /* what is mapped in each */
	struct segments *segments[DIRECT_WORLDS]; /* of 16- and 32-bit code */
	u32 compat;				  /* what of it this host can do (compat.h) */
	struct patch *patch;			  /* engine trap+patch, else NULL */
	/* The world that holds the guest's vector registers, while v->fpu_fetch is set. */
	struct world *fpu_in;
	struct world *volatile active;	     /* entered or about to be, for kick; NULL: none */
	struct world *last;		     /* entered; it may still run, for all we know */
	u64 cr3;			     /* that the mappings belong to */
	u64 stepped, entries, hidden_faults; /* counters */
	u64 left;			     /* TSC at the last stop, until it is accounted */
	enum trap_cause cause;		     /* of it; TRAP_NR: none of ours to account */
	struct sandbox_rule rules[DIRECT_RULES];
};

/*
 * For struct engine (engine.c). PREPARE, which may be NULL, is called before the worlds are born:
 * it sets d->patch and what belongs to it, and world[].copy_fd. ERR is filled on failure.
 */
int direct_init(struct vcpu *v, int (*prepare)(struct direct *d, struct error *err),
		struct error *err);
void direct_fini(struct vcpu *v);
int direct_run(struct vcpu *v);
void direct_kick(struct vcpu *v, void *context);
void direct_flush(struct vcpu *v, bool global_too);
void direct_flush_page(struct vcpu *v, u64 linear, unsigned int shift);
const struct sandbox_rule *direct_syscalls(const struct vcpu *v);
void direct_counters(const struct vcpu *v, void (*fn)(void *arg, const char *name, u64 value),
		     void *arg);

/* What both engines have of struct engine. */
#define DIRECT_ENGINE                                                                  \
	.ram_file = true, .fini = direct_fini, .run = direct_run, .kick = direct_kick, \
	.flush = direct_flush, .flush_page = direct_flush_page, .syscalls = direct_syscalls

/* The linear address of IP in the current code segment. */
static inline u64 direct_linear(const struct vcpu *v, u64 ip)
{
	return v->mode == MODE_LONG64 ? ip : (u32)(v->s.seg[SEG_CS].base + ip);
}

static inline struct direct *vcpu_direct(const struct vcpu *v)
{
	return v->direct;
}

/* regs.c: can the instruction at RIP run in a world at all, as far as registers and modes go? */
bool direct_can_run(const struct direct *d);
/* What a world is to be loaded with; and what it left there, LOADED having been its RFLAGS. */
void direct_regs_out(const struct vcpu *v, struct world_regs *r);
void direct_regs_in(struct vcpu *v, const struct world_regs *r, u64 loaded);

/* pages.c: make the page at LINEAR accessible in world N, as far as the TLB's entry allows.
 * False: it already was, or cannot be. */
bool direct_map(struct direct *d, enum direct_world n, u64 linear);

/* Look at what is mapped in world N but was flushed: what the tables still say may stay. */
void direct_recheck(struct direct *d, enum direct_world n);

/* The instruction at v->s.rip is going to be executed in world N, or is to be emulated, or its
 * fetch faults and v->exc says how. */
enum direct_code { CODE_MAPPED, CODE_FAULTS, CODE_EMULATE };
enum direct_code direct_map_code(struct direct *d, enum direct_world n);

#endif
