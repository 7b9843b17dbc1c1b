/* SPDX-License-Identifier: MIT */
/*
 * One walker for each format of tables, all of them the same code with the format's numbers as
 * constants. A walk reads every level and decides nothing, so one that faults changes nothing.
 */
#include "backends/swbt/walk.h"

#define PAE_IGNORED    0x7ff0000000000000ull /* bits that 4-level paging ignores and PAE reserves */
#define PDPTE_RESERVED 0x1e6ull
#define LARGE_LOW_BIT  13 /* below it, large pages have the flags of all; bit 12 is PAT */

/* PAE's top level is the PDPTE registers, whose entries have no rights; walks begin below. */
struct format {
	u8 levels, bits, bytes;
	bool pae;
};
static const struct format format_32 = { 2, 10, 4, false };
static const struct format format_pae = { 2, 9, 8, true };
static const struct format format_long = { 4, 9, 8, false };

/* ---- what control registers say ------------------------------------------------------------- */

static bool page_size_bit(const struct vcpu *v, const struct format *f, unsigned int level)
{
	if (level == 2)
		return f->bytes == 8 || v->s.cr4 & CR4_PSE;
	return level == 3 && v->mmu.has_1g;
}

static u64 reserved_bits(const struct vcpu *v, const struct format *f, unsigned int level,
			 bool leaf)
{
	bool large = leaf && level > 1;
	u64 r = v->mmu.no_address;

	if (f->bytes == 4)
		return large ? v->mmu.no_address32 : 0;
	if (f->pae)
		r |= PAE_IGNORED;
	if (!(v->s.efer & EFER_NXE))
		r |= PTE_NX;
	if (large)
		r |= BIT64(12 + (level - 1) * f->bits) - BIT64(LARGE_LOW_BIT);
	else if (level > 2)
		r |= PTE_PS;
	/* Intel's ignore it. APM vol. 2 figures 5-20 and 5-21; Linux' KVM does the same. */
	if (!leaf && level > 2 && v->mmu.amd)
		r |= PTE_G;
	return r;
}

void walk_configure(struct vcpu *v)
{
	const struct format *f = long_mode(v)	      ? &format_long
				 : v->s.cr4 & CR4_PAE ? &format_pae
						      : &format_32;

	for (unsigned int level = 1; level <= f->levels; level++) {
		struct mmu_level *l = &v->mmu.level[level];

		l->leaf_bit = page_size_bit(v, f, level) ? PTE_PS : 0;
		l->reserved = reserved_bits(v, f, level, false);
		l->reserved_leaf = reserved_bits(v, f, level, true);
	}
	v->mmu.entry_size = f->bytes;
}

/* ---- walking -------------------------------------------------------------------------------- */

static inline u64 page_address(const struct format *f, unsigned int level, u64 value)
{
	u64 size = BIT64(12 + (level - 1) * f->bits);

	if (f->bytes == 4 && level == 2)
		return (value & 0xffc00000) | (value >> LARGE_LOW_BIT & 0xff) << 32;
	return value & PTE_ADDRESS & ~(size - 1);
}

/* Where the tables start: true and *TABLE, or false if PAE's register says there is nothing. */
static inline bool root(const struct vcpu *v, const struct format *f, u64 linear, u64 *table)
{
	u64 pdpte;

	if (!f->pae) {
		*table = v->s.cr3 & (f->bytes == 4 ? 0xfffff000 : PTE_ADDRESS);
		return true;
	}
	pdpte = v->mmu.pdpte[linear >> 30 & 3];
	*table = pdpte & PTE_ADDRESS;
	return pdpte & PTE_P;
}

static inline int found(struct walk *w, const struct format *f, unsigned int level, u64 linear,
			u64 value)
{
	w->above_all = w->all;
	w->above_any = w->any;
	w->all &= value;
	w->any |= value;
	w->level = (u8)level;
	w->top = f->levels;
	w->shift = (u8)(12 + (level - 1) * f->bits);
	w->gpa = page_address(f, level, value) | (linear & (BIT64(w->shift) - BIT64(12)));
	w->dirty = value & PTE_D;
	w->global = value & PTE_G;
	return 0;
}

static inline void remember(struct vcpu *v, u64 linear, const struct walk *w, u64 all, u64 any)
{
	u64 offset = walk_table_offset(v, linear);

	v->mmu.table[linear >> 21 & (MMU_TABLES - 1)] =
		(struct mmu_table){ .region = linear >> 21,
				    .epoch = v->mmu.epoch,
				    .host = w->entry[1] - offset,
				    .gpa = w->entry_gpa[1] - offset,
				    .all = all,
				    .any = any };
}

/* ERROR at LEVEL. A page table that has been reached may be remembered all the same, if nothing is
 * to be marked above it: guests fault again and again where nothing is mapped yet. */
static int failed(struct vcpu *v, u64 linear, struct walk *w, unsigned int level, u32 error)
{
	w->error = error;
	if (level == 1 && w->entry[1] && w->all & PTE_A)
		remember(v, linear, w, w->all, w->any);
	return -1;
}

static inline __attribute__((always_inline)) int walk_as(const struct format *f, struct vcpu *v,
							 u64 linear, struct walk *w)
{
	u64 table;

	w->all = ~0ull;
	w->any = 0;
	w->error = 0;
	if (!root(v, f, linear, &table))
		return -1;
	for (unsigned int level = f->levels;; level--) {
		const struct mmu_level *l = &v->mmu.level[level];
		u64 index = linear >> (12 + (level - 1) * f->bits) & (BIT64(f->bits) - 1);
		u64 gpa = table + index * f->bytes;
		u8 *host = ram_at(&v->vm->ram, gpa, f->bytes);
		u64 value = walk_entry(host, f->bytes);
		bool leaf = level == 1 || value & l->leaf_bit;

		w->entry[level] = host;
		w->entry_gpa[level] = gpa;
		if (unlikely(!(value & PTE_P)))
			return failed(v, linear, w, level, 0);
		if (unlikely(value & (leaf ? l->reserved_leaf : l->reserved)))
			return failed(v, linear, w, level, PF_P | PF_RSVD);
		if (leaf)
			return found(w, f, level, linear, value);
		w->all &= value;
		w->any |= value;
		table = value & PTE_ADDRESS;
	}
}

static __attribute__((noinline)) int walk_old(struct vcpu *v, u64 linear, struct walk *w)
{
	return v->s.cr4 & CR4_PAE ? walk_as(&format_pae, v, linear, w)
				  : walk_as(&format_32, v, linear, w);
}

/* The last level of a walk through T. */
static inline int walk_last(struct vcpu *v, const struct mmu_table *t, u64 linear, struct walk *w)
{
	const u8 *host = walk_table_entry(v, t, linear);
	u64 value = walk_entry(host, v->mmu.entry_size);

	w->error = 0;
	if (!(value & PTE_P))
		return -1;
	if (unlikely(value & v->mmu.level[1].reserved_leaf)) {
		w->error = PF_P | PF_RSVD;
		return -1;
	}
	w->above_all = t->all;
	w->above_any = t->any;
	w->all = t->all & value;
	w->any = t->any | value;
	w->level = w->top = 1;
	w->shift = 12;
	w->gpa = value & PTE_ADDRESS;
	w->dirty = value & PTE_D;
	w->global = value & PTE_G;
	w->entry[1] = (u8 *)(uintptr_t)host;
	w->entry_gpa[1] = t->gpa + walk_table_offset(v, linear);
	return 0;
}

int walk(struct vcpu *v, u64 linear, struct walk *w)
{
	const struct mmu_table *t = walk_table(v, linear);

	if (t)
		return walk_last(v, t, linear, w);
	return likely(long_mode(v)) ? walk_as(&format_long, v, linear, w) : walk_old(v, linear, w);
}

void walk_remember(struct vcpu *v, u64 linear, const struct walk *w)
{
	if (w->level == 1 && w->top != 1 && likely(w->entry[1]))
		remember(v, linear, w, w->above_all | PTE_A, w->above_any);
}

void walk_mark(struct vcpu *v, struct walk *w, bool write)
{
	for (unsigned int level = w->level; level <= w->top; level++) {
		u8 *host = w->entry[level];
		u64 bits = PTE_A | (level == w->level && write ? PTE_D : 0);

		/* Both bits are in the low byte. */
		if (!host || (*host & bits) == bits)
			continue;
		mem_note_write(v, w->entry_gpa[level], 1);
		/* Unlocked, as all of the only vCPU's accesses are. */
		*host |= (u8)bits;
	}
	w->dirty |= write;
}

/* ---- PDPTE registers ------------------------------------------------------------------------ */

int mmu_load_pdptes(struct vcpu *v, u64 cr3)
{
	u64 table = cr3 & 0xffffffe0, value[4];
	u64 reserved = v->mmu.no_address | PAE_IGNORED | PTE_NX | PDPTE_RESERVED;

	for (unsigned int i = 0; i < 4; i++) {
		value[i] = walk_entry(ram_at(&v->vm->ram, table + i * 8, 8), 8);
		if (value[i] & PTE_P && value[i] & reserved)
			return raise_err(v, GP, 0);
	}
	for (unsigned int i = 0; i < 4; i++)
		v->mmu.pdpte[i] = value[i];
	return 0;
}
