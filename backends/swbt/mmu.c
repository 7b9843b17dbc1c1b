/* SPDX-License-Identifier: MIT */
/*
 * Paging: page-table walks and the TLB that keeps their results. SDM vol. 3A ch. 4.
 *
 * A walk reads every level, then decides, then sets accessed and dirty bits: a walk that faults
 * changes nothing. The TLB grants writing only where the dirty bit is set, so the first write to a
 * page walks again. No paging structures are cached: every miss is a whole walk.
 */
#include "backends/swbt/mmu.h"

#include "common/cpuid.h"

#define PTE_P  BIT64(0)
#define PTE_W  BIT64(1)
#define PTE_U  BIT64(2)
#define PTE_A  BIT64(5)
#define PTE_D  BIT64(6)
#define PTE_PS BIT64(7)
#define PTE_G  BIT64(8)
#define PTE_NX BIT64(63)

#define PTE_ADDRESS    0x000ffffffffff000ull
#define PAE_IGNORED    0x7ff0000000000000ull /* bits that 4-level paging ignores and PAE reserves */
#define PDPTE_RESERVED 0x1e6ull
#define LARGE_LOW_BIT  13 /* below it, large pages have the flags of all; bit 12 is PAT */

#define PF_P	BIT(0)
#define PF_W	BIT(1)
#define PF_U	BIT(2)
#define PF_RSVD BIT(3)
#define PF_I	BIT(4)

#define EVERYONE \
	((u32)(BIT(RIGHT_SUPER) | BIT(RIGHT_SUPER_AC) | BIT(RIGHT_USER) | BIT(RIGHT_USER_AC)))

/* PAE's top level is the PDPTE registers, whose entries have no rights; walks begin below. */
struct format {
	u8 levels, bits, bytes;
};
static const struct format format_32 = { 2, 10, 4 };
static const struct format format_pae = { 2, 9, 8 };
static const struct format format_long = { 4, 9, 8 };

struct walk {
	u64 gpa;	      /* of the 4 KiB that hold the address */
	u8 shift;	      /* log2 of the page's size */
	u8 level;	      /* where the page's own entry is */
	bool user, write, nx; /* what all levels together allow */
	bool global, dirty;
	u32 error; /* of a failed walk: P, RSVD */
	struct {
		u8 *host; /* NULL: not RAM */
		u64 gpa, value;
	} entry[4]; /* by level - 1 */
};

static bool paging(const struct vcpu *v)
{
	return v->s.cr0 & CR0_PG;
}

static const struct format *format_of(const struct vcpu *v)
{
	if (long_mode(v))
		return &format_long;
	return v->s.cr4 & CR4_PAE ? &format_pae : &format_32;
}

/* Control bits that decide what a walk finds. They have places of their own in one word. */
static u64 config_of(const struct vcpu *v)
{
	return (v->s.cr0 & (CR0_PG | CR0_WP | CR0_AM)) |
	       (v->s.cr4 & (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)) |
	       (v->s.efer & (EFER_LMA | EFER_NXE));
}

void mmu_init(struct vcpu *v)
{
	const struct cpuid_leaf *size = cpuid_find(&v->vm->cpuid, 0x80000008, 0);
	const struct cpuid_leaf *basic = cpuid_find(&v->vm->cpuid, 1, 0);
	const struct cpuid_leaf *ext = cpuid_find(&v->vm->cpuid, 0x80000001, 0);
	u32 bits = size ? size->eax & 0xff : 36;
	bool pse36 = basic && basic->edx & BIT(17);

	if (bits > 52)
		bits = 52;
	v->mmu.no_address = (BIT64(52) - 1) & ~(BIT64(bits) - 1);
	/* PSE-36: bits 39:32 of the address are in bits 20:13. SDM vol. 3A table 4-4. */
	if (bits > 40)
		bits = 40;
	if (!pse36 || bits < 32)
		bits = 32;
	v->mmu.no_address32 = BIT(22) - BIT(bits - 32 + LARGE_LOW_BIT);
	v->mmu.has_1g = ext && ext->edx & BIT(26);
	mmu_flush(v, true);
}

/* ---- walking -------------------------------------------------------------------------------- */

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
	if (f == &format_pae)
		r |= PAE_IGNORED;
	if (!(v->s.efer & EFER_NXE))
		r |= PTE_NX;
	if (large)
		r |= BIT64(12 + (level - 1) * f->bits) - BIT64(LARGE_LOW_BIT);
	else if (level > 2)
		r |= PTE_PS;
	return r;
}

/* Memory that is not RAM reads as nobody's: all ones. */
static u64 read_entry(const u8 *host, unsigned int bytes)
{
	if (bytes == 4)
		return host ? __atomic_load_n((const u32 *)host, __ATOMIC_RELAXED) : ~0u;
	return host ? __atomic_load_n((const u64 *)host, __ATOMIC_RELAXED) : ~0ull;
}

static u64 page_address(const struct format *f, unsigned int level, u64 value)
{
	u64 size = BIT64(12 + (level - 1) * f->bits);

	if (f->bytes == 4 && level == 2)
		return (value & 0xffc00000) | (value >> LARGE_LOW_BIT & 0xff) << 32;
	return value & PTE_ADDRESS & ~(size - 1);
}

/* Where the tables start: true and *TABLE, or false if PAE's register says there is nothing. */
static bool root(const struct vcpu *v, const struct format *f, u64 linear, u64 *table)
{
	u64 pdpte;

	if (f != &format_pae) {
		*table = v->s.cr3 & (f->bytes == 4 ? 0xfffff000 : PTE_ADDRESS);
		return true;
	}
	pdpte = v->mmu.pdpte[linear >> 30 & 3];
	*table = pdpte & PTE_ADDRESS;
	return pdpte & PTE_P;
}

static void found(struct walk *w, const struct format *f, unsigned int level, u64 linear)
{
	u64 value = w->entry[level - 1].value;
	u64 inside;

	w->level = (u8)level;
	w->shift = (u8)(12 + (level - 1) * f->bits);
	inside = linear & (BIT64(w->shift) - 1) & ~(u64)PAGE_MASK;
	w->gpa = page_address(f, level, value) | inside;
	w->dirty = value & PTE_D;
	w->global = value & PTE_G;
}

/* Follow the tables to LINEAR's page, touching nothing. 0, or -1 with w->error. */
static int walk(struct vcpu *v, u64 linear, struct walk *w)
{
	const struct format *f = format_of(v);
	u64 table;

	w->user = w->write = true;
	w->nx = false;
	w->error = 0;
	if (!root(v, f, linear, &table))
		return -1;
	for (unsigned int level = f->levels;; level--) {
		u64 index = linear >> (12 + (level - 1) * f->bits) & (BIT64(f->bits) - 1);
		u64 gpa = table + index * f->bytes;
		u8 *host = ram_at(&v->vm->ram, gpa, f->bytes);
		u64 value = read_entry(host, f->bytes);
		bool leaf = level == 1 || (value & PTE_PS && page_size_bit(v, f, level));

		if (!(value & PTE_P))
			return -1;
		if (value & reserved_bits(v, f, level, leaf)) {
			w->error = PF_P | PF_RSVD;
			return -1;
		}
		w->entry[level - 1].host = host;
		w->entry[level - 1].gpa = gpa;
		w->entry[level - 1].value = value;
		w->user &= (value & PTE_U) != 0;
		w->write &= (value & PTE_W) != 0;
		w->nx |= (value & PTE_NX) != 0;
		if (leaf) {
			found(w, f, level, linear);
			return 0;
		}
		table = value & PTE_ADDRESS;
	}
}

/* ---- rights --------------------------------------------------------------------------------- */

static u32 rights_word(const struct vcpu *v, u32 super, u32 super_ac, u32 user)
{
	u32 user_ac = v->s.cr0 & CR0_AM ? 0 : user;

	return super << RIGHT_SUPER | super_ac << RIGHT_SUPER_AC | user << RIGHT_USER |
	       user_ac << RIGHT_USER_AC;
}

/* SDM vol. 3A 4.6.1, dirty bits aside. */
static u32 rights_of(const struct vcpu *v, const struct walk *w)
{
	u32 exec = w->nx ? 0 : ACC_EXEC;
	u32 user = !w->user ? 0 : ACC_READ | (w->write ? ACC_WRITE : 0) | exec;
	u32 super_ac = ACC_READ | (w->write || !(v->s.cr0 & CR0_WP) ? ACC_WRITE : 0) | exec;
	u32 super;

	if (w->user && v->s.cr4 & CR4_SMEP)
		super_ac &= ~(u32)ACC_EXEC;
	super = super_ac;
	if (w->user && v->s.cr4 & CR4_SMAP)
		super &= ACC_EXEC;
	return rights_word(v, super, super_ac, user);
}

static int page_fault(struct vcpu *v, u64 linear, u32 access, u32 error)
{
	bool no_exec = (v->s.cr4 & CR4_PAE && v->s.efer & EFER_NXE) || v->s.cr4 & CR4_SMEP;

	if (access & ACC_WRITE)
		error |= PF_W;
	if (v->cpl == 3 && !(access & ACC_SYSTEM))
		error |= PF_U;
	if (access & ACC_EXEC && no_exec)
		error |= PF_I;
	return raise_pf(v, linear, error);
}

static void set_bits(struct vcpu *v, struct walk *w, bool write)
{
	unsigned int top = format_of(v)->levels;

	for (unsigned int level = w->level; level <= top; level++) {
		u8 *host = w->entry[level - 1].host;
		u64 bits = PTE_A | (level == w->level && write ? PTE_D : 0);

		if (!host || (w->entry[level - 1].value & bits) == bits)
			continue;
		mem_note_write(v, w->entry[level - 1].gpa, 1);
		/* Both bits are in the low byte. */
		__atomic_fetch_or(host, (u8)bits, __ATOMIC_SEQ_CST);
	}
	w->dirty |= write;
}

/* ---- the TLB -------------------------------------------------------------------------------- */

static struct mmu_tlb_entry *fill(struct vcpu *v, u64 linear, const struct walk *w, u32 rights)
{
	struct mmu_tlb_entry *e = mmu_slot(v, linear);

	e->tag = mmu_tag(v, linear);
	e->gpa = w->gpa;
	e->host = ram_at(&v->vm->ram, w->gpa, PAGE_SIZE);
	e->rights = rights;
	e->shift = w->shift;
	e->global = w->global && v->s.cr4 & CR4_PGE;
	v->mmu.large |= w->shift > 12;
	return e;
}

static int translate(struct vcpu *v, u64 linear, u32 access, struct mmu_tlb_entry **entry)
{
	u32 need = (access & RIGHT_MASK) << mmu_right(v, access), rights;
	struct walk w;

	if (!paging(v)) {
		w = (struct walk){ .gpa = linear & ~(u64)PAGE_MASK, .shift = 12 };
		*entry = fill(v, linear, &w, rights_word(v, RIGHT_MASK, RIGHT_MASK, RIGHT_MASK));
		return 0;
	}
	if (walk(v, linear, &w))
		return page_fault(v, linear, access, w.error);
	rights = rights_of(v, &w);
	if ((rights & need) != need)
		return page_fault(v, linear, access, PF_P);
	set_bits(v, &w, access & ACC_WRITE);
	*entry = fill(v, linear, &w, w.dirty ? rights : rights & ~(EVERYONE * ACC_WRITE));
	return 0;
}

/* A global page that was cached under another PCID. */
static bool adopt(struct vcpu *v, u64 linear, u32 access)
{
	struct mmu_tlb_entry *e = mmu_slot(v, linear);

	if (!e->global || (e->tag ^ linear >> 12) << 12)
		return false;
	e->tag = mmu_tag(v, linear);
	return mmu_hit(v, linear, mmu_right(v, access), access);
}

int mmu_translate(struct vcpu *v, u64 linear, u32 access, struct mmu_tlb_entry **entry)
{
	u64 start;
	int r;

	if (!long_mode(v))
		linear = (u32)linear;
	*entry = mmu_hit(v, linear, mmu_right(v, access), access);
	if (likely(*entry))
		return 0;
	if (adopt(v, linear, access)) {
		*entry = mmu_slot(v, linear);
		return 0;
	}
	if (!canonical(linear))
		return raise_err(v, GP, 0);
	start = __builtin_ia32_rdtsc();
	r = translate(v, linear, access, entry);
	if (!r)
		trap_add(&v->vm->traps, TRAP_TLB_FILL, __builtin_ia32_rdtsc() - start);
	return r;
}

u64 mmu_peek(struct vcpu *v, u64 linear)
{
	struct walk w;

	if (!long_mode(v))
		linear = (u32)linear;
	if (!paging(v))
		return linear;
	if (!canonical(linear) || walk(v, linear, &w))
		return ~0ull;
	return w.gpa | (linear & PAGE_MASK);
}

void mmu_flush(struct vcpu *v, bool global_too)
{
	mmu_flush_pcid(v, 0, true, global_too);
}

void mmu_flush_pcid(struct vcpu *v, u32 pcid, bool all_pcids, bool global_too)
{
	/* Without PCIDs those bits of a tag mean nothing. */
	bool all = all_pcids || !(v->s.cr4 & CR4_PCIDE);

	engine_flush(v, global_too);

	for (unsigned int i = 0; i < MMU_TLB; i++) {
		struct mmu_tlb_entry *e = &v->tlb[i];

		if ((all || e->tag >> 52 == pcid) && (global_too || !e->global))
			e->rights = 0;
	}
	if (all && global_too)
		v->mmu.large = false;
}

/* Every PCID's, which the architecture allows; every piece of a large page, which it demands. */
void mmu_flush_page(struct vcpu *v, u64 linear)
{
	struct mmu_tlb_entry *slot;

	if (!long_mode(v))
		linear = (u32)linear;
	engine_flush_page(v, linear);
	slot = mmu_slot(v, linear);
	if (!((slot->tag ^ linear >> 12) << 12))
		slot->rights = 0;
	if (!v->mmu.large)
		return;
	for (unsigned int i = 0; i < MMU_TLB; i++) {
		struct mmu_tlb_entry *e = &v->tlb[i];

		if (!((e->tag << 12 ^ linear) >> e->shift))
			e->rights = 0;
	}
}

void mmu_rights_changed(struct vcpu *v)
{
	u64 config = config_of(v);

	if (v->mmu.config == config)
		return;
	v->mmu.config = config;
	mmu_flush(v, true);
}

int mmu_load_pdptes(struct vcpu *v, u64 cr3)
{
	u64 table = cr3 & 0xffffffe0, value[4];
	u64 reserved = v->mmu.no_address | PAE_IGNORED | PTE_NX | PDPTE_RESERVED;

	for (unsigned int i = 0; i < 4; i++) {
		value[i] = read_entry(ram_at(&v->vm->ram, table + i * 8, 8), 8);
		if (value[i] & PTE_P && value[i] & reserved)
			return raise_err(v, GP, 0);
	}
	for (unsigned int i = 0; i < 4; i++)
		v->mmu.pdpte[i] = value[i];
	return 0;
}
