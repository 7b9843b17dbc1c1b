/* SPDX-License-Identifier: MIT */
/* A page made read-only and writable again, and written. */
#include "process.h"

#include <sys/mman.h>

static volatile u32 *page;

static void setup(void)
{
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "cannot map a page");
}

static void prepare(uword n)
{
	(void)n;
	*page = 0;
}

static void run(uword n)
{
	LOOP(n)
	{
		sum += !mprotect((void *)page, PAGE, PROT_READ);
		sum += !mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
		++*page;
	}
}

static void check(uword n)
{
	expect("calls that worked", sum, 2 * (u64)n);
	expect("writes", *page, (u32)n);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
