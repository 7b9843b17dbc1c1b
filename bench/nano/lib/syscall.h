/* SPDX-License-Identifier: MIT */
/* System calls of x86-64 Linux, for programs without a C library. */
#ifndef NANO_SYSCALL_H
#define NANO_SYSCALL_H

#include <asm/unistd_64.h>

/* What the kernel returns: a result, or a negative errno. */
static inline long system_call(long nr, long a, long b, long c, long d, long e)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	long ret;

	asm volatile("syscall"
		     : "=a"(ret)
		     : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		     : "rcx", "r11", "memory");
	return ret;
}

/* Write all of TEXT to standard output, if it can be written. */
static inline void print_text(const char *text)
{
	long n = 0, done;

	while (text[n])
		n++;
	for (; n > 0; text += done, n -= done) {
		done = system_call(__NR_write, 1, (long)text, n, 0, 0);
		if (done <= 0)
			return;
	}
}

#endif
