/* SPDX-License-Identifier: MIT */
/* Code that rewrites itself: the operand of an instruction in a function, which is then called. */
#include "process.h"

#include <string.h>
#include <sys/mman.h>

/* mov $0, %eax; ret */
static const u8 function[] = { 0xb8, 0, 0, 0, 0, 0xc3 };

static u8 *code;

static void setup(void)
{
	code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	need(code != MAP_FAILED, "cannot map a page to execute");
	memcpy(code, function, sizeof(function));
}

static void run(uword n)
{
	u32 (*volatile call)(void) = (u32(*)(void))code;

	LOOP(n)
	{
		*(volatile u32 *)(code + 1) = (u32)n;
		sum += call();
	}
}

static void check(uword n)
{
	expect("sum of what it returned", sum, (u64)n * (n + 1) / 2);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
