/* SPDX-License-Identifier: MIT */
/* WRMSR of IA32_PAT (see rdmsr.c): entry 7, which no page uses, turns from UC to WB and back. */
#include "x86.h"

#define ENTRY_7(type) ((u64)(type) << 56)

static u64 others;

static void setup(void)
{
	others = rdmsr(MSR_PAT) & ~ENTRY_7(7);
}

static void run(uword n)
{
	LOOP (n)
		wrmsr(MSR_PAT, others | ENTRY_7(n & 1 ? 6 : 0));
}

static void check(uword n)
{
	(void)n;
	expect("PAT", rdmsr(MSR_PAT), others | ENTRY_7(6));
	wrmsr(MSR_PAT, others);
	expect("PAT put back", rdmsr(MSR_PAT), others);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
