/* SPDX-License-Identifier: MIT */
/*
 * RDMSR of IA32_PAT: KVM intercepts it on AMD and on Intel alike, and handles it in the kernel.
 * (It lets the guest at LSTAR, FS_BASE and others directly, but not the same ones on both.)
 */
#include "x86.h"

static void run(uword n)
{
	LOOP (n)
		sum += rdmsr(MSR_PAT);
}

static void check(uword n)
{
	u64 pat = rdmsr(MSR_PAT);

	/* Whoever set it, entry 0 is write-back and no byte is above 7. */
	expect("PAT entry 0", pat & 0xff, 6);
	expect("reserved bits of PAT", pat & 0xf8f8f8f8f8f8f8f8, 0);
	expect("sum of values read", sum, n * pat);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
