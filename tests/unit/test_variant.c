/* SPDX-License-Identifier: MIT */
#include "common/args.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

static struct variant v[VARIANTS_MAX];
static struct error err;

static int parse(const char *list)
{
	err.text[0] = '\0';
	return variants_parse(v, fake_backends, list, IRQCHIP_USER, &err);
}

static void test_list(void)
{
	CU_ASSERT_EQUAL(parse("beta,alpha:two:kernel,alpha"), 3);
	CU_ASSERT_STRING_EQUAL(v[0].label, "beta");
	CU_ASSERT_STRING_EQUAL(v[0].engine, "");
	CU_ASSERT_STRING_EQUAL(v[1].label, "alpha:two:kernel");
	CU_ASSERT_STRING_EQUAL(v[1].engine, "two");
	CU_ASSERT_EQUAL(v[1].irqchip, IRQCHIP_KERNEL);
	CU_ASSERT_STRING_EQUAL(v[2].label, "alpha");
	CU_ASSERT_STRING_EQUAL(v[2].engine, "one");
	CU_ASSERT_EQUAL(v[2].irqchip, IRQCHIP_USER);
}

static void test_default(void)
{
	CU_ASSERT_EQUAL(parse(NULL), 2);
	CU_ASSERT_STRING_EQUAL(v[1].label, "beta");
	CU_ASSERT_EQUAL(variants_parse(v, fake_backends, NULL, IRQCHIP_KERNEL, &err), 1);
	CU_ASSERT_STRING_EQUAL(v[0].label, "alpha:kernel");
	CU_ASSERT_EQUAL(variants_parse(v, fake_backends + 2, NULL, IRQCHIP_USER, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "buy one"));
}

static void test_refused(void)
{
	static const struct {
		const char *list;
		int ret;
		const char *says;
	} bad[] = {
		{ "gamma", -EINVAL, "no backend \"gamma\"" },
		{ "", -EINVAL, "no backend" },
		{ "alpha,", -EINVAL, "no backend" },
		{ "alpha:three", -EINVAL, "no engine or irqchip \"three\"" },
		{ "beta:one", -EINVAL, "no engine or irqchip" },
		{ "beta:kernel", -EINVAL, "no kernel irqchip" },
		{ "alpha,alpha:one:user", -EINVAL, "twice" },
		{ "alpha,broken", -ENODEV, "broken cannot run here: no such processor" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CU_ASSERT_EQUAL(parse(bad[i].list), bad[i].ret);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad[i].says));
	}
}

static void test_args(void)
{
	static const char *const bad_sizes[] = {
		"", "M", "-1", "1X", "1MB", "1.5G", "18446744073709551615K"
	};
	static const char *const bad_numbers[] = { "", "-1", "0", "11", "5x", " 5", "0x5" };
	double real = 1;
	u64 n = 7;

	for (size_t i = 0; i < ARRAY_SIZE(bad_sizes); i++)
		CU_ASSERT_EQUAL(args_size(bad_sizes[i], &n), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(bad_numbers); i++)
		CU_ASSERT_EQUAL(args_number(bad_numbers[i], 1, 10, &n), -EINVAL);
	CU_ASSERT_EQUAL(n, 7);
	CU_ASSERT_EQUAL(args_size("64m", &n), 0);
	CU_ASSERT_EQUAL(n, 64 * MiB);
	CU_ASSERT_EQUAL(args_size("4096", &n), 0);
	CU_ASSERT_EQUAL(n, 4096);
	CU_ASSERT_EQUAL(args_number("10", 1, 10, &n), 0);
	CU_ASSERT_EQUAL(n, 10);
	CU_ASSERT_EQUAL(args_real("nan", 0, 10, &real), -EINVAL);
	CU_ASSERT_EQUAL(args_real("0", 0, 10, &real), -EINVAL);
	CU_ASSERT_EQUAL(args_real("0.5", 0, 10, &real), 0);
	CU_ASSERT_EQUAL(real, 0.5);
}

CU_TestInfo tests_variant[] = {
	{ "a list of backends, engines and irqchips", test_list },
	{ "without a list, every backend that works", test_default },
	{ "what makes no sense is refused, with a reason", test_refused },
	{ "numbers and sizes of the command line", test_args },
	CU_TEST_INFO_NULL,
};
