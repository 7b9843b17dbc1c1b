/* SPDX-License-Identifier: MIT */
#include "backends/swbt/bt/pagetable.h"
#include "backends/swbt/bt/tunables.h"

#include <errno.h>
#include <asm/prctl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESERVED \
	(SPACE_READ + SPACE_GS + TABLE_SIZE + SPACE_BEHIND + REGIONS * sizeof(struct region))
#define MAP_SIZE  (NR_SPACES * SPACE_STRIDE + ALIAS_STEP)
#define LINE	  8u /* entries in a cache line */
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

_Static_assert(VCPU_BELOW_LARGE == SPACE_TARGETS && SPACE_TARGETS_SIZE % VCPU_LARGE == 0 &&
		       ALIAS_STEP % VCPU_LARGE == 0,
	       "targets are large pages");

/* ---- making ---------------------------------------------------------------------------------- */

static int space_init(struct space *s, u8 *map, int vcpu_fd, size_t vcpu_size, bool kernel)
{
	int r = 0;

	s->any.region = malloc(BT_REGIONS * sizeof(*s->any.region));
	s->local.region = malloc(BT_REGIONS * sizeof(*s->local.region));
	if (!s->any.region || !s->local.region)
		return -ENOMEM;
	/* A large page for one entry would cost more than it saves. */
	madvise(map, RESERVED, MADV_NOHUGEPAGE);
	/* A kernel's targets are all over their tables. */
	if (kernel)
		madvise(map + SPACE_TARGETS, 2 * SPACE_TARGETS_SIZE, MADV_HUGEPAGE);
	s->base = map;
	s->read = (u64 *)(void *)(s->base + SPACE_READ);
	s->write = (u64 *)(void *)(s->base + SPACE_READ + SPACE_GS);
	s->region = (struct region *)(void *)(s->base + SPACE_READ + SPACE_GS + TABLE_SIZE +
					      SPACE_BEHIND);
	if (mmap(s->base, vcpu_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, vcpu_fd, 0) ==
	    MAP_FAILED)
		return -errno;
	for (unsigned int n = 0; !r && n < ARRAY_SIZE(s->targets); n++)
		r = targets_init(&s->targets[n], s->base + SPACE_TARGETS + n * SPACE_TARGETS_SIZE);
	return r ? r : seen_init(&s->seen, s->base + SPACE_SEEN);
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
	u8 *map;

	if (vcpu_size > SPACE_SEEN || RESERVED > SPACE_STRIDE)
		return -EINVAL;
	if (r)
		return r;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, SPACE_GS))
		return -errno;
	map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	t->map = map;
	map += ALIGN_DOWN((uintptr_t)v - (uintptr_t)map, PAGE_SIZE) % ALIAS_STEP;
	for (unsigned int n = 0; !r && n < NR_SPACES; n++, map += SPACE_STRIDE)
		r = space_init(&t->space[n], map, vcpu_fd, vcpu_size, n == SPACE_SUPER);
	return r;
}

void pagetable_fini(struct pagetable *t)
{
	for (unsigned int n = 0; n < NR_SPACES; n++) {
		struct space *s = &t->space[n];

		free(s->any.region);
		free(s->local.region);
		seen_fini(&s->seen);
		for (unsigned int k = 0; k < ARRAY_SIZE(s->targets); k++)
			targets_fini(&s->targets[k]);
	}
	if (t->map)
		munmap(t->map, MAP_SIZE);
	for (unsigned int n = 0; n < ARRAY_SIZE(t->aliases.at); n++)
		if (t->aliases.at[n])
			munmap(t->aliases.at[n], t->aliases.size);
	*t = (struct pagetable){ 0 };
}

/* ---- entries --------------------------------------------------------------------------------- */

static inline u64 line_bit(u32 page)
{
	return BIT64(page / LINE % 64);
}

static void list(struct region_list *l, struct space *s, struct region *r, u8 what)
{
	l->region[l->nr++] = (u32)(r - s->region);
	r->listed |= what;
}

/* Where PAGE's entries are noted. */
static inline struct region *region_of(struct pagetable *t, struct space *s, u32 page, bool global)
{
	struct region *r = &s->region[page >> 9];

	if (unlikely(!(r->listed & REGION_ANY))) {
		if (unlikely(s->any.nr == BT_REGIONS))
			pagetable_flush(t, true);
		list(&s->any, s, r, REGION_ANY);
	}
	/* What is on this list is on the other one, so there is room. */
	if (!global && !(r->listed & REGION_LOCAL))
		list(&s->local, s, r, REGION_LOCAL);
	return r;
}

static inline void enter(struct space *s, struct region *r, u32 page, u64 delta, bool write,
			 bool global)
{
	u64 line = line_bit(page);

	s->read[page] = delta;
	r->read |= line;
	if (!global)
		r->local |= line;
	if (write) {
		s->write[page] = delta;
		r->write |= line;
	}
}

static inline bool may_write(const struct vcpu *v, const struct mmu_tlb_entry *e)
{
	/* The TLB grants writing only when the dirty bit is set. */
	return e->rights >> mmu_right(v, 0) & ACC_WRITE && !v->code_pages[e->gpa >> 12];
}

/* The pages next to LINEAR's that are pieces of the same large page. */
static void fill_pieces(struct space *s, struct region *r, struct vcpu *v, u32 page,
			const struct mmu_tlb_entry *e, u64 delta)
{
	u32 first = page & ~(LINE - 1);
	u64 gpa = (e->gpa & ~(u64)PAGE_MASK) - ((u64)(page - first) << 12);
	bool write = e->rights >> mmu_right(v, 0) & ACC_WRITE;

	if (!ram_at(&v->vm->ram, gpa, LINE * PAGE_SIZE))
		return;
	for (u32 n = 0; n < LINE; n++)
		if (first + n != page)
			enter(s, r, first + n, delta, write && !v->code_pages[(gpa >> 12) + n],
			      e->global);
}

/* R is listed for what is GLOBAL or not. */
static void fill_neighbours(struct space *s, struct region *r, struct vcpu *v, u64 linear,
			    bool global)
{
	struct mmu_tlb_entry near[MMU_NEAR];
	unsigned int found = mmu_neighbours(v, linear, near);
	u64 first = linear & ~(u64)(MMU_NEAR * PAGE_SIZE - 1);
	enum mmu_right right = mmu_right(v, 0);

	for (; found; found &= found - 1) {
		unsigned int n = (unsigned int)__builtin_ctz(found);
		u64 at = first + n * PAGE_SIZE;

		if (near[n].rights >> right & ACC_READ && near[n].global == global)
			enter(s, r, (u32)(at >> 12), (uintptr_t)near[n].host - at,
			      may_write(v, &near[n]), global);
	}
}

int pagetable_fill(struct pagetable *t, struct space *s, struct vcpu *v, u64 linear, u32 access)
{
	struct mmu_tlb_entry *e;
	u32 page = (u32)(linear >> 12);
	struct region *r;
	bool first;
	u64 delta;

	if (mmu_translate(v, linear, access, &e))
		return EXC;
	if (!e->host || (access & ACC_WRITE && v->code_pages[e->gpa >> 12]))
		return FILL_SLOW;
	delta = (uintptr_t)e->host - (linear & ~(u64)PAGE_MASK);
	/* An entry that says so is none. */
	if (unlikely(!delta))
		return FILL_SLOW;
	r = region_of(t, s, page, e->global);
	first = !(r->read & line_bit(page));
	enter(s, r, page, delta, may_write(v, e), e->global);
	if (!first)
		; /* its neighbours were looked at when this line was */
	else if (e->shift > 12)
		fill_pieces(s, r, v, page, e, delta);
	else
		fill_neighbours(s, r, v, linear, e->global);
	t->fills++;
	return 0;
}

/* ---- taking away ----------------------------------------------------------------------------- */

/* No line of WRITE lets WANTED, a page of the host, be written. */
static void protect(struct space *s, u32 first, u64 lines, u32 wanted)
{
	for (; lines; lines &= lines - 1) {
		u32 page = first + (u32)__builtin_ctzll(lines) * LINE;

		for (unsigned int n = 0; n < LINE; n++, page++) {
			u64 *entry = &s->write[page];

			if (*entry && (u32)(*entry >> 12) + page == wanted)
				*entry = 0;
		}
	}
}

void pagetable_protect(struct pagetable *t, const u8 *host)
{
	u32 wanted = (u32)((uintptr_t)host >> 12);

	for (unsigned int n = 0; n < NR_SPACES; n++) {
		struct space *s = &t->space[n];

		for (unsigned int i = 0; i < s->any.nr; i++) {
			u32 region = s->any.region[i];

			protect(s, region << 9, s->region[region].write, wanted);
		}
	}
}

static void clear_line(u64 *entry)
{
	for (unsigned int n = 0; n < LINE; n++)
		entry[n] = 0;
}

/* Clear those LINES of REGION that are in use. */
static void clear(struct space *s, u32 region, u64 lines)
{
	struct region *r = &s->region[region];
	u64 *read = &s->read[region << 9], *write = &s->write[region << 9];

	for (u64 bits = r->read & lines; bits; bits &= bits - 1)
		clear_line(read + (unsigned int)__builtin_ctzll(bits) * LINE);
	for (u64 bits = r->write & lines; bits; bits &= bits - 1)
		clear_line(write + (unsigned int)__builtin_ctzll(bits) * LINE);
	r->read &= ~lines;
	r->write &= ~lines;
	r->local &= ~lines;
}

static void space_flush(struct space *s, bool global_too)
{
	while (s->local.nr) {
		u32 region = s->local.region[--s->local.nr];

		clear(s, region, s->region[region].local);
		s->region[region].listed &= (u8)~REGION_LOCAL;
	}
	if (s->seen.nr)
		seen_flush(&s->seen, global_too);
	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		if (s->targets[n].local.nr | s->targets[n].global.nr)
			targets_flush(&s->targets[n], global_too);
	if (!global_too)
		return;
	while (s->any.nr) {
		u32 region = s->any.region[--s->any.nr];

		clear(s, region, ~0ull);
		s->region[region].listed = 0;
	}
}

void pagetable_flush(struct pagetable *t, bool global_too)
{
	t->flushes++;
	for (unsigned int n = 0; n < NR_SPACES; n++)
		space_flush(&t->space[n], global_too);
}

/* All pieces of a large page. */
static void clear_large(struct space *s, u32 region, unsigned int shift)
{
	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		targets_flush(&s->targets[n], true);
	if (shift <= 22) {
		clear(s, region, ~0ull);
		clear(s, region ^ 1, ~0ull);
		return;
	}
	for (unsigned int i = 0; i < s->any.nr; i++)
		if ((s->any.region[i] ^ region) >> (shift - 21) == 0)
			clear(s, s->any.region[i], ~0ull);
}

static void space_flush_page(struct space *s, u64 linear, unsigned int shift)
{
	u32 page = (u32)(linear >> 12);
	struct region *r = &s->region[page >> 9];

	if (s->seen.nr)
		seen_flush_page(&s->seen, linear);
	if (unlikely(shift > 12)) {
		clear_large(s, page >> 9, shift);
		return;
	}
	for (unsigned int n = 0; n < ARRAY_SIZE(s->targets); n++)
		if (s->targets[n].local.nr | s->targets[n].global.nr)
			targets_flush_page(&s->targets[n], linear);
	if (!s->any.nr)
		return;
	if (r->read & line_bit(page))
		s->read[page] = 0;
	if (r->write & line_bit(page))
		s->write[page] = 0;
}

void pagetable_flush_page(struct pagetable *t, u64 linear, unsigned int shift)
{
	for (unsigned int n = 0; n < NR_SPACES; n++)
		if (t->space[n].used)
			space_flush_page(&t->space[n], linear, shift);
}

void pagetable_follow(struct pagetable *t, u64 cr3)
{
	for (unsigned int n = 0; n < NR_SPACES; n++)
		space_flush(&t->space[n], false);
	t->cr3 = cr3;
}
