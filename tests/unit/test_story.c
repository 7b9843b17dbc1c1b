/* SPDX-License-Identifier: MIT */
/* fvbench story: what a run means. */
#include "bench/story.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static const struct told right = { .where = "swbt:bt",
				   .bits = 64,
				   .iterations = 1000,
				   .ticks = 100,
				   .ticks2 = 190,
				   .cycles1 = 1000,
				   .cycles2 = 2000 };

static struct told corrupt(void)
{
	struct told t = right;

	t.where = "swbt:trap";
	t.lost = 7;
	t.torn = 3;
	t.inside = 12;
	t.ticks2 = 1;
	t.popf = 0x100122;
	t.at = 0x100164;
	t.flags = 0x206;
	return t;
}

static void test_moral(void)
{
	struct told t = right;

	CU_ASSERT_EQUAL(told_expected(&t), 200);
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_RIGHT);
	t.torn = 1;
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_OTHER);
	t = right;
	t.ticks2 = 10;
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_OTHER);
	t.lost = 1;
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_CORRUPTED);
	t = right;
	t.ticks = 0; /* no timer, no story */
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_OTHER);
	t = corrupt();
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_CORRUPTED);
	t.failed = true;
	CU_ASSERT_EQUAL(told_moral(&t), MORAL_OTHER);
}

static void test_expected(void)
{
	struct told t = right;

	CU_ASSERT_TRUE(told_as_expected(&t));
	t.where = "swbt:trap+patch";
	CU_ASSERT_TRUE(told_as_expected(&t));
	t.where = "kvm";
	CU_ASSERT_TRUE(told_as_expected(&t));
	/* Trap-and-emulate that is right has not been told. */
	t.where = "swbt:trap";
	CU_ASSERT_FALSE(told_as_expected(&t));
	t.stepped = true;
	CU_ASSERT_TRUE(told_as_expected(&t));
	t = corrupt();
	CU_ASSERT_TRUE(told_as_expected(&t));
	t.where = "swbt:trap+patch";
	CU_ASSERT_FALSE(told_as_expected(&t));
}

/* What F wrote, for one T. */
static char *text_of(void (*print)(FILE *f, const struct told *t), const struct told *t)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(f);
	print(f, t);
	fclose(f);
	return text;
}

static void test_words(void)
{
	struct told t = corrupt();
	char *text = text_of(told_print, &t);

	CU_ASSERT_PTR_NOT_NULL(strstr(text, "THE DATA ARE CORRUPT: 7 updates lost"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "POPF at 0x100122"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "RFLAGS=206"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "THE CLOCK STOPS"));
	CU_ASSERT_PTR_NULL(strstr(text, "not how it should be"));
	free(text);
	text = text_of(told_print, &right);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "Nothing lost"));
	CU_ASSERT_PTR_NULL(strstr(text, "STOPS"));
	free(text);
	text = text_of(told_csv, &t);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "64,swbt:trap,lost,7\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "64,swbt:trap,expected2,200\n"));
	free(text);
}

CU_TestInfo tests_story[] = {
	{ "what it came to", test_moral },
	{ "what it should", test_expected },
	{ "in words", test_words },
	CU_TEST_INFO_NULL,
};
