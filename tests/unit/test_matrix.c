/* SPDX-License-Identifier: MIT */
/* Ablations: what a backend's name comes to with --engine and --matrix. */
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

static struct variant v[VARIANTS_MAX];
static struct variant_defaults defaults;
static struct error err;
static char gone[1024];

static int parse(const char *list, const char *engines, const char *axis, const char *axis2)
{
	defaults.matrix = (struct matrix){ .engines = engines };
	err.text[0] = '\0';
	if (axis)
		CU_ASSERT_EQUAL(matrix_add(&defaults.matrix, axis, &err), 0);
	if (axis2)
		CU_ASSERT_EQUAL(matrix_add(&defaults.matrix, axis2, &err), 0);
	return variants_parse(v, fake_backends, list, &defaults, &err);
}

static void expect(int n, const char *const *labels)
{
	for (int i = 0; i < n; i++)
		CU_ASSERT_STRING_EQUAL(v[i].label, labels[i]);
}

static void test_product(void)
{
	static const char *const labels[] = { "alpha:depth=1", "alpha:depth=2",
					      "alpha:fast=off:depth=1", "alpha:fast=off:depth=2",
					      "beta" };

	CU_ASSERT_EQUAL(parse("alpha,beta", NULL, "fast=on,off", "depth=1,2"), 5);
	expect(5, labels);
	/* The same without a list, of all that work. */
	CU_ASSERT_EQUAL(parse(NULL, NULL, "fast=on,off", "depth=1,2"), 5);
	expect(5, labels);
}

/* An axis that is for one engine alone leaves the others as they are. */
static void test_engines(void)
{
	static const char *const labels[] = { "alpha:two", "alpha:depth=1", "alpha:depth=2",
					      "beta" };

	CU_ASSERT_EQUAL(parse("alpha,beta", "two,one", "depth=1,2", NULL), 4);
	expect(4, labels);
	CU_ASSERT_STRING_EQUAL(v[1].engine, "one");
	CU_ASSERT_EQUAL(parse(NULL, "two", NULL, NULL), 2);
	expect(1, labels);
}

/* What is said behind a backend's own name goes before. What then comes twice is there once. */
static void test_own_words(void)
{
	static const char *const labels[] = { "alpha:two", "alpha:depth=3", "alpha:depth=3:room=1M",
					      "alpha:depth=3:room=2M" };

	CU_ASSERT_EQUAL(parse("alpha:two,alpha:depth=3", "one", "depth=3,3", NULL), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "--matrix depth=3,3: no backend of this run takes it, or "
					 "each says itself what it is");
	CU_ASSERT_EQUAL(parse("alpha:two,alpha", "one", "depth=3,3", NULL), 2);
	expect(2, labels);
	CU_ASSERT_EQUAL(parse("alpha:depth=3", NULL, "room=1M,2M", NULL), 2);
	expect(2, (const char *const[]){ labels[2], labels[3] });
	/* Names that begin alike are not the same. */
	CU_ASSERT_EQUAL(parse("alpha:room=1M", NULL, "depth=1,2", NULL), 2);
}

static void test_refused(void)
{
	static const char *const bad[] = { "",	       "fast",	   "=on",     "fast=",
					   "fast=on,", "fast=,on", "a:b=1,2", "fast=on, off" };
	struct matrix m = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_EQUAL(matrix_add(&m, bad[i], &err), -EINVAL);
	CU_ASSERT_EQUAL(m.nr, 0);
	CU_ASSERT_EQUAL(matrix_add(&m, "a=1", &err), 0);
	CU_ASSERT_EQUAL(matrix_add(&m, "a=2", &err), -EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "--matrix has a twice");
	CU_ASSERT_EQUAL(parse("alpha", NULL, "fast=on,maybe", NULL), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--fast takes on or off; not 'maybe'"));
	CU_ASSERT_EQUAL(parse("beta", NULL, "fast=on,off", NULL), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no backend of this run takes it"));
	CU_ASSERT_EQUAL(parse("alpha,beta", "one,three", NULL, NULL), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--engine three: no backend of this run has it"));
	CU_ASSERT_EQUAL(parse("alpha", NULL, "fast=on,off,on,off,on,off,on,off,on",
			      "depth=1,2,3,4,5,6,7,8,9"),
			18);
}

static void test_too_many(void)
{
	CU_ASSERT_EQUAL(parse("alpha", NULL, "room=64K,65K,66K,67K,68K,69K,70K,71K",
			      "depth=1,2,3,4,5,6,7,8"),
			64);
	CU_ASSERT_EQUAL(parse("alpha,beta", NULL, "room=64K,65K,66K,67K,68K,69K,70K,71K",
			      "depth=1,2,3,4,5,6,7,8"),
			-EINVAL);
	CU_ASSERT_STRING_EQUAL(err.text, "more than 64 variants");
}

static void note(void *arg, const char *why)
{
	(void)arg;
	snprintf(gone, sizeof(gone), "%s", why);
}

static void test_missing(void)
{
	CU_ASSERT_EQUAL(parse("alpha,broken,beta", NULL, NULL, NULL), -ENODEV);
	defaults.missing = note;
	CU_ASSERT_EQUAL(parse("alpha,broken,beta", NULL, NULL, NULL), 2);
	expect(2, (const char *const[]){ "alpha", "beta" });
	CU_ASSERT_PTR_NOT_NULL(strstr(gone, "backend broken cannot run here: no such processor"));
	CU_ASSERT_EQUAL(parse("broken", NULL, NULL, NULL), -ENODEV);
	CU_ASSERT_EQUAL(parse("alpha,nosuch", NULL, NULL, NULL), -EINVAL);
	defaults.missing = NULL;
}

CU_TestInfo tests_matrix[] = {
	{ "every combination of the axes", test_product },
	{ "engines, and axes that only some take", test_engines },
	{ "a backend's own words go before", test_own_words },
	{ "what makes no sense is refused, with a reason", test_refused },
	{ "more variants than there is room for", test_too_many },
	{ "what cannot run here is left out, and said", test_missing },
	CU_TEST_INFO_NULL,
};
