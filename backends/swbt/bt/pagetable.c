/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/pagetable.h"
#include "backends/swbt/bt/tunables.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#define RESERVED  (2 * TABLE_SIZE + SPACE_READ)
#define ALIAS_BIT 44

/* AddressSanitizer's shadow memory occupies some of the aliases. Builds with it look for bugs of
 * ours; they do not confine guests. */
#ifdef __SANITIZE_ADDRESS__
#define ALIASES_MAY_BE_TAKEN true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALIASES_MAY_BE_TAKEN true
#endif
#endif
#ifndef ALIASES_MAY_BE_TAKEN
#define ALIASES_MAY_BE_TAKEN false
#endif

/* ---- making ---------------------------------------------------------------------------------- */

static int targets_init(struct targets *t, u8 *at)
{
	t->minus_rip = (u64 *)(void *)at;
	t->host = (u64 *)(void *)(at + SPACE_TARGETS_SIZE);
	t->filled = malloc(BT_TARGETS * sizeof(*t->filled));
	if (!t->filled)
		return -ENOMEM;
	t->minus_rip[0] = 1; /* zero would stand for RIP 0 */
	return 0;
}

static int space_init(struct space *s, int vcpu_fd, size_t vcpu_size)
{
	int r = 0;

	s->touched = malloc(BT_TOUCHED * sizeof(*s->touched));
	if (!s->touched)
		return -ENOMEM;
	s->map = mmap(NULL, RESERVED, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->map == MAP_FAILED)
		return -errno;
	/* A large page for one entry would cost more than it saves. */
	madvise(s->map, RESERVED, MADV_NOHUGEPAGE);
	s->base = s->map + TABLE_SIZE;
	s->write = (u64 *)(void *)s->map;
	s->read = (u64 *)(void *)(s->base + SPACE_READ);
	if (mmap(s->base, vcpu_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, vcpu_fd, 0) ==
	    MAP_FAILED)
		return -errno;
	for (unsigned int n = 0; !r && n < ARRAY_SIZE(s->targets); n++)
		r = targets_init(&s->targets[n],
				 s->base + SPACE_TARGETS + n * 2 * SPACE_TARGETS_SIZE);
	return r;
}

/* Occupy what lies a multiple of 2^44 from RAM, so that nobody else ever does. */
static int reserve_aliases(struct aliases *a, const struct ram *ram)
{
	const u64 in_slot = (uintptr_t)ram->host & (BIT64(ALIAS_BIT) - 1);

	/* An operand may begin or end a little outside. */
	a->size = ram->size + 2 * PAGE_SIZE;
	for (unsigned int n = 0; n < ARRAY_SIZE(a->at); n++) {
		u64 want = ((u64)n << ALIAS_BIT) + in_slot;
		void *p;

		if (want == (uintptr_t)ram->host)
			continue;
		p = mmap((void *)(uintptr_t)(want - PAGE_SIZE), a->size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
		if (p == MAP_FAILED && errno == EEXIST && ALIASES_MAY_BE_TAKEN)
			continue;
		if (p == MAP_FAILED)
			return errno == EEXIST ? -EBUSY : -errno;
		a->at[n] = p;
		if ((uintptr_t)p != want - PAGE_SIZE)
			return -EBUSY;
	}
	return 0;
}

int pagetable_init(struct pagetable *t, struct vcpu *v, int vcpu_fd, size_t vcpu_size)
{
	int r = reserve_aliases(&t->aliases, &v->vm->ram);

	if (vcpu_size > SPACE_TARGETS)
		return -EINVAL;
	for (unsigned int n = 0; !r && n < NR_SPACES; n++)
		r = space_init(&t->space[n], vcpu_fd, vcpu_size);
	return r;
}

void pagetable_fini(struct pagetable *t)
{
	for (unsigned int n = 0; n < NR_SPACES; n++) {
		struct space *s = &t->space[n];

		if (s->map && s->map != MAP_FAILED)
			munmap(s->map, RESERVED);
		free(s->touched);
		for (unsigned int k = 0; k < ARRAY_SIZE(s->targets); k++)
			free(s->targets[k].filled);
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(t->aliases.at); n++)
		if (t->aliases.at[n])
			munmap(t->aliases.at[n], t->aliases.size);
	*t = (struct pagetable){ 0 };
}

/* ---- entries --------------------------------------------------------------------------------- */

/* Where translated code looks for PAGE's entry for writing, counted from the table's start. */
static inline u64 *write_entry(const struct space *s, u32 page)
{
	return &s->write[page ^ BIT(31)];
}

static void remember(struct pagetable *t, struct space *s, u32 page, const struct mmu_tlb_entry *e)
{
	if (s->nr == BT_TOUCHED)
		pagetable_flush(t, true);
	s->touched[s->nr++] =
		(struct touched){ .page = page, .shift = e->shift, .global = e->global };
	s->large |= e->shift > 12;
}

int pagetable_fill(struct pagetable *t, struct space *s, struct vcpu *v, u64 linear, u32 access)
{
	struct mmu_tlb_entry *e;
	u32 page = (u32)(linear >> 12);
	u64 delta;

	if (mmu_translate(v, linear, access, &e))
		return EXC;
	if (!e->host || (access & ACC_WRITE && v->code_pages[e->gpa >> 12]))
		return FILL_SLOW;
	remember(t, s, page, e);
	delta = (uintptr_t)e->host - (linear & ~(u64)PAGE_MASK);
	s->read[page] = delta;
	/* The TLB grants writing only when the dirty bit is set. */
	if (e->rights >> mmu_right(v, 0) & ACC_WRITE && !v->code_pages[e->gpa >> 12])
		*write_entry(s, page) = delta;
	t->fills++;
	return 0;
}

void pagetable_protect(struct pagetable *t, const u8 *host)
{
	u32 wanted = (u32)((uintptr_t)host >> 12);

	for (unsigned int n = 0; n < NR_SPACES; n++) {
		struct space *s = &t->space[n];

		for (unsigned int i = 0; i < s->nr; i++) {
			u64 *entry = write_entry(s, s->touched[i].page);

			if (*entry && (u32)(*entry >> 12) + s->touched[i].page == wanted)
				*entry = 0;
		}
	}
}

static void forget(struct space *s, u32 page)
{
	s->read[page] = 0;
	*write_entry(s, page) = 0;
}

static void space_flush(struct space *s, bool global_too)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < s->nr; i++) {
		if (s->touched[i].global && !global_too)
			s->touched[kept++] = s->touched[i];
		else
			forget(s, s->touched[i].page);
	}
	s->nr = kept;
	s->large &= !global_too;
	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		targets_flush(&s->targets[n]);
}

void pagetable_flush(struct pagetable *t, bool global_too)
{
	t->flushes++;
	for (unsigned int n = 0; n < NR_SPACES; n++)
		space_flush(&t->space[n], global_too);
}

/* One page: all pieces of it where the guest's page is larger. */
static void space_flush_page(struct space *s, u64 linear)
{
	u32 page = (u32)(linear >> 12);

	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		targets_flush(&s->targets[n]);
	forget(s, page);
	if (!s->large)
		return;
	for (unsigned int i = 0; i < s->nr; i++) {
		const struct touched *e = &s->touched[i];

		if (!((e->page ^ page) >> (e->shift - 12)))
			forget(s, e->page);
	}
}

void pagetable_flush_page(struct pagetable *t, u64 linear)
{
	for (unsigned int n = 0; n < NR_SPACES; n++)
		space_flush_page(&t->space[n], linear);
}

struct space *pagetable_space(struct pagetable *t, const struct vcpu *v)
{
	enum space_id id = v->cpl == 3		     ? SPACE_USER
			   : v->s.rflags & RFLAGS_AC ? SPACE_SUPER_AC
						     : SPACE_SUPER;
	struct space *s = &t->space[id];

	/* A CR3 with another PCID need not have flushed anything. */
	if (unlikely(s->cr3 != v->s.cr3)) {
		space_flush(s, false);
		s->cr3 = v->s.cr3;
	}
	return s;
}

/* ---- targets --------------------------------------------------------------------------------- */

static void target_free(struct targets *t, u16 at)
{
	t->minus_rip[at] = at ? 0 : 1;
	t->host[at] = 0;
}

void targets_add(struct targets *t, u64 rip, const u8 *host)
{
	u16 at = (u16)rip;

	if (t->host[at] == (uintptr_t)host && t->minus_rip[at] == 0 - rip)
		return;
	if (t->nr == BT_TARGETS)
		targets_flush(t);
	t->filled[t->nr++] = at;
	t->minus_rip[at] = 0 - rip;
	t->host[at] = (uintptr_t)host;
}

void targets_drop(struct targets *t, u64 rip, const u8 *host)
{
	u16 at = (u16)rip;

	if (t->host[at] == (uintptr_t)host)
		target_free(t, at);
}

void targets_flush(struct targets *t)
{
	while (t->nr)
		target_free(t, t->filled[--t->nr]);
}
