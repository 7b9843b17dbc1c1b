/* SPDX-License-Identifier: MIT */
/*
 * The software TLB's fast path, for mem.c and the translator. An entry holds the access rights of
 * user mode and of supervisor mode side by side, so that neither system calls nor STAC and CLAC
 * cost a flush: a hit needs the right page and the right bits.
 */
#ifndef FVB_SWBT_MMU_H
#define FVB_SWBT_MMU_H

#include "backends/swbt/mem.h"

#define PAGE_SIZE 4096u
#define PAGE_MASK (PAGE_SIZE - 1)

/* Where in mmu_tlb_entry.rights the access bits for a state of the CPU are. SDM vol. 3A 4.6. */
enum mmu_right {
	RIGHT_SUPER = 0,    /* CPL < 3, or an implicit supervisor access: SMAP counts if it is on */
	RIGHT_SUPER_AC = 4, /* CPL < 3 and EFLAGS.AC = 1 */
	RIGHT_USER = 8,	    /* CPL = 3 */
	RIGHT_USER_AC = 12, /* CPL = 3 and EFLAGS.AC = 1: the same, or nothing if CR0.AM = 1 */
};
#define RIGHT_MASK 7u /* ACC_READ, ACC_WRITE, ACC_EXEC */

static inline enum mmu_right mmu_right(const struct vcpu *v, u32 access)
{
	if (access & ACC_SYSTEM)
		return RIGHT_SUPER;
	if (v->cpl == 3)
		return RIGHT_USER;
	return v->s.rflags & RFLAGS_AC ? RIGHT_SUPER_AC : RIGHT_SUPER;
}

/* Of explicit accesses at CPL 0 to 2. */
static inline enum mmu_right mmu_right_super(const struct vcpu *v)
{
	return v->s.rflags & RFLAGS_AC ? RIGHT_SUPER_AC : RIGHT_SUPER;
}

/* The same for a fast path that does not look at alignment: nothing is granted where #AC may be
 * due. Without branches: bit 18 of RFLAGS is 4, CPL 3 is 8. Not for ACC_SYSTEM. */
static inline enum mmu_right mmu_right_quick(const struct vcpu *v)
{
	return ((u32)v->s.rflags >> 16 & RIGHT_SUPER_AC) | ((v->cpl + 1u) & 4) << 1;
}

/* CR3's low 12 bits are the PCID, if there is one, and do no harm otherwise: MOV CR3 flushes then.
 */
static inline u64 mmu_tag(const struct vcpu *v, u64 linear)
{
	return linear >> 12 | v->s.cr3 << 52;
}

static inline struct mmu_tlb_entry *mmu_slot(struct vcpu *v, u64 linear)
{
	return &v->tlb[linear >> 12 & (MMU_TLB - 1)];
}

/* The entry that grants ACCESS at LINEAR (already wrapped as the mode has it), or NULL. */
static inline struct mmu_tlb_entry *mmu_hit(struct vcpu *v, u64 linear, enum mmu_right right,
					    u32 access)
{
	struct mmu_tlb_entry *e = mmu_slot(v, linear);

	access &= RIGHT_MASK;
	if (likely(e->tag == mmu_tag(v, linear) && (e->rights >> right & access) == access))
		return e;
	return NULL;
}

/* The host's address of SIZE bytes of RAM at LINEAR where the TLB grants ACCESS and they are in one
 * page, or NULL. */
static inline u8 *mmu_ram(struct vcpu *v, u64 linear, u32 size, enum mmu_right right, u32 access)
{
	const struct mmu_tlb_entry *e = mmu_hit(v, linear, right, access);

	if (unlikely(!e || !e->host || (linear & PAGE_MASK) + size > PAGE_SIZE))
		return NULL;
	/* Pages with translated code are not written behind the translator's back. */
	if (access & ACC_WRITE && v->code_pages && v->code_pages[e->gpa >> 12])
		return NULL;
	return e->host + (linear & PAGE_MASK);
}

/*
 * Right after mmu_translate of LINEAR: the pages around it whose entries came with its own, as far
 * as a processor might have cached them by now: present, accessed, in RAM, with rights as in the
 * TLB. Which of E are filled (gpa, host, rights, global), as bits, by page number.
 */
#define MMU_NEAR 8u
unsigned int mmu_neighbours(struct vcpu *v, u64 linear, struct mmu_tlb_entry e[MMU_NEAR]);

/* What a processor might load into its TLB for LINEAR (canonical) at this moment, without anybody's
 * access: into E, but for the tag. False: nothing, or what is not RAM. No bit is set anywhere. */
bool mmu_probe(struct vcpu *v, u64 linear, struct mmu_tlb_entry *e);

static inline bool canonical(u64 linear)
{
	return (u64)((s64)(linear << 16) >> 16) == linear;
}

#endif
