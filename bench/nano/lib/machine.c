/* SPDX-License-Identifier: MIT */
/* The platform of a guest: Multiboot, COM1, fvbench's marker, isa-debug-exit. */
#include "console.h"
#include "cpu.h"
#include "platform.h"
#include "xsave.h"

#define PORT_MARK 0xfb0
#define PORT_EXIT 0xf4
#define USER_GATE 0x81

extern u32 multiboot_info;
extern char user_exit_gate[];

void platform_init(void)
{
	console_init();
	cpu_init();
	gate_set_user(USER_GATE, user_exit_gate);
}

const char *platform_arguments(void)
{
	const u32 *info = (const u32 *)(uintptr_t)multiboot_info;

	return (info[0] & 4) ? (const char *)(uintptr_t)info[4] : "";
}

void platform_call_user(void (*fn)(uword), uword n)
{
	user_call(fn, n);
}

void platform_mark(u8 i)
{
	outb(PORT_MARK, i);
}

void platform_print(const char *text)
{
	console_write(text);
}

void platform_end(enum outcome outcome)
{
	outl(PORT_EXIT, outcome);
	/* No such port: ask the keyboard controller for a reset, and else stop. */
	outb(0x64, 0xfe);
	for (;;)
		asm volatile("cli; hlt");
}

void avx2_enable(void)
{
	if (!(cpuid(1, 0).c & CPUID_1C_AVX) || !(cpuid(7, 0).b & CPUID_7B_AVX2))
		skip("no AVX2");
	xsave_enable(XSAVE_X87 | XSAVE_SSE | XSAVE_AVX);
}
