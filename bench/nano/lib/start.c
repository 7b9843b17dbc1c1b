/* SPDX-License-Identifier: MIT */
/* Where a program without a C library begins. */
#include "host.h"

/* What the kernel leaves on the stack at a program's start: argc, argv[]. */
__attribute__((noreturn, used)) static void begin(char **stack)
{
	host_main(stack + 1);
}

asm(".globl _start\n"
    "_start:\n\t"
    "mov %rsp, %rdi\n\t"
    "call begin");
