/* SPDX-License-Identifier: MIT */
/*
 * test_kvm [NAME...]: tests of the kvm backend on a real /dev/kvm. Prints a line a test and ends in
 * "N passed, N failed"; exit status 1 if one failed, 77 if this host has no usable /dev/kvm.
 */
#include "tests/kvm/machine.h"

#include <string.h>

static unsigned int test_failures, passed, failed;
static const char *skipped;

void check(bool ok, const char *what, const char *file, int line)
{
	if (ok)
		return;
	test_failures++;
	printf("# %s:%d: %s\n", file, line, what);
}

void check_equal(u64 got, u64 want, const char *what, const char *file, int line)
{
	if (got == want)
		return;
	test_failures++;
	printf("# %s:%d: %s is %#llx (%lld), not %#llx (%lld)\n", file, line, what,
	       (unsigned long long)got, (long long)got, (unsigned long long)want, (long long)want);
}

void skip(const char *why)
{
	skipped = why;
}

static void run_one(const struct test *t, enum irqchip irqchip)
{
	const char *chip = irqchip == IRQCHIP_USER ? "user" : "kernel";

	test_failures = 0;
	skipped = NULL;
	t->run(irqchip);
	if (test_failures) {
		failed++;
		printf("not ok %s (%s)\n", t->name, chip);
	} else if (skipped) {
		printf("skipped %s (%s): %s\n", t->name, chip, skipped);
	} else {
		passed++;
		printf("ok %s (%s)\n", t->name, chip);
	}
	fflush(stdout);
}

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return true;
	return argc == 1;
}

int main(int argc, char **argv)
{
	static const struct test *const lists[] = { io_tests, state_tests, irq_tests, count_tests };
	struct error err;

	if (backend_by_name("kvm")->probe(&err)) {
		fprintf(stderr, "test_kvm: %s\n", err.text);
		return 77;
	}
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++)
		for (const struct test *t = lists[l]; t->name; t++) {
			if (!wanted(argc, argv, t->name))
				continue;
			run_one(t, IRQCHIP_USER);
			if (t->both)
				run_one(t, IRQCHIP_KERNEL);
		}
	printf("%u passed, %u failed\n", passed, failed);
	return failed || !passed;
}
