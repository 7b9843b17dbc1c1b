/* SPDX-License-Identifier: MIT */
/* What is made from a template is what the decoder says. */
#include "backends/swbt/bt/template.h"
#include "tests/oracle/gen.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define CASES 300000u

/* One or two bytes of what was there before, or all new. */
static void vary(struct gen *g, enum cpu_mode mode, u8 *bytes)
{
	if (gen_one_in(g, 3))
		gen_bytes(g, mode, bytes);
	else
		bytes[gen_below(g, 6)] = (u8)gen_u64(g);
	if (gen_one_in(g, 2))
		bytes[gen_below(g, INSN_MAX)] ^= (u8)(1u << gen_below(g, 8));
}

static void check(struct templates *t, enum cpu_mode mode, u64 seed)
{
	u8 bytes[INSN_MAX] = { 0x90 };
	struct insn want, got;
	u32 wrong = 0;
	struct gen g;

	gen_seed(&g, seed, mode);
	for (u32 n = 0; n < CASES; n++) {
		size_t len = gen_one_in(&g, 16) ? gen_below(&g, INSN_MAX) : INSN_MAX;
		int r;

		vary(&g, mode, bytes);
		r = decode(&want, bytes, len, mode);
		if (!template_find(t, &got, bytes, len, mode)) {
			if (!r)
				template_learn(t, &want, bytes, len);
		} else if (r || memcmp(&want, &got, sizeof(want))) {
			char text[64] = "?", other[64];

			if (!r)
				insn_format(&want, 0, text, sizeof(text));
			insn_format(&got, 0, other, sizeof(other));
			if (wrong++ < 10)
				printf("mode %d: %02x %02x %02x %02x %02x %02x: %s, not %s\n", mode,
				       bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
				       text, other);
		}
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

static void test_same(void)
{
	static const enum cpu_mode modes[] = { MODE_LONG64, MODE_PROT32, MODE_REAL };
	struct templates *t;

	for (unsigned int n = 0; n < 6; n++) {
		t = calloc(1, sizeof(*t));
		check(t, modes[n % 3], 17 + n);
		CU_ASSERT_TRUE(t->hits > CASES / (n % 3 == 2 ? 64 : 8));
		free(t);
	}
}

/* What is learnt from one must not serve for the other, whose bytes differ in more than it knows.
 */
static void check_pair(enum cpu_mode mode, const char *one, const char *other)
{
	struct templates *t = calloc(1, sizeof(*t));
	struct insn want, got;

	CU_ASSERT_EQUAL_FATAL(decode(&want, (const u8 *)one, INSN_MAX, mode), 0);
	template_learn(t, &want, (const u8 *)one, INSN_MAX);
	CU_ASSERT_EQUAL_FATAL(decode(&want, (const u8 *)other, INSN_MAX, mode), 0);
	if (template_find(t, &got, (const u8 *)other, INSN_MAX, mode))
		CU_ASSERT_EQUAL(memcmp(&want, &got, sizeof(want)), 0);
	free(t);
}

static void test_two_immediates(void)
{
	/* CALL and JMP 0000:1234, then 0008:1234 */
	check_pair(MODE_PROT32, "\x66\x9a\x34\x12\0\0\0\0\0\0\0\0\0\0",
		   "\x66\x9a\x34\x12\x08\0\0\0\0\0\0\0\0\0");
	check_pair(MODE_REAL, "\xea\x34\x12\0\0\0\0\0\0\0\0\0\0\0",
		   "\xea\x34\x12\x08\0\0\0\0\0\0\0\0\0\0");
}

static void test_lea_segment(void)
{
	check_pair(MODE_LONG64, "\x65\x48\x8d\x00\0\0\0\0\0\0\0\0\0\0",
		   "\x65\x48\x8d\x45\0\0\0\0\0\0\0\0\0\0");
}

CU_TestInfo tests_template[] = { { "instructions from templates are the decoder's", test_same },
				 { "two immediates", test_two_immediates },
				 { "LEA with a segment", test_lea_segment },
				 CU_TEST_INFO_NULL };
