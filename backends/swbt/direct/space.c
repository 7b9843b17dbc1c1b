/* SPDX-License-Identifier: MIT */
/*
 * A table of what is mapped, by linear address and by guest-physical page, of pages of 4 KiB and of
 * 2 MiB; and the system calls that the world has still to make. An entry goes from the table at
 * once and its pages a little later, before the guest runs again, so nobody can tell.
 */
#include "backends/swbt/direct/space.h"

#include "backends/swbt/mmu.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ENTRIES 8192 /* far fewer than a process may have mappings (vm.max_map_count) */
#define BUCKETS 4096
#define NONE	0xffffu
#define LARGE	21
/* With more than that in doubt it is cheaper to begin anew. */
#define RECHECKED 1024

struct entry {
	u64 linear, gpa;
	u32 seen; /* the time when it was mapped, or looked at again; 0: it is in doubt */
	u8 shift, prot;
	bool used, global, asked; /* asked: doubted by its address */
	u16 next, next_gpa;	  /* in their buckets; next: of the free ones, too */
};

struct space {
	struct world *w;
	u64 mapped;
	unsigned int nr, nr_large;
	unsigned int high; /* entries from here on were never used */
	bool unmap_all;	   /* before the calls */
	/* The time, and when all pages, and those that are not global, came into doubt. */
	u32 now, doubt_all, doubt_local;
	bool doubts; /* there may be pages in doubt */
	unsigned int nr_calls;
	u16 free;
	u16 by_linear[BUCKETS], by_gpa[BUCKETS];
	struct entry e[ENTRIES];
	struct world_call call[WORLD_CALLS];
};

/* ---- the table ------------------------------------------------------------------------------- */

static u16 *linear_bucket(struct space *s, u64 linear, unsigned int shift)
{
	return &s->by_linear[((linear >> shift) ^ (linear >> (shift + 12)) ^ (shift << 5)) %
			     BUCKETS];
}

static u16 *gpa_bucket(struct space *s, u64 gpa)
{
	/* By 2 MiB, so that a page finds what is mapped in larger pieces. */
	return &s->by_gpa[(gpa >> LARGE) % BUCKETS];
}

/* Costs what there is. */
static void forget_all(struct space *s)
{
	for (unsigned int n = 0; n < s->high; n++) {
		if (!s->e[n].used)
			continue;
		*linear_bucket(s, s->e[n].linear, s->e[n].shift) = NONE;
		*gpa_bucket(s, s->e[n].gpa) = NONE;
	}
	s->free = NONE;
	s->high = s->nr = s->nr_large = 0;
}

static struct entry *find(const struct space *s, u64 linear, unsigned int shift)
{
	struct space *t = (struct space *)(uintptr_t)s;

	linear &= ~((1ull << shift) - 1);
	for (u16 n = *linear_bucket(t, linear, shift); n != NONE; n = s->e[n].next)
		if (s->e[n].linear == linear && s->e[n].shift == shift)
			return &t->e[n];
	return NULL;
}

/* What is mapped at LINEAR, in whichever size. */
static struct entry *find_any(const struct space *s, u64 linear)
{
	struct entry *e = find(s, linear, 12);

	return e || !s->nr_large ? e : find(s, linear, LARGE);
}

static void take_out(struct space *s, struct entry *e)
{
	u16 me = (u16)(e - s->e), *at = linear_bucket(s, e->linear, e->shift);

	while (*at != me)
		at = &s->e[*at].next;
	*at = e->next;
	at = gpa_bucket(s, e->gpa);
	while (*at != me)
		at = &s->e[*at].next_gpa;
	*at = e->next_gpa;
	s->nr--;
	s->nr_large -= e->shift == LARGE;
	e->used = false;
	e->next = s->free;
	s->free = me;
}

static void put_in(struct space *s, const struct space_page *p)
{
	u16 me = s->free == NONE ? (u16)s->high++ : s->free;
	u16 *at = linear_bucket(s, p->linear, p->shift);
	struct entry *e = &s->e[me];

	if (me == s->free)
		s->free = e->next;
	*e = (struct entry){ .linear = p->linear,
			     .gpa = p->gpa,
			     .seen = s->now,
			     .shift = p->shift,
			     .prot = (u8)p->prot,
			     .used = true,
			     .global = p->global,
			     .next = *at };
	*at = me;
	at = gpa_bucket(s, p->gpa);
	e->next_gpa = *at;
	*at = me;
	s->nr++;
	s->nr_large += p->shift == LARGE;
}

static bool in_doubt(const struct space *s, const struct entry *e)
{
	return e->seen <= (e->global ? s->doubt_all : s->doubt_local);
}

/* ---- what the world has to do ---------------------------------------------------------------- */

static int make_calls(struct space *s)
{
	unsigned int nr = s->nr_calls;

	s->nr_calls = 0;
	return nr ? s->w->transport->calls(s->w, s->call, nr) : 0;
}

static void unmap_all(struct space *s)
{
	s->unmap_all = true;
	s->nr_calls = 0;
	forget_all(s);
}

/* A slot for a call, or NULL: there are so many that all goes. */
static struct world_call *new_call(struct space *s)
{
	if (s->nr_calls == WORLD_CALLS - 1) {
		unmap_all(s);
		return NULL;
	}
	return &s->call[s->nr_calls++];
}

static void queue_munmap(struct space *s, u64 linear, u64 size)
{
	struct world_call *c = s->nr_calls ? &s->call[s->nr_calls - 1] : NULL;

	/* Pages next to each other go together. */
	if (c && c->nr == __NR_munmap && c->arg[0] + c->arg[1] == linear) {
		c->arg[1] += size;
		return;
	}
	if (c && c->nr == __NR_munmap && linear + size == c->arg[0]) {
		c->arg[0] = linear;
		c->arg[1] += size;
		return;
	}
	c = new_call(s);
	if (c)
		*c = (struct world_call){ __NR_munmap, { linear, size } };
}

static void drop(struct space *s, struct entry *e)
{
	u64 linear = e->linear, size = 1ull << e->shift;

	take_out(s, e);
	queue_munmap(s, linear, size);
}

static void drop_doubted(struct space *s)
{
	for (unsigned int n = 0; s->nr && n < s->high; n++)
		if (s->e[n].used && in_doubt(s, &s->e[n]))
			drop(s, &s->e[n]);
	s->doubts = false;
}

int space_sync(struct space *s)
{
	int r = 0;

	if (s->doubts)
		drop_doubted(s);
	if (s->unmap_all) {
		struct world_call all = { __NR_munmap, { s->w->low, WORLD_HIGH - s->w->low } };

		s->unmap_all = false;
		r = s->w->transport->calls(s->w, &all, 1);
	}
	if (!r)
		r = make_calls(s);
	if (r && r != -ESRCH)
		unmap_all(s);
	return r;
}

/* ---- the interface --------------------------------------------------------------------------- */

struct space *space_new(struct world *w)
{
	struct space *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->w = w;
	s->now = 1;
	s->free = NONE;
	for (unsigned int n = 0; n < BUCKETS; n++)
		s->by_linear[n] = s->by_gpa[n] = NONE;
	return s;
}

void space_free(struct space *s)
{
	free(s);
}

/* What of the table P is going to lie on. */
static void make_room(struct space *s, const struct space_page *p)
{
	struct entry *e = find_any(s, p->linear);

	if (p->shift == LARGE) {
		space_unmap(s, p->linear, LARGE);
	} else if (e && e->shift == LARGE) {
		drop(s, e); /* all of it: the table has no holes */
	} else if (e) {
		take_out(s, e);
	}
	if (s->free == NONE && s->high == ENTRIES)
		unmap_all(s);
}

int space_map(struct space *s, const struct space_page *p)
{
	u64 size = 1ull << p->shift;
	struct world_call *c;

	if (p->linear < s->w->low || p->linear >= WORLD_HIGH || size > WORLD_HIGH - p->linear)
		return -ERANGE;
	make_room(s, p);
	c = new_call(s);
	if (!c)
		c = new_call(s);
	*c = (struct world_call){ __NR_mmap,
				  { p->linear, size, (u64)p->prot, MAP_SHARED | MAP_FIXED,
				    (u64)p->fd, p->offset } };
	put_in(s, p);
	s->mapped++;
	return 0;
}

void space_unmap(struct space *s, u64 linear, unsigned int shift)
{
	u64 size = 1ull << shift;
	struct entry *e;

	linear &= ~(size - 1);
	if (shift <= 12) {
		while ((e = find_any(s, linear)))
			drop(s, e);
		return;
	}
	for (unsigned int n = 0; s->nr && n < s->high; n++) {
		e = &s->e[n];
		if (e->used && e->linear < linear + size && linear < e->linear + (1ull << e->shift))
			drop(s, e);
	}
}

void space_flush(struct space *s, bool global_too)
{
	if (!s->nr)
		return;
	if (global_too) {
		unmap_all(s);
		return;
	}
	for (unsigned int n = 0; s->nr && n < s->high; n++)
		if (s->e[n].used && !s->e[n].global)
			drop(s, &s->e[n]);
}

void space_doubt(struct space *s, u64 linear, unsigned int shift)
{
	u64 size = 1ull << shift;
	struct entry *e;

	if (shift <= 12) {
		for (e = find_any(s, linear); e; e = e->shift == 12 ? find(s, linear, LARGE) : NULL)
			e->seen = 0, e->asked = true, s->doubts = true;
		return;
	}
	linear &= ~(size - 1);
	for (unsigned int n = 0; s->nr && n < s->high; n++) {
		e = &s->e[n];
		if (e->used && e->linear < linear + size && linear < e->linear + (1ull << e->shift))
			e->seen = 0, e->asked = true, s->doubts = true;
	}
}

void space_doubt_all(struct space *s, bool global_too)
{
	if (!s->nr)
		return;
	/* Once in four thousand million times. */
	if (s->now == UINT32_MAX || s->nr > RECHECKED) {
		space_flush(s, true);
		return;
	}
	s->doubt_local = s->now++;
	if (global_too)
		s->doubt_all = s->doubt_local;
	s->doubts = true;
}

static void recheck(struct space *s, struct entry *e,
		    bool (*check)(void *arg, struct space_page *p), void *arg)
{
	struct space_page p = { .linear = e->linear,
				.gpa = e->gpa,
				.prot = e->prot,
				.shift = e->shift,
				.global = e->global,
				.asked = e->asked };

	if (!check(arg, &p))
		drop(s, e);
	else if (p.gpa != e->gpa || p.prot != e->prot)
		space_map(s, &p);
	else
		e->seen = s->now, e->asked = false;
}

void space_recheck(struct space *s, bool (*check)(void *arg, struct space_page *p), void *arg)
{
	if (!s->doubts)
		return;
	for (unsigned int n = 0; s->nr && n < s->high; n++)
		if (s->e[n].used && in_doubt(s, &s->e[n]))
			recheck(s, &s->e[n], check, arg);
	s->doubts = false;
}

void space_unmap_gpa(struct space *s, u64 gpa, int prot)
{
	u16 n = *gpa_bucket(s, gpa);

	while (n != NONE) {
		struct entry *e = &s->e[n];

		n = e->next_gpa;
		if (e->gpa >> e->shift == gpa >> e->shift && e->prot & prot)
			drop(s, e);
		/* All of it may have gone meanwhile. */
		if (!s->nr)
			return;
	}
}

int space_prot(const struct space *s, u64 linear)
{
	const struct entry *e = find_any(s, linear);

	return e && !in_doubt(s, e) ? e->prot : 0;
}

u64 space_mapped(const struct space *s)
{
	return s->mapped;
}
