/* SPDX-License-Identifier: MIT */
/*
 * First touch of anonymous memory, UNIT bytes at a time with ADVICE about its pages: a page fault
 * and a cleared page, in a region of UNITS that is given back and begun again when all are touched.
 * TOO_MANY(reason) says what more faults than units mean.
 */
#include "process.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define REGION ((size_t)UNIT * UNITS)

static char *region;
static u64 faults_before;

static u64 faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (u64)usage.ru_minflt;
}

static void give_back(void)
{
	need(!madvise(region, REGION, MADV_DONTNEED), "cannot give memory back");
}

static void setup(void)
{
	char *p = mmap(NULL, REGION + UNIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	need(p != MAP_FAILED, "cannot map memory");
	region = (char *)(((uintptr_t)p + UNIT - 1) / UNIT * UNIT);
	if (madvise(region, REGION, ADVICE))
		skip("this kernel has no transparent huge pages");
}

static void prepare(uword n)
{
	(void)n;
	give_back();
	faults_before = faults();
}

/* Both ends of a unit: no more than one fault if it is one page. */
static void run(uword n)
{
	size_t at = 0;

	LOOP(n)
	{
		if (at == REGION) {
			give_back();
			at = 0;
		}
		region[at] = 1;
		sum += (u64)(region[at] + region[at + UNIT - 1]);
		at += UNIT;
	}
}

static void check(uword n)
{
	u64 seen = faults() - faults_before;

	expect("sum of bytes", sum, n);
	need(seen >= n, "memory was there before it was touched");
	if (seen > n + n / 8 + 16)
		TOO_MANY("more page faults than pages");
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
