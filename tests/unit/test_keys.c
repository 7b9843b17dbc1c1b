/* SPDX-License-Identifier: MIT */
#include "common/keys.h"

#include <CUnit/CUnit.h>
#include <string.h>

/* The first key of TYPED is made of USED bytes, and is these scan codes. */
static void check(const char *typed, size_t used, const char *codes)
{
	u8 out[KEYS_MAX];
	size_t nr;

	CU_ASSERT_EQUAL(keys_next((const u8 *)typed, strlen(typed) ?: 1, out, &nr), used);
	CU_ASSERT_EQUAL(nr, strlen(codes));
	CU_ASSERT_EQUAL(memcmp(out, codes, nr), 0);
}

static void test_plain(void)
{
	check("ab", 1, "\x1e\x9e");
	check("A", 1, "\x2a\x1e\x9e\xaa");
	check("1", 1, "\x02\x82");
	check("!", 1, "\x2a\x02\x82\xaa");
	check("*", 1, "\x2a\x09\x89\xaa");
	check("`", 1, "\x29\xa9");
	check("|", 1, "\x2a\x2b\xab\xaa");
	check("/", 1, "\x35\xb5");
	check(" ", 1, "\x39\xb9");
	check("\r", 1, "\x1c\x9c");
	check("\n", 1, "\x1c\x9c");
	check("\t", 1, "\x0f\x8f");
	check("\x7f", 1, "\x0e\x8e");
	check("\b", 1, "\x0e\x8e");
	check("\xc3", 1, "");
}

/* Every character that a US keyboard has makes one. */
static void test_all(void)
{
	for (int c = ' '; c < 0x80; c++) {
		u8 in = (u8)c, out[KEYS_MAX];
		size_t nr;

		CU_ASSERT_EQUAL(keys_next(&in, 1, out, &nr), 1);
		CU_ASSERT_TRUE(nr == 2 || nr == 4);
	}
}

static void test_held(void)
{
	check("\x03", 1, "\x1d\x2e\xae\x9d");		  /* Ctrl-C */
	check("", 1, "\x1d\x2a\x03\x83\xaa\x9d");	  /* Ctrl-@ */
	check("\x1c", 1, "\x1d\x2b\xab\x9d");		  /* Ctrl-\ */
	check("\x1f", 1, "\x1d\x2a\x0c\x8c\xaa\x9d");	  /* Ctrl-_ */
	check("\033x", 2, "\x38\x2d\xad\xb8");		  /* Alt-x */
	check("\033\x01", 2, "\x1d\x38\x1e\x9e\xb8\x9d"); /* Ctrl-Alt-A */
}

static void test_sequences(void)
{
	check("\033", 1, "\x01\x81");
	check("\033\033[A", 1, "\x01\x81");
	check("\033[Ab", 3, "\xe0\x48\xe0\xc8");
	check("\033OB", 3, "\xe0\x50\xe0\xd0");
	check("\033[3~", 4, "\xe0\x53\xe0\xd3");
	check("\033OP", 3, "\x3b\xbb");
	check("\033[24~", 5, "\x58\xd8");
	check("\033[Z", 3, "\x2a\x0f\x8f\xaa");
	check("\033[25;80Rx", 8, ""); /* a terminal's report */
	check("\033[25", 4, "");
}

CU_TestInfo tests_keys[] = {
	{ "characters", test_plain },
	{ "all characters", test_all },
	{ "Shift, Ctrl, Alt", test_held },
	{ "escape sequences", test_sequences },
	CU_TEST_INFO_NULL,
};
