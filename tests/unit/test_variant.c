/* SPDX-License-Identifier: MIT */
#include "common/args.h"
#include "tests/unit/fakebench.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>

static struct variant v[VARIANTS_MAX];
static struct error err;

static struct variant_defaults defaults;

static int parse(const char *list)
{
	err.text[0] = '\0';
	return variants_parse(v, fake_backends, list, &defaults, &err);
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
	defaults.irqchip = IRQCHIP_KERNEL;
	CU_ASSERT_EQUAL(parse(NULL), 1);
	CU_ASSERT_STRING_EQUAL(v[0].label, "alpha:kernel");
	CU_ASSERT_EQUAL(variants_parse(v, fake_backends + 1, NULL, &defaults, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "beta has no kernel irqchip"));
	defaults.irqchip = IRQCHIP_USER;
	CU_ASSERT_EQUAL(variants_parse(v, fake_backends + 2, NULL, &defaults, &err), -ENODEV);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "buy one"));
}

static u64 number(unsigned int variant, unsigned int option)
{
	return backendopt_number(v[variant].backend, &v[variant].options, option);
}

static void test_options(void)
{
	CU_ASSERT_EQUAL(parse("alpha:depth=9:fast=off:room=128K,alpha:fast=on,alpha:two:fast=off"),
			3);
	CU_ASSERT_STRING_EQUAL(v[0].label, "alpha:fast=off:depth=9:room=128K");
	CU_ASSERT_EQUAL(number(0, 0), false);
	CU_ASSERT_EQUAL(number(0, 1), 9);
	CU_ASSERT_EQUAL(number(0, 2), 128 * KiB);
	CU_ASSERT_STRING_EQUAL(v[1].label, "alpha");
	CU_ASSERT_EQUAL(number(1, 0), true);
	CU_ASSERT_EQUAL(number(1, 1), 5);
	CU_ASSERT_EQUAL(number(1, 2), 4 * MiB);
	CU_ASSERT_STRING_EQUAL(v[2].label, "alpha:two:fast=off");
}

/* For all variants: what one says itself goes before it; who cannot take it is no variant. */
static void test_default_options(void)
{
	defaults.options.nr = 1;
	defaults.options.word[0].name = "depth";
	defaults.options.word[0].text = "7";
	CU_ASSERT_EQUAL(parse("alpha:depth=2,alpha"), 2);
	CU_ASSERT_EQUAL(number(0, 1), 2);
	CU_ASSERT_EQUAL(number(1, 1), 7);
	CU_ASSERT_EQUAL(parse(NULL), 1);
	CU_ASSERT_STRING_EQUAL(v[0].label, "alpha:depth=7");
	CU_ASSERT_EQUAL(parse("alpha,beta"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "beta has no option --depth"));
	CU_ASSERT_EQUAL(parse("alpha:two"), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "--depth is for engine one"));
	defaults.options.nr = 0;
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
		{ "alpha:fast=maybe", -EINVAL, "--fast takes on or off; not 'maybe'" },
		{ "alpha:fast=", -EINVAL, "--fast takes" },
		{ "alpha:depth=10", -EINVAL, "--depth takes a number from 1 to 9; not '10'" },
		{ "alpha:depth=0", -EINVAL, "--depth takes" },
		{ "alpha:room=63K", -EINVAL, "--room takes a size from 64K to 1G; not '63K'" },
		{ "alpha:room=2G", -EINVAL, "--room takes" },
		{ "alpha:depth=3:two", -EINVAL, "--depth is for engine one of backend alpha" },
		{ "alpha:slow=on", -EINVAL, "alpha has no option --slow" },
		{ "beta:fast=on", -EINVAL, "beta has no option --fast" },
		{ "alpha:log=x", -EINVAL, "--log is about one machine" },
		{ "alpha,alpha:fast=on", -EINVAL, "twice" },
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
	{ "options of a backend's own", test_options },
	{ "options for every backend", test_default_options },
	{ "without a list, every backend that works", test_default },
	{ "what makes no sense is refused, with a reason", test_refused },
	{ "numbers and sizes of the command line", test_args },
	CU_TEST_INFO_NULL,
};
