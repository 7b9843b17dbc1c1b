/* SPDX-License-Identifier: MIT */
/*
 * The platform of an ordinary Linux process: the same object file of a compute guest, natively, and
 * the programs of bench/linux. Needs no C library, so that nothing runs here that a guest does not
 * have.
 */
#include "host.h"
#include "platform.h"
#include "syscall.h"
#include "xsave.h"

#define CPUID_1C_OSXSAVE (1u << 27)
#define PORT_MARK	 0xfb0
/* ioctl(2) of <linux/perf_event.h>, and where bench/counters.h puts the descriptors. */
#define EVENT_ENABLE  0x2400
#define EVENT_DISABLE 0x2401
#define EVENT_FD      200

/* The arguments, with spaces between them. */
static char arguments[256];
static bool marking;
static uword counted; /* of the host's, which are counted between the marks */

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Is it events=N? That is not the guest's business. */
static bool take_events(const char *arg)
{
	const char *word = "events=";

	for (; *word; word++, arg++)
		if (*word != *arg)
			return false;
	for (; *arg >= '0' && *arg <= '9'; arg++)
		counted = counted * 10 + (uword)(*arg - '0');
	return true;
}

static void switch_events(uword request)
{
	for (uword i = 0; i < counted; i++)
		system_call(__NR_ioctl, EVENT_FD + (long)i, (long)request, 0, 0, 0);
}

void host_main(char **argv)
{
	size_t n = 0;

	for (char **arg = argv + 1; *argv && *arg; arg++) {
		marking |= same(*arg, "mark");
		if (take_events(*arg))
			continue;
		if (n && n + 1 < sizeof(arguments))
			arguments[n++] = ' ';
		for (const char *p = *arg; *p && n + 1 < sizeof(arguments); p++)
			arguments[n++] = *p;
	}
	nano_main();
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

/* The right to the port is had for no longer than this: with it, switches between processes and
 * forks would cost more. */
void platform_mark(u8 i)
{
	if (i == 1)
		switch_events(EVENT_ENABLE);
	else if (i == 2)
		switch_events(EVENT_DISABLE);
	if (!marking)
		return;
	if (system_call(__NR_ioperm, PORT_MARK, 1, 1, 0, 0))
		fail("no right to use the marker port");
	outb(PORT_MARK, i);
	system_call(__NR_ioperm, PORT_MARK, 1, 0, 0, 0);
}

void platform_print(const char *text)
{
	print_text(text);
}

void platform_end(enum outcome outcome)
{
	for (;;)
		system_call(__NR_exit_group, outcome << 1 | 1, 0, 0, 0, 0);
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
