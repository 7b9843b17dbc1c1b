/* SPDX-License-Identifier: MIT */
/*
 * String instructions over the end of RAM, in both directions, one element at a time and repeated,
 * from RAM, to RAM, and with ports. The identity map's large page covers RAM and what is beyond.
 */
#include "guest.h"

#define SPAN 256  /* on each side of the end */
#define PORT 0xe0 /* pc-testdev's latch */
#define DF   "std; "

static u8 buffer[2 * SPAN] __attribute__((aligned(64)));
static u8 *end, *tail;

static void fill(void)
{
	for (unsigned int i = 0; i < SPAN; i++)
		tail[i] = (u8)(i ^ 0x5a);
	for (unsigned int i = 0; i < 2 * SPAN; i++)
		buffer[i] = (u8)(i * 3 + 1);
}

static void expect_tail(const char *what, const u8 *want)
{
	expect(what, caught.vector, NO_FAULT);
	for (unsigned int i = 0; i < SPAN; i++)
		expect(what, tail[i], want ? want[i] : (u8)(i ^ 0x5a));
}

static void expect_buffer(const char *what)
{
	expect(what, caught.vector, NO_FAULT);
	for (unsigned int i = 0; i < 2 * SPAN; i++)
		expect(what, buffer[i], i < SPAN ? (u8)(i ^ 0x5a) : 0xff);
}

#define MOVS(suffix, size)                                                             \
	do {                                                                           \
		fill();                                                                \
		ATTEMPT("rep movs" suffix, tail, buffer, 2 * SPAN / (size));           \
		expect_tail("MOVS" suffix " out", buffer);                             \
		expect("count", attempt_regs.n, 0);                                    \
		expect("RDI", attempt_regs.a, (u64)tail + 2 * SPAN);                   \
		fill();                                                                \
		ATTEMPT("rep movs" suffix, buffer, tail, 2 * SPAN / (size));           \
		expect_buffer("MOVS" suffix " in");                                    \
		fill();                                                                \
		ATTEMPT(DF "rep movs" suffix, tail + 2 * SPAN - (size),                \
			buffer + 2 * SPAN - (size), 2 * SPAN / (size));                \
		expect_tail("MOVS" suffix " out, down", buffer);                       \
		fill();                                                                \
		ATTEMPT(DF "rep movs" suffix, buffer + 2 * SPAN - (size),              \
			tail + 2 * SPAN - (size), 2 * SPAN / (size));                  \
		expect_buffer("MOVS" suffix " in, down");                              \
		for (unsigned int at = 1; at < (size); at++) {                         \
			fill();                                                        \
			ATTEMPT("movs" suffix, end - at, buffer + SPAN - at, 1);       \
			for (unsigned int i = 0; i < at; i++)                          \
				expect("MOVS" suffix " across", end[(int)i - (int)at], \
				       buffer[SPAN - at + i]);                         \
		}                                                                      \
	} while (0)

#define STOS(suffix, size)                                                                     \
	do {                                                                                   \
		fill();                                                                        \
		ATTEMPT("movq $-2, %%rax; rep stos" suffix, end - SPAN / 2, 0, SPAN / (size)); \
		expect("STOS" suffix, caught.vector, NO_FAULT);                                \
		for (unsigned int i = SPAN / 2; i < SPAN; i++)                                 \
			expect("STOS" suffix, tail[i], i % (size) ? 0xff : 0xfe);              \
	} while (0)

#define PORTS(suffix, size)                                                              \
	do {                                                                             \
		fill();                                                                  \
		ATTEMPT("movl %%esi, %%edx; movl $0x04030201, %%eax; outl %%eax, %%dx; " \
			"rep ins" suffix,                                                \
			end - SPAN / 2, PORT, SPAN / (size));                            \
		expect("INS" suffix, caught.vector, NO_FAULT);                           \
		for (unsigned int i = SPAN / 2; i < SPAN; i++)                           \
			expect("INS" suffix, tail[i], i % (size) + 1);                   \
		fill();                                                                  \
		ATTEMPT("movl %%edi, %%edx; rep outs" suffix, PORT, end - SPAN / 2,      \
			SPAN / (size));                                                  \
		expect_tail("OUTS" suffix, NULL);                                        \
		expect("last OUTS" suffix, inb(PORT), 0xff);                             \
	} while (0)

static void run(uword n __attribute__((unused)))
{
	end = (u8 *)ram_end;
	tail = end - SPAN;
	MOVS("b", 1);
	MOVS("w", 2);
	MOVS("l", 4);
	MOVS("q", 8);
	STOS("b", 1);
	STOS("w", 2);
	STOS("l", 4);
	STOS("q", 8);
	PORTS("b", 1);
	PORTS("w", 2);
	PORTS("l", 4);

	fill();
	ATTEMPT("movb $0xff, %%al; repe scasb; setne %%al; movzbl %%al, %%eax", end, 0, SPAN);
	expect("SCAS: all ones beyond the end", attempt_regs.n, 0);
	memset(buffer, 0xff, sizeof(buffer));
	ATTEMPT("repe cmpsb", buffer, end, SPAN);
	expect("CMPS: all ones beyond the end", attempt_regs.n, 0);
	expect("RSI after CMPS", attempt_regs.b, (u64)end + SPAN);
	events = events + 1;
}

static void check(uword n)
{
	expect("runs", events, n);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
