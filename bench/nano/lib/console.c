/* SPDX-License-Identifier: MIT */
#include "console.h"
#include "x86.h"

void console_init(void)
{
	outb(UART + 1, 0);    /* no interrupts */
	outb(UART + 3, 0x80); /* divisor latch */
	outb(UART + 0, 1);    /* 115200 baud */
	outb(UART + 1, 0);
	outb(UART + 3, 3); /* 8 bits, no parity, one stop bit */
	outb(UART + 2, 7); /* FIFOs on and empty */
}

static void put(char c)
{
	/* Bounded: a machine without a UART must still reach its exit port. */
	for (int tries = 100000; tries && !(inb(UART + 5) & 0x20); tries--)
		;
	outb(UART, (u8)c);
}

void console_write(const char *text)
{
	for (; *text; text++)
		put(*text);
}

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
