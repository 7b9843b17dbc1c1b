/* SPDX-License-Identifier: MIT */
/*
 * Walks of the guest's page tables. SDM vol. 3A 4.3 to 4.7. What is kept between walks is what the
 * control registers say about them, and where the last page tables are, as processors keep it in
 * their paging-structure caches: every kind of invalidation voids all of it (4.10.4.1).
 */
#ifndef FVB_SWBT_WALK_H
#define FVB_SWBT_WALK_H

#include "backends/swbt/mmu.h"

#define PTE_P  BIT64(0)
#define PTE_W  BIT64(1)
#define PTE_U  BIT64(2)
#define PTE_A  BIT64(5)
#define PTE_D  BIT64(6)
#define PTE_PS BIT64(7)
#define PTE_G  BIT64(8)
#define PTE_NX BIT64(63)

#define PTE_ADDRESS 0x000ffffffffff000ull

#define PF_P	BIT(0)
#define PF_W	BIT(1)
#define PF_U	BIT(2)
#define PF_RSVD BIT(3)
#define PF_I	BIT(4)

struct walk {
	u64 gpa;		  /* of the 4 KiB that hold the address */
	u64 all, any;		  /* conjunction and disjunction of the entries' bits */
	u64 above_all, above_any; /* the same without the page's own entry */
	u8 shift;		  /* log2 of the page's size */
	u8 level, top;		  /* where the page's own entry is, and the first one */
	bool dirty, global;	  /* bits of the page's own entry */
	u32 error;		  /* of a failed walk: P, RSVD */
	u8 *entry[5];		  /* by level; NULL: not RAM */
	u64 entry_gpa[5];
};

/* What entries whose bits have this conjunction and disjunction allow: an index into
 * mmu.rights. */
static inline unsigned int walk_rights(u64 all, u64 any)
{
	return (unsigned int)((all >> 2 & 1) | (all & 2) | any >> 63 << 2);
}

/* Memory that is not RAM reads as nobody's: all ones. */
static inline u64 walk_entry(const u8 *host, unsigned int bytes)
{
	if (bytes == 4)
		return likely(host) ? __atomic_load_n((const u32 *)host, __ATOMIC_RELAXED) : ~0u;
	return likely(host) ? __atomic_load_n((const u64 *)host, __ATOMIC_RELAXED) : ~0ull;
}

/* After mmu_init, and when control registers have changed: what entries look like. */
void walk_configure(struct vcpu *v);

/* Follow the tables to LINEAR's page, touching nothing. 0, or -1 with w->error. */
int walk(struct vcpu *v, u64 linear, struct walk *w);

/* After walk_mark of a walk that ended well: the next one in the same table begins there. */
void walk_remember(struct vcpu *v, u64 linear, const struct walk *w);

/* The table that has LINEAR's entry, if it is remembered, or NULL. */
static inline const struct mmu_table *walk_table(const struct vcpu *v, u64 linear)
{
	const struct mmu_table *t = &v->mmu.table[linear >> 21 & (MMU_TABLES - 1)];

	return likely(t->epoch == v->mmu.epoch && t->region == linear >> 21) ? t : NULL;
}

static inline u64 walk_table_offset(const struct vcpu *v, u64 linear)
{
	return v->mmu.entry_size == 8 ? (linear >> 12 & 511) * 8 : (linear >> 12 & 1023) * 4;
}

static inline const u8 *walk_table_entry(const struct vcpu *v, const struct mmu_table *t,
					 u64 linear)
{
	return t->host + walk_table_offset(v, linear);
}

/* Set the accessed bits of W's entries, and the dirty bit if WRITE. */
void walk_mark(struct vcpu *v, struct walk *w, bool write);

#endif
