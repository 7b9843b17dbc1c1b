/* SPDX-License-Identifier: MIT */
/* The translator's tables: what a miss fills beside the page that was missed, and that whatever the
 * architecture calls a flush takes it away again. */
#include "backends/swbt/bt/bt.h"
#include "backends/swbt/bt/tunables.h"
#include "tests/unit/paging_rig.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BASE  0x8000000ull /* linear; where nothing is mapped to itself */
#define GIGA  0x40000000ull
#define CODE  ((const u8 *)0x1000)
#define CODE2 ((const u8 *)0x2000)

struct tables {
	struct rig *r;
	struct bt bt;
};

static struct tables *up(enum rig_paging paging)
{
	size_t size = ALIGN_UP(sizeof(struct vcpu), PAGE_SIZE);
	struct tables *t = calloc(1, sizeof(*t));
	int fd = memfd_create("vcpu", 0);

	CU_ASSERT_FATAL(t && fd >= 0 && !ftruncate(fd, (off_t)size));
	t->r = rig_up();
	CU_ASSERT_PTR_NOT_NULL_FATAL(t->r);
	t->r->v.code_pages = calloc(RIG_RAM / PAGE_SIZE, 1);
	t->bt.v = &t->r->v;
	CU_ASSERT_EQUAL_FATAL(pagetable_init(&t->bt.pages, &t->r->v, fd, size), 0);
	t->r->v.bt = &t->bt;
	t->r->v.engine = &bt_engine;
	close(fd);
	rig_put(t->r, TOP + (BASE >> 39 & 511) * 8, T3 | PWU, 8);
	rig_put(t->r, T3 + (BASE >> 30 & 511) * 8, T2 | PWU, 8);
	rig_put(t->r, T2 + (BASE >> 21 & 511) * 8, T1 | PWU, 8);
	rig_enter(t->r, paging, TOP);
	t->r->v.s.cr4 |= CR4_PGE;
	vcpu_derive(&t->r->v);
	return t;
}

static void down(struct tables *t)
{
	t->r->v.engine = NULL;
	free(t->r->v.code_pages);
	pagetable_fini(&t->bt.pages);
	rig_down(t->r);
	free(t);
}

static struct space *space(struct tables *t)
{
	return pagetable_space(&t->bt.pages, &t->r->v);
}

static bool fill(struct tables *t, u64 linear, u32 access)
{
	return !pagetable_fill(&t->bt.pages, space(t), &t->r->v, linear, access);
}

/* Where the entry for reading leads LINEAR: guest-physical, or ~0. */
static u64 read_at(struct tables *t, u64 linear)
{
	u64 delta = space(t)->read[linear >> 12];

	return delta ? delta + linear - (uintptr_t)t->r->vm.ram.host : ~0ull;
}

static u64 write_at(struct tables *t, u64 linear)
{
	u64 delta = space(t)->write[(u32)(linear >> 12)];

	return delta ? delta + linear - (uintptr_t)t->r->vm.ram.host : ~0ull;
}

static void map(struct tables *t, unsigned int n, u64 gpa, u64 flags)
{
	rig_put(t->r, T1 + (BASE >> 12 & 511) * 8 + n * 8, gpa | flags, 8);
}

static u64 page(unsigned int n)
{
	return BASE + n * PAGE_SIZE;
}

/* A page at the host's address of where it is: what to add is 0, which says that it is not there.
 */
static void test_same_address(void)
{
	struct tables *t = up(RIG_LONG);
	u64 linear = (uintptr_t)t->r->vm.ram.host + DATA;

	rig_put(t->r, TOP + (linear >> 39 & 511) * 8, T3 | PWU, 8);
	rig_put(t->r, T3 + (linear >> 30 & 511) * 8, T2 | PWU, 8);
	rig_put(t->r, T2 + (linear >> 21 & 511) * 8, T1 | PWU, 8);
	rig_put(t->r, T1 + (linear >> 12 & 511) * 8, DATA | PWU, 8);
	CU_ASSERT_EQUAL(rig_translate(t->r, linear, ACC_READ), DATA);
	CU_ASSERT_FALSE(fill(t, linear, ACC_READ));
	down(t);
}

static void test_neighbours(void)
{
	struct tables *t = up(RIG_LONG);

	map(t, 8, DATA + 0x8000, PWU);
	map(t, 9, DATA + 0x1000, PWU | A | D);
	map(t, 10, DATA + 0x6000, PWU | A);
	map(t, 11, DATA + 0x3000, PWU);		/* not accessed */
	map(t, 12, DATA + 0x4000, P | A | D);	/* not writable with WP */
	map(t, 13, DATA + 0x5000, PWU | A | D); /* holds code */
	map(t, 14, RIG_DEVICE, PWU | A | D);
	map(t, 15, DATA + 0x7000, PWU | A | D | G);
	map(t, 16, DATA + 0x9000, PWU | A | D); /* another line */
	t->r->v.s.cr0 |= CR0_WP;
	vcpu_derive(&t->r->v);
	t->r->v.code_pages[(DATA + 0x5000) >> 12] = 1;
	CU_ASSERT_TRUE(fill(t, page(8), ACC_READ));
	CU_ASSERT_EQUAL(read_at(t, page(8) + 5), DATA + 0x8005);
	CU_ASSERT_EQUAL(write_at(t, page(8)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(9) + 5), DATA + 0x1005);
	CU_ASSERT_EQUAL(write_at(t, page(9) + 5), DATA + 0x1005);
	CU_ASSERT_EQUAL(read_at(t, page(10)), DATA + 0x6000);
	CU_ASSERT_EQUAL(write_at(t, page(10)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(11)), ~0ull);
	CU_ASSERT_EQUAL(rig_get(t->r, T1 + (page(11) >> 12 & 511) * 8, 8), DATA | 0x3000 | PWU);
	CU_ASSERT_EQUAL(read_at(t, page(12)), DATA + 0x4000);
	CU_ASSERT_EQUAL(write_at(t, page(12)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(13)), DATA + 0x5000);
	CU_ASSERT_EQUAL(write_at(t, page(13)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(14)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(16)), ~0ull);
	/* A change of CR3 takes them all. */
	mmu_flush(&t->r->v, false);
	for (unsigned int n = 8; n < 16; n++) {
		CU_ASSERT_EQUAL(read_at(t, page(n)), ~0ull);
		CU_ASSERT_EQUAL(write_at(t, page(n)), ~0ull);
	}
	down(t);
}

/* What the supervisor's pages let pass, CPL 3 must not see. */
static void test_neighbours_rights(void)
{
	struct tables *t = up(RIG_LONG);

	map(t, 0, DATA, PWU | A);
	map(t, 1, DATA + 0x1000, P | W | A | D);
	map(t, 2, DATA + 0x2000, P | U | A | D);
	rig_cpl(t->r, 3);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_READ));
	CU_ASSERT_EQUAL(read_at(t, page(0)), DATA);
	CU_ASSERT_EQUAL(read_at(t, page(1)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(2)), DATA + 0x2000);
	CU_ASSERT_EQUAL(write_at(t, page(2)), ~0ull);
	CU_ASSERT_FALSE(fill(t, page(1), ACC_READ));
	/* The levels above count as well. */
	rig_put(t->r, T3 + (BASE >> 30 & 511) * 8, T2 | P | U, 8);
	mmu_flush(&t->r->v, true);
	map(t, 3, DATA + 0x3000, PWU | A | D);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_READ));
	CU_ASSERT_EQUAL(read_at(t, page(3)), DATA + 0x3000);
	CU_ASSERT_EQUAL(write_at(t, page(3)), ~0ull);
	down(t);
}

static void test_flush_page(void)
{
	struct tables *t = up(RIG_LONG);

	for (unsigned int n = 0; n < 8; n++)
		map(t, n, DATA + n * PAGE_SIZE, PWU | A | D);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_WRITE));
	CU_ASSERT_EQUAL(write_at(t, page(3)), DATA + 0x3000);
	mmu_flush_page(&t->r->v, page(3) + 0x123);
	CU_ASSERT_EQUAL(read_at(t, page(3)), ~0ull);
	CU_ASSERT_EQUAL(write_at(t, page(3)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(2)), DATA + 0x2000);
	/* Filled again, flushed again. */
	for (unsigned int n = 0; n < 100000; n++) {
		CU_ASSERT_TRUE_FATAL(fill(t, page(3), ACC_WRITE));
		mmu_flush_page(&t->r->v, page(3));
	}
	CU_ASSERT_EQUAL(space(t)->any.nr, 1);
	CU_ASSERT_EQUAL(read_at(t, page(4)), DATA + 0x4000);
	down(t);
}

static void test_global(void)
{
	struct tables *t = up(RIG_LONG);

	map(t, 0, DATA, PWU | G);
	map(t, 8, DATA + 0x1000, PWU);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_WRITE));
	CU_ASSERT_TRUE(fill(t, page(8), ACC_WRITE));
	mmu_flush(&t->r->v, false);
	CU_ASSERT_EQUAL(write_at(t, page(0)), DATA);
	CU_ASSERT_EQUAL(read_at(t, page(0)), DATA);
	CU_ASSERT_EQUAL(write_at(t, page(8)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(8)), ~0ull);
	/* In a line with others that are not, they may go, and those must. */
	map(t, 1, DATA + 0x2000, PWU);
	CU_ASSERT_TRUE(fill(t, page(1), ACC_READ));
	mmu_flush(&t->r->v, false);
	CU_ASSERT_EQUAL(read_at(t, page(1)), ~0ull);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_WRITE));
	mmu_flush(&t->r->v, true);
	CU_ASSERT_EQUAL(read_at(t, page(0)), ~0ull);
	CU_ASSERT_EQUAL(write_at(t, page(0)), ~0ull);
	down(t);
}

/* A CR3 with another PCID flushes nothing; only what is global may be seen through it. */
static void test_pcid(void)
{
	struct tables *t = up(RIG_LONG);

	map(t, 0, DATA, PWU);
	map(t, 8, DATA + 0x1000, PWU | G);
	t->r->v.s.cr3 = TOP | 1;
	t->r->v.s.cr4 |= CR4_PCIDE;
	vcpu_derive(&t->r->v);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_WRITE));
	CU_ASSERT_TRUE(fill(t, page(8), ACC_WRITE));
	CU_ASSERT_EQUAL(set_cr3(&t->r->v, TOP | 2 | BIT64(63)), 0);
	CU_ASSERT_EQUAL(read_at(t, page(0)), ~0ull);
	CU_ASSERT_EQUAL(write_at(t, page(0)), ~0ull);
	CU_ASSERT_EQUAL(write_at(t, page(8)), DATA + 0x1000);
	down(t);
}

/* More regions than can be listed: one page of each 2 MiB of linear memory. */
static void test_regions(void)
{
	struct tables *t = up(RIG_LONG);
	u64 last = 0;

	for (unsigned int n = 0; n < 512; n++) {
		rig_put(t->r, T3 + n * 8, T2 | PWU, 8);
		rig_put(t->r, T2 + n * 8, T1 | PWU, 8);
	}
	rig_put(t->r, TOP, T3 | PWU, 8);
	rig_put(t->r, T1, DATA | PWU, 8);
	for (u64 n = 0; n < BT_REGIONS + 10; n++) {
		last = n << 21;
		CU_ASSERT_TRUE_FATAL(fill(t, last, ACC_READ));
		CU_ASSERT_EQUAL_FATAL(read_at(t, last), DATA);
		CU_ASSERT_TRUE_FATAL(space(t)->any.nr <= BT_REGIONS);
	}
	/* The first ones went, as any may at any time. */
	CU_ASSERT_EQUAL(read_at(t, 0), ~0ull);
	CU_ASSERT_EQUAL(space(t)->any.nr, 10);
	mmu_flush(&t->r->v, false);
	CU_ASSERT_EQUAL(read_at(t, last), ~0ull);
	down(t);
}

/* Pieces near and far; INVLPG of any address in the page takes them all. */
static void check_large(struct tables *t, u64 base, u64 size)
{
	u64 far = base + size - 0x200000;

	CU_ASSERT_TRUE(fill(t, base + 0x3000, ACC_WRITE));
	CU_ASSERT_TRUE(fill(t, far, ACC_WRITE));
	CU_ASSERT_EQUAL(read_at(t, base + 0x5000), 0x5000);
	CU_ASSERT_EQUAL(write_at(t, base + 0x5000), 0x5000);
	CU_ASSERT_EQUAL(read_at(t, base + 0x8000), ~0ull);
	targets_add(&space(t)->targets[0], base + 0x7123, CODE, true);
	mmu_flush_page(&t->r->v, base + size / 2);
	CU_ASSERT_EQUAL(read_at(t, base + 0x3000), ~0ull);
	CU_ASSERT_EQUAL(write_at(t, base + 0x5000), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, far), ~0ull);
	CU_ASSERT_EQUAL(space(t)->targets[0].host[0x7123], 0);
}

static void test_large(void)
{
	struct tables *t = up(RIG_LONG);

	rig_put(t->r, T2 + (BASE >> 21 & 511) * 8, PS | PWU | G, 8);
	check_large(t, BASE, 0x200000);
	rig_put(t->r, T3, PS | PWU | G, 8);
	mmu_flush(&t->r->v, true);
	/* RAM ends inside. */
	CU_ASSERT_TRUE(fill(t, RIG_RAM - PAGE_SIZE, ACC_READ));
	CU_ASSERT_FALSE(fill(t, RIG_RAM, ACC_READ));
	CU_ASSERT_EQUAL(read_at(t, RIG_RAM), ~0ull);
	mmu_flush(&t->r->v, true);
	check_large(t, 0, 0x400000);
	CU_ASSERT_TRUE(fill(t, 0, ACC_READ));
	mmu_flush_page(&t->r->v, GIGA - 1);
	CU_ASSERT_EQUAL(read_at(t, 0), ~0ull);
	down(t);
	t = up(RIG_32);
	t->r->v.s.cr4 |= CR4_PSE;
	vcpu_derive(&t->r->v);
	rig_put(t->r, TOP + (BASE >> 22) * 4, PS | PWU | G, 4);
	check_large(t, BASE, 0x400000);
	down(t);
}

/* Code that was translated from a page takes its entries for writing, wherever they are. */
static void test_protect(void)
{
	struct tables *t = up(RIG_LONG);

	map(t, 0, DATA, PWU | D);
	map(t, 9, DATA, PWU | D);
	map(t, 10, DATA + 0x1000, PWU | A | D);
	CU_ASSERT_TRUE(fill(t, page(0), ACC_WRITE));
	CU_ASSERT_TRUE(fill(t, page(9), ACC_WRITE));
	pagetable_protect(&t->bt.pages, t->r->vm.ram.host + DATA);
	CU_ASSERT_EQUAL(write_at(t, page(0)), ~0ull);
	CU_ASSERT_EQUAL(write_at(t, page(9)), ~0ull);
	CU_ASSERT_EQUAL(read_at(t, page(9)), DATA);
	CU_ASSERT_EQUAL(write_at(t, page(10)), DATA + 0x1000);
	down(t);
}

static void test_targets(void)
{
	struct tables *t = up(RIG_LONG);
	struct targets *g = &space(t)->targets[0];

	targets_add(g, 0x401ffe, CODE, false); /* may reach into the next page */
	targets_add(g, 0x402345, CODE, false);
	targets_add(g, BIT64(40) | 0x402346, CODE, false); /* in a segment */
	targets_add(g, 0x403000, CODE2, true);
	mmu_flush_page(&t->r->v, 0x404000);
	CU_ASSERT_EQUAL(g->host[0x3000], 0);
	CU_ASSERT_EQUAL(g->host[0x2345], (uintptr_t)CODE);
	targets_add(g, 0x403000, CODE2, true);
	mmu_flush_page(&t->r->v, 0x402000);
	CU_ASSERT_PTR_NULL(targets_find(g, BIT64(40) | 0x402346));
	CU_ASSERT_EQUAL(g->host[0x1ffe], 0);
	CU_ASSERT_EQUAL(g->host[0x2345], 0);
	CU_ASSERT_EQUAL(g->host[0x3000], (uintptr_t)CODE2);
	targets_add(g, 0x402345, CODE, false);
	mmu_flush(&t->r->v, false);
	CU_ASSERT_EQUAL(g->host[0x2345], 0);
	CU_ASSERT_EQUAL(g->host[0x3000], (uintptr_t)CODE2);
	/* A place that both kinds have been in. */
	targets_add(g, 0x413000, CODE, false);
	mmu_flush(&t->r->v, false);
	CU_ASSERT_EQUAL(g->host[0x3000], 0);
	targets_add(g, 0x403000, CODE2, true);
	mmu_flush(&t->r->v, true);
	CU_ASSERT_EQUAL(g->host[0x3000], 0);
	down(t);
}

CU_TestInfo tests_pagetable[] = {
	{ "a page at its host's address is none", test_same_address },
	{ "neighbouring entries are filled as a processor might", test_neighbours },
	{ "and with the rights of the present CPL", test_neighbours_rights },
	{ "INVLPG takes one page, however often", test_flush_page },
	{ "a new CR3 leaves global pages", test_global },
	{ "PCIDs", test_pcid },
	{ "more regions than there is room for", test_regions },
	{ "INVLPG takes all pieces of a large page", test_large },
	{ "pages of code cannot be written", test_protect },
	{ "targets go with their page", test_targets },
	CU_TEST_INFO_NULL,
};
