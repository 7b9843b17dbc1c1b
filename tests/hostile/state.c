/* SPDX-License-Identifier: MIT */
/*
 * Garbage for everything that loads processor state: FXRSTOR, XRSTOR, MXCSR, XCR0, control and
 * debug registers, MSRs, descriptor tables, selectors. The host's own state must not be what
 * changes.
 */
#include "guest.h"

#define ROUNDS 300

static u8 area[8192] __attribute__((aligned(64))), saved[8192] __attribute__((aligned(64)));

static void fill_area(void)
{
	for (unsigned int i = 0; i < sizeof(area); i += 8)
		*(u64 *)(void *)(area + i) = noise();
}

static bool has_xsave(void)
{
	return read_cr4() & CR4_OSXSAVE;
}

static void expect_gp_or_none(const char *what)
{
	if (caught.vector != NO_FAULT)
		expect(what, caught.vector, GP);
	events = events + 1;
}

static void restore_clean(void)
{
	static const u32 mxcsr = 0x1f80;

	asm volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

static void check_fpu(void)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		fill_area();
		if (i & 1)
			*(u32 *)(void *)(area + 24) &= 0xffff;
		ATTEMPT("fxrstor64 (%%rdi)", area, 0, 0);
		expect_gp_or_none("FXRSTOR of noise");
		ATTEMPT("fnclex; ldmxcsr (%%rdi); stmxcsr (%%rsi)", area + 8, area + 16, 0);
		expect_gp_or_none("LDMXCSR of noise");
		ATTEMPT("fldenv (%%rdi); fnclex", area, 0, 0);
		ATTEMPT("frstor (%%rdi); fnclex", area, 0, 0);
		restore_clean();
	}
}

static void check_xrstor(void)
{
	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 components = i & 2 ? noise() : ~0ull;

		fill_area();
		*(u32 *)(void *)(area + 24) &= 0xffbf;
		if (i & 1) { /* a plausible header */
			memset(area + 512, 0, 64);
			*(u64 *)(void *)(area + 512) = noise() & (i & 4 ? ~0ull : 0xe7);
			if (i & 8)
				*(u64 *)(void *)(area + 520) = noise();
		}
		ATTEMPT("movl %%esi, %%eax; movl %%ecx, %%edx; xrstor64 (%%rdi)", area, components,
			components >> 32);
		expect_gp_or_none("XRSTOR of noise");
		ATTEMPT("movl %%esi, %%eax; movl %%ecx, %%edx; xsave64 (%%rdi)", saved, components,
			components >> 32);
		expect("XSAVE", caught.vector, NO_FAULT);
		ATTEMPT("movl $-1, %%eax; movl %%eax, %%edx; xrstor64 (%%rdi)", area + 1 + i % 63,
			0, 0);
		expect("XRSTOR from an odd address", caught.vector, GP);
		restore_clean();
	}
	/* Half of the image outside of RAM. */
	for (u64 at = ram_end - 4096; at < ram_end && wide; at += 64) {
		ATTEMPT("movl $7, %%eax; xorl %%edx, %%edx; xsave64 (%%rdi)", at, 0, 0);
		expect("XSAVE over the end of RAM", caught.vector, NO_FAULT);
		ATTEMPT("movl $7, %%eax; xorl %%edx, %%edx; xrstor64 (%%rdi)", at, 0, 0);
		expect_gp_or_none("XRSTOR over the end of RAM");
		restore_clean();
	}
}

static void check_xcr0(void)
{
	u32 was;

	asm volatile("xgetbv" : "=a"(was) : "c"(0) : "rdx");
	for (unsigned int i = 0; i < ROUNDS; i++) {
		u64 v = i < 64 ? 1ull << i : noise();

		/* Without x87 none is possible. */
		ATTEMPT("movl %%edi, %%eax; movl %%esi, %%edx; xsetbv", v & ~1ull, v >> 32, 0);
		expect("exception at XSETBV without x87", caught.vector, GP);
		ATTEMPT("movl %%edi, %%eax; movl %%esi, %%edx; xsetbv", v | 1ull << (i % 32 + 18),
			v >> 32, 0);
		expect("exception at XSETBV of unknown components", caught.vector, GP);
		ATTEMPT("movl $3, %%eax; xorl %%edx, %%edx; xsetbv", 0, 0, 1 + noise() % 0xffff);
		expect("exception at XSETBV of another register", caught.vector, GP);
	}
	asm volatile("xsetbv" : : "a"(was), "d"(0), "c"(0));
}

static void check_control(void)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), cr3 = read_cr3();

	for (unsigned int bit = 32; bit < 64; bit++) {
		ATTEMPT("movq %%rdi, %%cr0", cr0 | 1ull << bit, 0, 0);
		expect("exception at CR0's upper half", caught.vector, GP);
		ATTEMPT("movq %%rdi, %%cr4", cr4 | 1ull << bit, 0, 0);
		expect("exception at CR4's upper half", caught.vector, GP);
		ATTEMPT("movq %%rdi, %%cr8", 1ull << bit, 0, 0);
		expect("exception at CR8's upper half", caught.vector, GP);
		ATTEMPT("movq %%rdi, %%dr7", 1ull << bit, 0, 0);
		expect("exception at DR7's upper half", caught.vector, GP);
		if (bit >= physical_bits && bit < 63) {
			ATTEMPT("movq %%rdi, %%cr3", cr3 | 1ull << bit, 0, 0);
			expect_gp_or_none("CR3 with reserved bits");
			write_cr3(cr3);
		}
	}
	ATTEMPT("movq %%rdi, %%cr0", cr0 & ~1ul, 0, 0);
	expect("exception at paging without protection", caught.vector, GP);
	ATTEMPT("movq %%rdi, %%cr4", cr4 & ~CR4_PAE, 0, 0);
	expect("exception at long mode without PAE", caught.vector, GP);
	for (unsigned int i = 0; i < 4; i++) {
		ATTEMPT("movq %%rdi, %%dr0; movq %%rdi, %%dr1; movq %%rdi, %%dr2; movq %%rdi, "
			"%%dr3",
			targets[i * 7 % nr_targets], 0, 0);
		expect("debug registers hold any address", caught.vector, NO_FAULT);
	}
}

static void check_tables(void)
{
	struct table_reg table = { 0xffff, 1ull << 62 };

	ATTEMPT("lgdt (%%rdi)", &table, 0, 0);
	expect("exception at a non-canonical GDT", caught.vector, GP);
	ATTEMPT("lidt (%%rdi)", &table, 0, 0);
	expect("exception at a non-canonical IDT", caught.vector, GP);
	for (u64 selector = 0; selector < 0x10000; selector += 7) {
		ATTEMPT("verr %%di; verw %%di; lar %%edi, %%eax; lsl %%edi, %%eax", selector, 0, 0);
		expect("looking at a selector", caught.vector, NO_FAULT);
		if (selector < 8 * GDT_SLOTS)
			continue;
		ATTEMPT("movl %%edi, %%fs", selector, 0, 0);
		expect("exception at a selector beyond the table", caught.vector, GP);
		ATTEMPT("lldt %%di", selector, 0, 0);
		expect("exception at an LDT beyond the table", caught.vector, GP);
		ATTEMPT("ltr %%di", selector, 0, 0);
		expect("exception at a TSS beyond the table", caught.vector, GP);
	}
}

/* Bases of FS and GS may point at the host: they are the guest's, in the guest's address space. */
static void check_bases(void)
{
	for (u32 i = 0; i < nr_targets; i++) {
		u64 v, target = targets[i];

		if (target >> 47)
			continue;
		wrmsr(MSR_GS_BASE, target);
		wrmsr(MSR_GS_BASE - 1, target);
		v = ATTEMPT("xorl %%edi, %%edi; movq %%gs:(%%rdi), %%rax", 0, 0, 0);
		if (target >= IDENTITY_END)
			expect("exception through GS", caught.vector, PF);
		else
			expect("host memory through GS", v == CANARY, 0);
		v = ATTEMPT("xorl %%edi, %%edi; movq %%fs:(%%rdi), %%rax", 0, 0, 0);
		if (target >= IDENTITY_END)
			expect("exception through FS", caught.vector, PF);
		else
			expect("host memory through FS", v == CANARY, 0);
	}
	wrmsr(MSR_GS_BASE, 0);
	wrmsr(MSR_GS_BASE - 1, 0);
}

static void check_msrs(void)
{
	for (u32 msr = 0; msr < 0x4000; msr++) {
		u32 number = msr < 0x2000 ? msr : 0xc0000000 + msr - 0x2000;

		ATTEMPT("rdmsr", 0, 0, number);
		expect_gp_or_none("RDMSR");
	}
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ATTEMPT("rdmsr", 0, 0, noise());
		expect_gp_or_none("RDMSR of noise");
		ATTEMPT("movl %%edi, %%eax; movl %%esi, %%edx; wrmsr", noise(), noise(),
			0x20000 + (noise() & 0x1fffffff));
		expect("exception at WRMSR of noise", caught.vector, GP);
	}
	ATTEMPT("movl $0, %%eax; movl $0x9000, %%edx; wrmsr", 0, 0, MSR_LSTAR);
	expect_gp_or_none("a non-canonical LSTAR"); /* emulators of hardware let it pass */
	wrmsr(MSR_LSTAR, 0);
}

static void run(uword n __attribute__((unused)))
{
	check_fpu();
	if (has_xsave()) {
		check_xrstor();
		check_xcr0();
	}
	check_control();
	check_tables();
	check_bases();
	check_msrs();
}

static void check(uword n)
{
	(void)n;
	metric("loads", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
