/* SPDX-License-Identifier: MIT */
#include "nano.h"
#include "string.h"

void *memset(void *to, int byte, size_t n)
{
	void *p = to;

	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(byte) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	asm volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *p = to;
	const u8 *q = from;

	if (p <= q)
		return memcpy(to, from, n);
	while (n--)
		*(volatile u8 *)(p + n) = q[n];
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const volatile u8 *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}
