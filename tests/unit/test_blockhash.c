/* SPDX-License-Identifier: MIT */
/* The hash of blocks against a plain list, through growth and removals from the middle of runs. */
#include "backends/swbt/bt/blockhash.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>

#define ENTRIES 20000u

struct entry {
	u32 hash;
	bool there;
};

/* Few hashes, at the end of the table too: entries pile up, and wrap around. */
static u32 some_hash(unsigned int n)
{
	u32 mixed = n * 2654435761u;

	return n % 4 ? mixed : 0xfffffff0u + (mixed >> 28);
}

static bool finds(const struct blockhash *h, u32 hash, u32 where)
{
	u32 at = hash, found;

	while ((found = blockhash_next(h, hash, &at)))
		if (found == where)
			return true;
	return false;
}

static void check(const struct blockhash *h, const struct entry *e)
{
	unsigned int wrong = 0, there = 0;

	for (u32 n = 0; n < ENTRIES; n++) {
		wrong += finds(h, e[n].hash, n + 1) != e[n].there;
		there += e[n].there;
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT_EQUAL(h->used, there);
}

static void test_random(void)
{
	struct entry *e = calloc(ENTRIES, sizeof(*e));
	struct blockhash h;
	u64 first;

	CU_ASSERT_PTR_NOT_NULL_FATAL(e);
	CU_ASSERT_EQUAL_FATAL(blockhash_init(&h, ENTRIES), 0);
	first = h.size;
	for (u32 n = 0; n < ENTRIES; n++)
		e[n].hash = some_hash(n % 5000);
	for (u32 step = 0; step < 60000; step++) {
		u32 n = (step * 40503u >> 3) % ENTRIES;

		if (blockhash_tight(&h))
			blockhash_grow(&h);
		if (e[n].there)
			blockhash_remove(&h, e[n].hash, n + 1);
		else
			blockhash_add(&h, e[n].hash, n + 1);
		e[n].there = !e[n].there;
	}
	check(&h, e);
	CU_ASSERT(h.size > first);
	for (u32 n = 0; n < ENTRIES; n++)
		if (e[n].there && n % 3) {
			blockhash_remove(&h, e[n].hash, n + 1);
			e[n].there = false;
		}
	check(&h, e);
	blockhash_fini(&h);
	free(e);
}

CU_TestInfo tests_blockhash[] = {
	{ "finds what was added and not what was removed", test_random },
	CU_TEST_INFO_NULL,
};
