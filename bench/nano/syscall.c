/* SPDX-License-Identifier: MIT */
/* SYSCALL from CPL 3 to an entry that counts, and SYSRET back. */
#include "cpu.h"

extern const char syscall_entry[];
asm("syscall_entry:\n"
    "	incq events(%rip)\n"
    "	sysretq\n");

static void setup(void)
{
	wrmsr(MSR_STAR, (u64)(SEL_KDATA | 3) << 48 | (u64)SEL_KCODE << 32);
	wrmsr(MSR_LSTAR, (uword)syscall_entry);
	wrmsr(MSR_SFMASK, 0);
}

static void run(uword n)
{
	LOOP (n)
		asm volatile("syscall" : : : "rcx", "r11", "memory");
	asm volatile("mov %%cs, %k0" : "=r"(sum));
}

static void check(uword n)
{
	expect("system calls", events, n);
	/* Not the whole selector: under trap-and-emulate it would be the host's. */
	expect("RPL of the caller's CS", sum & 3, SEL_UCODE & 3);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .run = run, .check = check, .user = true
};
