/* SPDX-License-Identifier: MIT */
/*
 * From entries of the software TLB to mappings of a world. An entry says what the guest's tables
 * allow at each privilege, and of writing only what needs no dirty bit any more: so a mapping
 * grants what a processor's TLB could have granted by then.
 */
#include "backends/swbt/direct/direct.h"
#include "backends/swbt/direct/patch.h"
#include "backends/swbt/mmu.h"

#include <sys/mman.h>

#define LARGE	   21
#define LARGE_SIZE (1ull << LARGE)

static enum mmu_right right_of(enum direct_world n)
{
	static const enum mmu_right rights[] = {
		[DIRECT_SUPER] = RIGHT_SUPER,
		[DIRECT_SUPER_AC] = RIGHT_SUPER_AC,
		[DIRECT_USER] = RIGHT_USER,
	};

	return rights[n];
}

/* The host has no mappings that can be executed or written but not read. */
static int prot_of(u32 rights)
{
	if (!(rights & ACC_READ))
		return 0;
	return PROT_READ | (rights & ACC_WRITE ? PROT_WRITE : 0) |
	       (rights & ACC_EXEC ? PROT_EXEC : 0);
}

/* The TLB's entry for LINEAR, whatever it allows, or NULL. */
static const struct mmu_tlb_entry *entry_of(struct vcpu *v, u64 linear)
{
	const struct mmu_tlb_entry *e = mmu_slot(v, linear);

	return e->rights && e->tag == mmu_tag(v, linear) ? e : NULL;
}

static bool has_code(const struct vcpu *v, u64 gpa, u64 size)
{
	if (!v->code_pages)
		return false;
	for (u64 page = gpa >> 12; page < (gpa + size) >> 12; page++)
		if (v->code_pages[page])
			return true;
	return false;
}

static u64 ram_offset(const struct vcpu *v, const u8 *host)
{
	return (u64)(host - v->vm->ram.host);
}

/* All 2 MiB around P's page, which are one page of the guest's, or pieces of one, if they are RAM
 * and there is nothing special about any of them. */
static void enlarge(const struct direct *d, struct space_page *p)
{
	u64 linear = p->linear & ~(LARGE_SIZE - 1), gpa = p->gpa & ~(LARGE_SIZE - 1);
	const u8 *host = ram_at(&d->v->vm->ram, gpa, LARGE_SIZE);

	if ((p->linear ^ p->gpa) & (LARGE_SIZE - 1) || linear < d->world[0].low ||
	    linear + LARGE_SIZE > WORLD_HIGH || !host || has_code(d->v, gpa, LARGE_SIZE))
		return;
	p->linear = linear;
	p->gpa = gpa;
	p->offset = ram_offset(d->v, host);
	p->shift = LARGE;
}

bool direct_map(struct direct *d, enum direct_world n, u64 linear)
{
	struct vcpu *v = d->v;
	const struct mmu_tlb_entry *e = entry_of(v, linear);
	struct space_page p = { .linear = linear & ~(u64)PAGE_MASK, .shift = 12 };
	int has = space_prot(d->space[n], linear);

	if (!e || !e->host)
		return false;
	p.prot = prot_of(e->rights >> right_of(n) & RIGHT_MASK);
	if (d->patch)
		p.prot &= ~PROT_EXEC;
	if (has_code(v, e->gpa, PAGE_SIZE))
		p.prot &= ~PROT_WRITE;
	/* Where a copy of code is mapped for execution, data of its page is emulated. */
	if (d->patch && has & PROT_EXEC) {
		patch_accessed(d);
		return false;
	}
	if (!p.prot || (has & p.prot) == p.prot)
		return false;
	p.gpa = e->gpa;
	p.global = e->global;
	p.fd = d->world[n].ram_fd;
	p.offset = ram_offset(v, e->host);
	if (e->shift >= LARGE)
		enlarge(d, &p);
	return !space_map(d->space[n], &p);
}

/* ---- what was flushed ------------------------------------------------------------------------ */

struct recheck {
	struct direct *d;
	enum direct_world n;
};

/* What E allows of P's kind of page: data, or with a patch an executable copy. */
static int allowed(const struct recheck *c, const struct mmu_tlb_entry *e,
		   const struct space_page *p)
{
	int prot = prot_of(e->rights >> right_of(c->n) & RIGHT_MASK);

	if (c->d->patch && p->prot & PROT_EXEC)
		return prot & PROT_EXEC ? patch_prot(c->d) : 0;
	if (c->d->patch)
		prot &= ~PROT_EXEC;
	if (has_code(c->d->v, e->gpa, 1ull << p->shift))
		prot &= ~PROT_WRITE;
	return prot;
}

/* For space_recheck. A processor may load a translation whenever the entry has been accessed. */
static bool still_there(void *arg, struct space_page *p)
{
	const struct recheck *c = arg;
	struct vcpu *v = c->d->v;
	struct mmu_tlb_entry e;
	int prot;

	if (!mmu_probe(v, p->linear, &e) || (p->shift == LARGE && e.shift < LARGE))
		return false;
	prot = allowed(c, &e, p);
	if (e.gpa == p->gpa && e.global == p->global && prot && !(p->prot & ~prot))
		return true;
	/* An entry that was changed by itself is about to be used. */
	if (!p->asked || !prot || p->shift == LARGE || (c->d->patch && p->prot & PROT_EXEC))
		return false;
	p->gpa = e.gpa;
	p->prot = prot;
	p->global = e.global;
	p->fd = c->d->world[c->n].ram_fd;
	p->offset = ram_offset(v, e.host);
	return true;
}

void direct_recheck(struct direct *d, enum direct_world n)
{
	struct recheck c = { d, n };

	space_recheck(d->space[n], still_there, &c);
}

/* ---- code ------------------------------------------------------------------------------------ */

static enum direct_code map_copy(struct direct *d, enum direct_world n,
				 const struct mmu_tlb_entry *e)
{
	struct space_page p = { .linear = direct_linear(d->v, d->v->s.rip) & ~(u64)PAGE_MASK,
				.gpa = e->gpa,
				.shift = 12,
				.global = e->global,
				.fd = d->world[n].copy_fd,
				.prot = patch_prot(d) };
	enum account_part before;
	int r;

	before = account_enter(d->v->account, ACCOUNT_TRANSLATION);
	r = patch_enter(d, e->gpa, &p.offset);
	account_leave(d->v->account, before);
	if (r)
		return CODE_EMULATE;
	if (space_prot(d->space[n], p.linear) & PROT_EXEC || !space_map(d->space[n], &p))
		return CODE_MAPPED;
	return CODE_EMULATE;
}

enum direct_code direct_map_code(struct direct *d, enum direct_world n)
{
	struct vcpu *v = d->v;
	u64 ip = direct_linear(v, v->s.rip);
	struct mmu_tlb_entry *e;

	/* What is mapped need not be open where we go in, nor be right for the FPU as it is. */
	if (!d->patch && space_prot(d->space[n], ip) & PROT_EXEC)
		return CODE_MAPPED;
	if (d->patch && patch_emulates(d))
		return CODE_EMULATE;
	if (mmu_translate(v, ip, ACC_EXEC, &e))
		return CODE_FAULTS;
	if (!e->host)
		return CODE_EMULATE;
	if (d->patch)
		return map_copy(d, n, e);
	return direct_map(d, n, ip) ? CODE_MAPPED : CODE_EMULATE;
}
