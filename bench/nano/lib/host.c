/* SPDX-License-Identifier: MIT */
/*
 * The platform of an ordinary Linux process: the same object file of a compute guest, natively. No
 * C library, so that nothing runs here that a guest does not have.
 */
#include "platform.h"
#include "xsave.h"

#define SYS_WRITE	 1
#define SYS_EXIT_GROUP	 231
#define CPUID_1C_OSXSAVE (1u << 27)

/* The arguments, with spaces between them. */
static char arguments[256];

/* What the kernel leaves on the stack at a program's start: argc, argv[]. */
__attribute__((noreturn, used)) static void begin(char **stack)
{
	size_t n = 0;

	for (char **arg = stack + 2; *stack && *arg; arg++) {
		if (n && n + 1 < sizeof(arguments))
			arguments[n++] = ' ';
		for (const char *p = *arg; *p && n + 1 < sizeof(arguments); p++)
			arguments[n++] = *p;
	}
	nano_main();
}

asm(".globl _start\n"
    "_start:\n\t"
    "mov %rsp, %rdi\n\t"
    "call begin");

static long system_call(long nr, long a, long b, long c)
{
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "0"(nr), "D"(a), "S"(b), "d"(c)
		     : "rcx", "r11", "memory");
	return ret;
}

void platform_init(void)
{
}

const char *platform_arguments(void)
{
	return arguments;
}

void platform_call_user(void (*fn)(uword), uword n)
{
	fn(n);
}

void platform_mark(u8 i)
{
	(void)i;
}

void platform_print(const char *text)
{
	long n = 0, done;

	while (text[n])
		n++;
	for (; n > 0; text += done, n -= done) {
		done = system_call(SYS_WRITE, 1, (long)text, n);
		if (done <= 0)
			return;
	}
}

void platform_end(enum outcome outcome)
{
	for (;;)
		system_call(SYS_EXIT_GROUP, outcome << 1 | 1, 0, 0);
}

void avx2_enable(void)
{
	u32 lo, hi;

	if (!(cpuid(1, 0).c & CPUID_1C_OSXSAVE) || !(cpuid(7, 0).b & CPUID_7B_AVX2))
		skip("no AVX2");
	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	if (~lo & (XSAVE_SSE | XSAVE_AVX))
		skip("the host does not save AVX registers");
}
