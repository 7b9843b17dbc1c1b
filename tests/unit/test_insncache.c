/* SPDX-License-Identifier: MIT */
/* What comes out of the cache of decoded instructions is what the decoder says. */
#include "backends/swbt/bt/insncache.h"
#include "tests/oracle/gen.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define CASES 40000u
#define POOL  512u /* byte strings that come again, with other bytes behind or in them */

static void next_bytes(struct gen *g, enum cpu_mode mode, u8 (*pool)[INSN_MAX], u8 *bytes)
{
	/* CALL, JMP, JE; MOV RAX, [RIP + disp]; CMP [RIP + disp], imm; MOVAPS, VMOVAPS the same */
	static const char *const begin[] = { "\xe8",	     "\xe9",
					     "\x0f\x84",     "\x48\x8b\x05",
					     "\x48\x83\x3d", "\x66\x81\x3d",
					     "\x0f\x28\x05", "\xc5\xf8\x28\x05" };
	u8 *p = pool[gen_below(g, POOL)];
	const char *b = begin[gen_below(g, ARRAY_SIZE(begin))];

	switch (gen_below(g, 4)) {
	case 0: /* one that has not been seen */
		gen_bytes(g, mode, p);
		break;
	case 1:
		memcpy(p, b, strlen(b));
		for (size_t n = strlen(b); n < INSN_MAX; n++)
			p[n] = (u8)gen_u64(g);
		break;
	case 2: /* almost the same */
		p[gen_below(g, INSN_MAX)] ^= (u8)(1u << gen_below(g, 8));
		break;
	default:
		break;
	}
	memcpy(bytes, p, INSN_MAX);
}

static void check(struct insncache *c, enum cpu_mode mode)
{
	u8(*pool)[INSN_MAX] = calloc(POOL, INSN_MAX);
	struct gen g;

	gen_seed(&g, 11, mode);
	for (u32 n = 0; n < CASES; n++) {
		struct insn want, got;
		u8 bytes[INSN_MAX];
		size_t len = gen_one_in(&g, 8) ? gen_below(&g, INSN_MAX) : INSN_MAX;
		int r;

		next_bytes(&g, mode, pool, bytes);
		r = decode(&want, bytes, len, mode);
		CU_ASSERT_EQUAL(insncache_decode(c, &got, bytes, len, mode), r);
		if (!r)
			CU_ASSERT_EQUAL(memcmp(&want, &got, sizeof(want)), 0);
	}
	free(pool);
}

static void test_same(void)
{
	struct insncache *c = calloc(1, sizeof(*c));

	check(c, MODE_LONG64);
	check(c, MODE_PROT32);
	check(c, MODE_REAL);
	check(c, MODE_LONG64);
	CU_ASSERT_TRUE(c->hits > CASES / 2);
	free(c);
}

CU_TestInfo tests_insncache[] = { { "cached and decoded instructions are the same", test_same },
				  CU_TEST_INFO_NULL };
