/* SPDX-License-Identifier: MIT */
/* The code cache's two views, as more and more of it is mapped: what was written stays. */
#include "backends/swbt/bt/cache.h"
#include "backends/swbt/bt/tunables.h"

#include <CUnit/CUnit.h>

#define SIZE  (5 * MiB) /* two large pages and a half */
#define PIECE 4000u

static void test_views(void)
{
	struct cache c;
	static size_t at[SIZE / PIECE + 1];
	size_t pieces = 0;

	CU_ASSERT_FATAL(!cache_init(&c, SIZE));
	CU_ASSERT_EQUAL((uintptr_t)c.write % BT_CACHE_LARGE, 0);
	CU_ASSERT_EQUAL((uintptr_t)c.exec % BT_CACHE_LARGE, 0);
	for (u8 *p; (p = cache_room(&c, PIECE)); pieces++) {
		if (!cache_mapped(&c, PIECE))
			cache_map(&c, PIECE);
		CU_ASSERT(cache_mapped(&c, PIECE));
		CU_ASSERT(c.mapped <= SIZE);
		*(size_t *)(void *)p = pieces;
		at[pieces] = (size_t)(p - c.write);
		cache_take(&c, PIECE);
	}
	CU_ASSERT(pieces > SIZE / (PIECE + 96));
	for (size_t n = 0; n < pieces; n++)
		CU_ASSERT_EQUAL(*(const size_t *)(const void *)(c.exec + at[n]), n);
	cache_fini(&c);
}

/* Less than a large page. */
static void test_small(void)
{
	struct cache c;

	CU_ASSERT_FATAL(!cache_init(&c, BT_CACHE_MIN));
	cache_map(&c, PIECE);
	CU_ASSERT_EQUAL(c.mapped, BT_CACHE_MIN);
	c.write[BT_CACHE_MIN - 1] = 1;
	CU_ASSERT_EQUAL(c.exec[BT_CACHE_MIN - 1], 1);
	cache_fini(&c);
}

CU_TestInfo tests_cache[] = { { "views", test_views }, { "small", test_small }, CU_TEST_INFO_NULL };
