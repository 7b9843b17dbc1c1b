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
	p->soon = false; /* not all of it */
}

bool direct_map(struct direct *d, enum direct_world n, u64 linear, bool soon)
{
	struct vcpu *v = d->v;
	const struct mmu_tlb_entry *e = entry_of(v, linear);
	struct space_page p = { .linear = linear & ~(u64)PAGE_MASK, .shift = 12, .soon = soon };
	int has = space_prot(d->space[n], linear);

	if (!e || !e->host)
		return false;
	p.prot = prot_of(e->rights >> right_of(n) & RIGHT_MASK);
	if (d->patch)
		p.prot &= ~PROT_EXEC;
	if (has_code(v, e->gpa, PAGE_SIZE))
		p.prot &= ~PROT_WRITE;
	/* Where a copy of code is mapped for execution, data of its page is emulated. */
	if (!p.prot || (has & p.prot) == p.prot || (d->patch && has & PROT_EXEC))
		return false;
	p.gpa = e->gpa;
	p.global = e->global;
	p.fd = d->world[n].ram_fd;
	p.offset = ram_offset(v, e->host);
	if (e->shift >= LARGE)
		enlarge(d, &p);
	return !space_map(d->space[n], &p);
}

static enum direct_code map_copy(struct direct *d, enum direct_world n,
				 const struct mmu_tlb_entry *e)
{
	struct space_page p = { .linear = direct_linear(d->v, d->v->s.rip) & ~(u64)PAGE_MASK,
				.gpa = e->gpa,
				.shift = 12,
				.global = e->global,
				.soon = true,
				.fd = d->world[n].copy_fd,
				.prot = patch_prot(d) };

	if (patch_enter(d, e->gpa, &p.offset))
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
	return direct_map(d, n, ip, true) ? CODE_MAPPED : CODE_EMULATE;
}
