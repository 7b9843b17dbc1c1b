/* SPDX-License-Identifier: MIT */
/*
 * The TLB, and the rights that it keeps. SDM vol. 3A 4.6, 4.10.
 *
 * A walk reads every level, then rights are decided, then accessed and dirty bits set: an access
 * that faults changes nothing. The TLB grants writing only where the dirty bit is set, so the first
 * write to a page walks again. Which
 * slots are in use is kept as bits, so that a flush costs what it throws away.
 */
#include "backends/swbt/segment.h"
#include "backends/swbt/walk.h"

#include "common/cpuid.h"
#include "common/traplog.h"

#define EVERYONE \
	((u32)(BIT(RIGHT_SUPER) | BIT(RIGHT_SUPER_AC) | BIT(RIGHT_USER) | BIT(RIGHT_USER_AC)))

static bool paging(const struct vcpu *v)
{
	return v->s.cr0 & CR0_PG;
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
	v->mmu.no_address32 = BIT(22) - BIT(bits - 32 + 13);
	v->mmu.has_1g = ext && ext->edx & BIT(26);
	v->mmu.amd = vendor_is_amd(v);
	v->mmu.entry_size = 0; /* not configured */
	mmu_configure(v);
}

/* ---- rights --------------------------------------------------------------------------------- */

static u32 rights_word(const struct vcpu *v, u32 super, u32 super_ac, u32 user)
{
	u32 user_ac = v->s.cr0 & CR0_AM ? 0 : user;

	return super << RIGHT_SUPER | super_ac << RIGHT_SUPER_AC | user << RIGHT_USER |
	       user_ac << RIGHT_USER_AC;
}

/* Of a page by walk_rights. SDM vol. 3A 4.6.1, dirty bits aside. */
static u32 rights_of(const struct vcpu *v, unsigned int allowed)
{
	bool is_user = allowed & 1, write = allowed & 2;
	u32 exec = allowed & 4 ? 0 : ACC_EXEC;
	u32 user = !is_user ? 0 : ACC_READ | (write ? ACC_WRITE : 0) | exec;
	u32 super_ac = ACC_READ | (write || !(v->s.cr0 & CR0_WP) ? ACC_WRITE : 0) | exec;
	u32 super;

	if (is_user && v->s.cr4 & CR4_SMEP)
		super_ac &= ~(u32)ACC_EXEC;
	super = super_ac;
	if (is_user && v->s.cr4 & CR4_SMAP)
		super &= ACC_EXEC;
	return rights_word(v, super, super_ac, user);
}

void mmu_configure(struct vcpu *v)
{
	struct mmu *m = &v->mmu;
	u64 config = config_of(v), changed;

	m->cr0 = v->s.cr0;
	m->cr4 = v->s.cr4;
	m->efer = v->s.efer;
	if (m->config == config && m->entry_size)
		return;
	changed = m->entry_size ? m->config ^ config : ~0ull;
	m->config = config;
	mmu_flush(v, true);
	if (!(changed & ~(CR4_PGE | CR4_PCIDE)))
		return;
	for (unsigned int allowed = 0; allowed < ARRAY_SIZE(m->rights); allowed++)
		m->rights[allowed] = rights_of(v, allowed);
	walk_configure(v);
}

static __attribute__((noinline)) int page_fault(struct vcpu *v, u64 linear, u32 access, u32 error)
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

/* ---- the TLB -------------------------------------------------------------------------------- */

static void note_region(struct mmu_large *l, u64 region)
{
	unsigned int word = region / 64 % ARRAY_SIZE(l->mega);

	l->mega[word] |= BIT64(region % 64);
	l->words[word / 64] |= BIT64(word % 64);
}

/* Large pages are kept in pieces of 4 KiB. Where there may be any, by what INVLPG is told. */
static void note_large(struct vcpu *v, u64 linear, unsigned int shift)
{
	struct mmu_large *l = &v->mmu.large;
	u64 giga = linear >> 30;

	l->any = true;
	if (shift >= 30)
		l->giga[giga / 64 % ARRAY_SIZE(l->giga)] |= BIT64(giga % 64);
	else
		note_region(l, linear >> 21);
	if (shift == 22)
		note_region(l, linear >> 21 ^ 1);
}

static void forget_large(struct mmu_large *l)
{
	if (!l->any)
		return;
	l->any = false;
	for (unsigned int i = 0; i < ARRAY_SIZE(l->giga); i++)
		l->giga[i] = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(l->words); i++) {
		for (u64 words = l->words[i]; words; words &= words - 1)
			l->mega[i * 64 + (unsigned int)__builtin_ctzll(words)] = 0;
		l->words[i] = 0;
	}
}

/* Log2 of the size of the largest page that LINEAR's may be a piece of. */
static unsigned int may_be_large(const struct vcpu *v, u64 linear)
{
	const struct mmu_large *l = &v->mmu.large;
	u64 region = linear >> 21, giga = linear >> 30;

	if (unlikely(l->giga[giga / 64 % ARRAY_SIZE(l->giga)] >> giga % 64 & 1))
		return 30;
	if (unlikely(l->mega[region / 64 % ARRAY_SIZE(l->mega)] >> region % 64 & 1))
		return 22;
	return 12;
}

static inline void use_slot(struct vcpu *v, unsigned int slot, bool global)
{
	v->mmu.used[slot / 64] |= BIT64(slot % 64);
	if (global)
		v->mmu.local[slot / 64] &= ~BIT64(slot % 64);
	else
		v->mmu.local[slot / 64] |= BIT64(slot % 64);
}

static inline struct mmu_tlb_entry *fill(struct vcpu *v, u64 linear, u64 gpa, u32 rights,
					 unsigned int shift, bool global)
{
	struct mmu_tlb_entry *e = mmu_slot(v, linear);

	e->tag = mmu_tag(v, linear);
	e->gpa = gpa;
	e->host = ram_at(&v->vm->ram, gpa, PAGE_SIZE);
	e->rights = rights;
	e->shift = (u8)shift;
	e->global = global;
	use_slot(v, (unsigned int)(e - v->tlb), global);
	if (shift > 12)
		note_large(v, linear, shift);
	return e;
}

static struct mmu_tlb_entry *identity(struct vcpu *v, u64 linear)
{
	u32 rights = rights_word(v, RIGHT_MASK, RIGHT_MASK, RIGHT_MASK);

	return fill(v, linear, linear & ~(u64)PAGE_MASK, rights, 12, false);
}

static int find(struct vcpu *v, u64 linear, u32 access, struct mmu_tlb_entry **entry)
{
	u32 need = (access & RIGHT_MASK) << mmu_right(v, access), rights;
	struct walk w;

	if (unlikely(!paging(v))) {
		*entry = identity(v, linear);
		return 0;
	}
	if (unlikely(walk(v, linear, &w)))
		return page_fault(v, linear, access, w.error);
	rights = v->mmu.rights[walk_rights(w.all, w.any)];
	if (unlikely((rights & need) != need))
		return page_fault(v, linear, access, PF_P);
	if (!(w.all & PTE_A) || (access & ACC_WRITE && !w.dirty))
		walk_mark(v, &w, access & ACC_WRITE);
	if (!w.dirty)
		rights &= ~(EVERYONE * ACC_WRITE);
	walk_remember(v, linear, &w);
	*entry = fill(v, linear, w.gpa, rights, w.shift, w.global && v->s.cr4 & CR4_PGE);
	return 0;
}

static int translate(struct vcpu *v, u64 linear, u32 access, struct mmu_tlb_entry **entry)
{
	enum account_part before = account_enter(v->account, ACCOUNT_FILL);
	int r = find(v, linear, access, entry);

	account_leave(v->account, before);
	return r;
}

/* A global page that was cached under another PCID. */
static bool adopt(struct vcpu *v, u64 linear, u32 access)
{
	struct mmu_tlb_entry *e = mmu_slot(v, linear);

	if (likely(!e->global) || (e->tag ^ linear >> 12) << 12)
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
	if (unlikely(!canonical(linear)))
		return raise_err(v, GP, 0);
	mmu_rights_changed(v);
	if (adopt(v, linear, access)) {
		*entry = mmu_slot(v, linear);
		return 0;
	}
	start = traplog_clock(&v->vm->traps);
	r = translate(v, linear, access, entry);
	if (r)
		return r;
	v->vm->traps.c[TRAP_TLB_FILL].count++;
	traplog_note(&v->vm->traps, TRAP_TLB_FILL, start, v->s.rip);
	return 0;
}

/* Like the page that was looked for, but for the accessed bit: what nobody has accessed yet is not
 * ours to load without setting it. */
static bool neighbour(struct vcpu *v, const struct mmu_table *t, u64 value, struct mmu_tlb_entry *e)
{
	const struct mmu *m = &v->mmu;

	if (value & m->level[1].reserved_leaf)
		return false;
	e->gpa = value & PTE_ADDRESS;
	e->host = ram_at(&v->vm->ram, e->gpa, PAGE_SIZE);
	if (!e->host)
		return false;
	e->rights = m->rights[walk_rights(t->all & value, t->any | value)];
	if (!(value & PTE_D))
		e->rights &= ~(EVERYONE * ACC_WRITE);
	e->global = value & PTE_G && v->s.cr4 & CR4_PGE;
	return true;
}

unsigned int mmu_neighbours(struct vcpu *v, u64 linear, struct mmu_tlb_entry e[MMU_NEAR])
{
	const struct mmu_table *t = walk_table(v, linear);
	unsigned int size = v->mmu.entry_size, own = linear >> 12 & (MMU_NEAR - 1), found = 0;
	const u8 *line;

	if (unlikely(!t))
		return 0;
	line = walk_table_entry(v, t, linear) - own * size;
	for (unsigned int n = 0; n < MMU_NEAR; n++) {
		u64 value = walk_entry(line + n * size, size);

		if ((value & (PTE_P | PTE_A)) == (PTE_P | PTE_A) && n != own &&
		    neighbour(v, t, value, &e[n]))
			found |= BIT(n);
	}
	return found;
}

bool mmu_probe(struct vcpu *v, u64 linear, struct mmu_tlb_entry *e)
{
	struct walk w;

	mmu_rights_changed(v);
	*e = (struct mmu_tlb_entry){ .gpa = linear & ~(u64)PAGE_MASK, .shift = 12 };
	if (!paging(v)) {
		e->rights = rights_word(v, RIGHT_MASK, RIGHT_MASK, RIGHT_MASK);
	} else {
		if (walk(v, linear, &w) || !(w.all & PTE_A))
			return false;
		walk_remember(v, linear, &w);
		e->gpa = w.gpa;
		e->shift = w.shift;
		e->global = w.global && v->s.cr4 & CR4_PGE;
		e->rights = v->mmu.rights[walk_rights(w.all, w.any)];
		if (!w.dirty)
			e->rights &= ~(EVERYONE * ACC_WRITE);
	}
	e->host = ram_at(&v->vm->ram, e->gpa, PAGE_SIZE);
	return e->host;
}

u64 mmu_peek(struct vcpu *v, u64 linear)
{
	struct walk w;

	if (!long_mode(v))
		linear = (u32)linear;
	if (!paging(v))
		return linear;
	mmu_rights_changed(v);
	if (!canonical(linear) || walk(v, linear, &w))
		return ~0ull;
	return w.gpa | (linear & PAGE_MASK);
}

/* ---- flushing ------------------------------------------------------------------------------- */

static void drop_all(struct vcpu *v)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(v->mmu.used); i++) {
		for (u64 used = v->mmu.used[i]; used; used &= used - 1)
			v->tlb[i * 64 + (unsigned int)__builtin_ctzll(used)].rights = 0;
		v->mmu.used[i] = v->mmu.local[i] = 0;
	}
	forget_large(&v->mmu.large);
}

/* What is not global. */
static void drop_local(struct vcpu *v)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(v->mmu.local); i++) {
		u64 local = v->mmu.local[i];

		if (!local)
			continue;
		v->mmu.used[i] &= ~local;
		v->mmu.local[i] = 0;
		for (; local; local &= local - 1)
			v->tlb[i * 64 + (unsigned int)__builtin_ctzll(local)].rights = 0;
	}
}

static void drop_pcid(struct vcpu *v, u32 pcid)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(v->mmu.local); i++) {
		for (u64 local = v->mmu.local[i]; local; local &= local - 1) {
			struct mmu_tlb_entry *e =
				&v->tlb[i * 64 + (unsigned int)__builtin_ctzll(local)];

			if (e->tag >> 52 == pcid)
				e->rights = 0;
		}
	}
}

void mmu_flush(struct vcpu *v, bool global_too)
{
	engine_flush(v, global_too);
	v->mmu.epoch++;
	if (global_too)
		drop_all(v);
	else
		drop_local(v);
}

void mmu_flush_pcid(struct vcpu *v, u32 pcid)
{
	engine_flush(v, false);
	v->mmu.epoch++;
	/* Without PCIDs those bits of a tag mean nothing. */
	if (v->s.cr4 & CR4_PCIDE)
		drop_pcid(v, pcid);
	else
		drop_local(v);
}

static __attribute__((noinline)) void drop_pieces(struct vcpu *v, u64 linear)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(v->mmu.used); i++) {
		for (u64 used = v->mmu.used[i]; used; used &= used - 1) {
			struct mmu_tlb_entry *e =
				&v->tlb[i * 64 + (unsigned int)__builtin_ctzll(used)];

			if (!((e->tag << 12 ^ linear) >> e->shift))
				e->rights = 0;
		}
	}
}

/* Every PCID's, which the architecture allows; every piece of a large page, which it demands. */
void mmu_flush_page(struct vcpu *v, u64 linear)
{
	struct mmu_tlb_entry *slot;
	unsigned int shift;

	if (!long_mode(v))
		linear = (u32)linear;
	shift = may_be_large(v, linear);
	engine_flush_page(v, linear, shift);
	v->mmu.epoch++;
	slot = mmu_slot(v, linear);
	if (!((slot->tag ^ linear >> 12) << 12))
		slot->rights = 0;
	if (unlikely(shift > 12))
		drop_pieces(v, linear);
}
