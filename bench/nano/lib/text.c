/* SPDX-License-Identifier: MIT */
#include "text.h"

static void text_char(struct text *t, char c)
{
	if (t->len + 1 >= sizeof(t->buf))
		return;
	t->buf[t->len++] = c;
	t->buf[t->len] = '\0';
}

void text_str(struct text *t, const char *s)
{
	while (*s)
		text_char(t, *s++);
}

/* *V / 10 in place, and the remainder; in two steps of 32 bits, as 32-bit code has no other. */
static u32 divide_by_10(u64 *v)
{
	u32 hi = (u32)(*v >> 32), lo, rem = hi % 10;

	asm("divl %4" : "=a"(lo), "=d"(rem) : "0"((u32)*v), "1"(rem), "r"(10));
	*v = (u64)(hi / 10) << 32 | lo;
	return rem;
}

void text_dec(struct text *t, u64 v)
{
	char digit[20];
	int n = 0;

	do
		digit[n++] = (char)('0' + divide_by_10(&v));
	while (v);
	while (n)
		text_char(t, digit[--n]);
}

void text_hex(struct text *t, u64 v)
{
	int shift = 60;

	text_str(t, "0x");
	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		text_char(t, "0123456789abcdef"[v >> shift & 15]);
}
