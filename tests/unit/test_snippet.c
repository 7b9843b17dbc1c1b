/* SPDX-License-Identifier: MIT */
/* fvbench sensitive: its table against sensitive.def, the native runs, and how outcomes are judged.
 */
#include "bench/nano/lib/probe.h"
#include "bench/sensitive.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static const struct snippet *by_id(const char *id)
{
	size_t n;
	const struct snippet *s = snippets(&n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(s[i].id, id))
			return &s[i];
	return NULL;
}

/* Whatever sensitive.def has and guests can meet can be shown. */
static void test_complete(void)
{
	char text[512] = "";

	if (snippets_missing(text, sizeof(text))) {
		fprintf(stderr, "\n  no snippet:%s", text);
		CU_FAIL("rows of sensitive.def without a snippet");
	}
}

static void test_sane(void)
{
	size_t n;
	const struct snippet *s = snippets(&n);

	for (size_t i = 0; i < n; i++) {
		CU_ASSERT_PTR_NOT_NULL(s[i].note); /* of a row of sensitive.def */
		CU_ASSERT(strlen(s[i].title) > 1);
		for (enum snippet_mode m = 0; m < SNIPPET_MODES; m++) {
			const struct snippet_code *c = &s[i].code[m];

			if (!c->code)
				continue;
			CU_ASSERT(c->insn < c->resume && c->resume < c->len && c->len < 200);
			CU_ASSERT_NOT_EQUAL(snippet_says(&s[i], m), TRAPS_NONE);
		}
	}
}

/* Their eighteen mnemonics, no others, and each in 32-bit mode. */
static void test_classic(void)
{
	static const char *const list[] = { "SGDT",   "SIDT", "SLDT",  "SMSW",	"PUSHF", "PUSHFD",
					    "PUSHFQ", "POPF", "POPFD", "POPFQ", "LAR",	 "LSL",
					    "VERR",   "VERW", "POP",   "PUSH",	"CALL",	 "JMP",
					    "INT",    "RET",  "STR",   "MOV" };
	bool met[ARRAY_SIZE(list)] = { false };
	size_t n;
	const struct snippet *s = snippets(&n);

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		if (!s[i].classic)
			continue;
		while (k < ARRAY_SIZE(list) && strcmp(s[i].mnemonic, list[k]))
			k++;
		CU_ASSERT_FATAL(k < ARRAY_SIZE(list));
		met[k] = true;
		CU_ASSERT(!strcmp(list[k] + strlen(list[k]) - 1, "Q") ||
			  s[i].code[SNIPPET_32].code);
		CU_ASSERT(!s[i].code[SNIPPET_32].code || s[i].legacy == TRAPS_SILENT);
	}
	for (size_t k = 0; k < ARRAY_SIZE(list); k++)
		CU_ASSERT(met[k]);
}

/* Here and now: what sensitive.def says must trap does, and PUSHF does not. */
static void test_native(void)
{
	struct native r;
	size_t n;
	const struct snippet *s = snippets(&n);

	for (size_t i = 0; i < n; i++) {
		if (!s[i].code[SNIPPET_64].code ||
		    (s[i].lng != TRAPS_GP && s[i].lng != TRAPS_UD && s[i].lng != TRAPS_IOPL &&
		     s[i].lng != TRAPS_IOMAP))
			continue;
		native_run(&s[i], SNIPPET_64, &r);
		if (r.how != NATIVE_TRAPPED || (r.vector != 13 && r.vector != 6)) {
			fprintf(stderr, "\n  %s: how %d vector %u", s[i].title, r.how, r.vector);
			CU_FAIL("an instruction that should have trapped");
		}
	}
	native_run(by_id("pushfq"), SNIPPET_64, &r);
	CU_ASSERT(r.how == NATIVE_RAN && r.out[0] == 0x200 && !r.emulated);
	/* POPF does not clear it. */
	native_run(by_id("popfq"), SNIPPET_64, &r);
	CU_ASSERT(r.how == NATIVE_RAN && r.out[0] == 0x200);
	native_run(by_id("mov_cs"), SNIPPET_64, &r);
	CU_ASSERT(r.how == NATIVE_RAN && r.out[0] == 0x33);
	native_run(by_id("int3"), SNIPPET_64, &r);
	CU_ASSERT(r.how == NATIVE_TRAPPED && r.vector == 3);
	/* FS is back, or this would crash. */
	native_run(by_id("lfs"), SNIPPET_64, &r);
	CU_ASSERT(r.how == NATIVE_LATER && r.vector == 14);
}

static void test_narrow(void)
{
	struct native r;

	for (enum snippet_mode m = SNIPPET_32; m < SNIPPET_MODES; m++) {
		native_run(by_id("mov_cs"), m, &r);
		CU_ASSERT_EQUAL(r.how, native_mode(m) ? NATIVE_RAN : NATIVE_ABSENT);
		CU_ASSERT_EQUAL(r.out[0], !native_mode(m) ? 0 : m == SNIPPET_32 ? 0x23 : 7);
	}
}

static void test_judge(void)
{
	const struct snippet *s = by_id("sgdt"); /* two results */
	const struct seen ref = { .vector = PROBE_NONE, .out = { 1, 2, 3 }, .cs = 8 };
	struct seen seen = ref;

	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 0), OUTCOME_RIGHT);
	seen.traps = 3;
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 3), OUTCOME_RIGHT);
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 2), OUTCOME_TRAPPED);
	seen.out[2] = 4;
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 2), OUTCOME_TRAPPED);
	seen.out[1] = 4;
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 2), OUTCOME_SILENT);
	seen = ref;
	seen.flags = 0x200;
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 0), OUTCOME_SILENT);
	seen = ref;
	seen.vector = 13;
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 0), OUTCOME_WRONG);
	CU_ASSERT_EQUAL(outcome_judge(s, &seen, &ref, 0), OUTCOME_SILENT);
	seen = (struct seen){ .failed = true };
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 0), OUTCOME_WRONG);
	seen = (struct seen){ .absent = true };
	CU_ASSERT_EQUAL(outcome_judge(s, &ref, &seen, 0), OUTCOME_WRONG);
	CU_ASSERT_EQUAL(outcome_judge(s, &seen, &seen, 0), OUTCOME_ABSENT);
}

static void test_unexpected(void)
{
	struct variant v[2] = { { .engine = "trap" }, { .engine = "bt" } };
	const struct sensitive t = { .variant = v, .variants = 2 };
	struct sensitive_row row = { .s = by_id("popfq"),
				     .outcome = { OUTCOME_SILENT, OUTCOME_TRAPPED } };

	CU_ASSERT_FALSE(sensitive_unexpected(&t, &row, 0));
	CU_ASSERT_FALSE(sensitive_unexpected(&t, &row, 1));
	row.outcome[1] = OUTCOME_SILENT;
	CU_ASSERT_TRUE(sensitive_unexpected(&t, &row, 1));
	row.s = by_id("cli");
	CU_ASSERT_TRUE(sensitive_unexpected(&t, &row, 0));
}

static void test_values(void)
{
	const u64 out[3] = { 0x7f, 0xfffe, 9 };
	char text[64];

	sensitive_values(by_id("sgdt"), out, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "limit=7f base=fffe");
	sensitive_values(by_id("cli"), out, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "");
}

CU_TestInfo tests_snippet[] = {
	{ "every sensitive instruction has one", test_complete },
	{ "they are well formed", test_sane },
	{ "Robin and Irvine's", test_classic },
	{ "natively", test_native },
	{ "natively, 32 and 16 bits", test_narrow },
	{ "outcomes", test_judge },
	{ "what may be wrong", test_unexpected },
	{ "results in words", test_values },
	CU_TEST_INFO_NULL,
};
