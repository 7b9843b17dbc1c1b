/* SPDX-License-Identifier: MIT */
/*
 * Linear addresses: those of the host's own memory, aliases of the guest's (the same low bits),
 * both ends of the canonical halves, noise. Unmapped ones are page faults with the right CR2,
 * mapped ones reach the guest's page and no other, non-canonical ones are #GP, or #SS through the
 * stack segment.
 */
#include "guest.h"

#define NR_NOISE 256

static u8 page[PAGE] __page_aligned, next[PAGE] __page_aligned;

static bool canonical(u64 a)
{
	return (u64)((int64_t)(a << 16) >> 16) == a;
}

/* RBP addresses the stack segment. An attempt that fails leaves its value, hence the stack. */
static void load_through_rbp(u64 address)
{
	caught.vector = NO_FAULT;
	asm volatile("pushq %%rbp\n\t"
		     "leaq 77f(%%rip), %%r11\n\t"
		     "movq %%r11, recover_ip(%%rip)\n\t"
		     "movq %%rsp, recover_sp(%%rip)\n\t"
		     "movq %0, %%rbp\n\t"
		     "movq (%%rbp), %%rax\n"
		     "77:\tpopq %%rbp"
		     :
		     : "r"(address)
		     : "rax", "r11", "memory");
	recover_ip = 0;
}

static void check_unmapped(u64 address)
{
	for (unsigned int i = 0; i < nr_accesses; i++) {
		const struct access *a = &accesses[i];

		if (!access_possible(a, false))
			continue;
		a->run(address);
		expect_at(a, address, "exception", caught.vector, PF);
		expect_at(a, address, "error code", caught.error, a->write ? PF_W : 0);
		if (caught.cr2 < address || caught.cr2 >= address + a->size)
			expect_at(a, address, "CR2", caught.cr2, address);
	}
}

static void check_noncanonical(u64 address)
{
	for (unsigned int i = 0; i < nr_accesses; i++) {
		const struct access *a = &accesses[i];

		if (!access_possible(a, false))
			continue;
		a->run(address);
		expect_at(a, address, "exception", caught.vector, GP);
		expect_at(a, address, "error code", caught.error, 0);
	}
	load_through_rbp(address);
	expect("exception through the stack segment", caught.vector, SS);
}

/* The page of ADDRESS is ours now: accesses must go there and nowhere else. */
static void check_mapped(u64 address)
{
	map_linear(address, pte(page));
	address &= ~(u64)(PAGE - 1);
	for (unsigned int i = 0; i < nr_accesses; i++) {
		const struct access *a = &accesses[i];
		u32 at = (u32)noise() % (PAGE - 64);

		if (!access_possible(a, false))
			continue;
		memset(page + at, (u8)i, 64);
		a->run(address + at);
		expect_at(a, address, "exception", caught.vector, NO_FAULT);
		for (u32 j = 0; j < a->size; j++)
			expect_at(a, address + at + j, "byte", page[at + j],
				  a->write ? stored[j] : loaded[j]);
		/* And across its end, where nothing is mapped: not even the first half is written.
		 */
		memset(page + PAGE - 64, 0x11, 64);
		if (a->size < 2)
			continue;
		a->run(address + PAGE - a->size / 2);
		expect_at(a, address, "exception across the page's end", caught.vector, PF);
		expect_at(a, address, "CR2", caught.cr2, address + PAGE);
		for (u32 j = PAGE - 64; j < PAGE; j++)
			expect_at(a, address + j, "byte before the fault", page[j], 0x11);
	}
	unmap_linear();
}

static void try_address(u64 a)
{
	if (a + 128 < a || a < IDENTITY_END)
		return;
	events = events + 1;
	if (!canonical(a))
		check_noncanonical(a);
	else if (canonical(a + 64))
		check_unmapped(a);
}

/* Two pages side by side that are not so in RAM: what crosses must not touch the pages between. */
static void check_split(void)
{
	window_map(0, next);
	window_map(1, page);
	for (unsigned int i = 0; i < nr_accesses; i++) {
		const struct access *a = &accesses[i];
		u32 half = a->size / 2;

		if (!access_possible(a, false) || !half)
			continue;
		for (unsigned int j = 0; j < PAGE; j++)
			page[j] = next[j] = (u8)(j * 3);
		a->run((u64)WINDOW + PAGE - half);
		expect_at(a, (u64)WINDOW, "exception", caught.vector, NO_FAULT);
		for (u32 j = 0; j < a->size; j++) {
			u8 in_ram = j < half ? next[PAGE - half + j] : page[j - half];

			expect_at(a, j, "byte of two pages", in_ram,
				  a->write ? stored[j] : loaded[j]);
		}
		for (u32 j = a->size; j < PAGE - a->size; j++) {
			expect_at(a, j, "byte beside", page[j], (u8)(j * 3));
			expect_at(a, j, "byte beside", next[j], (u8)(j * 3));
		}
		expect_at(a, 0, "byte below", page[PAGE - 1], (u8)((PAGE - 1) * 3));
		expect_at(a, 0, "byte above", next[0], 0);
	}
	window_clear();
}

static void check_ends(void)
{
	/* Across the end of the lower half. */
	map_linear(0x00007ffffffff000, pte(page));
	ATTEMPT("movq (%%rdi), %%rax", 0x00007ffffffffffc, 0, 0);
	expect("exception across the end of the lower half", caught.vector, GP);
	/* Up to the last byte, and around: how that ends, processors differ. */
	map_linear(0xfffffffffffff000, pte(page));
	ATTEMPT("movq (%%rdi), %%rax", 0xfffffffffffffff8, 0, 0);
	expect("exception at the last 8 bytes", caught.vector, NO_FAULT);
	for (u64 i = 1; i < 64; i++)
		for (unsigned int j = 0; j < nr_accesses; j++)
			if (access_possible(&accesses[j], false) && !accesses[j].write)
				accesses[j].run(0 - i);
	unmap_linear();
}

/* Loops that walk out of a page, and whose 32-bit index begins anew while they are in it. */
static void check_walks(void)
{
	window_map(0, page);
	for (u32 start = 0; start < PAGE - 256; start += 200) {
		const u64 at = (u64)WINDOW + start, far = at - 8 * 0xffffffe0ull;

		ATTEMPT("1: movb $1, (%%rdi)\n\taddq $1, %%rdi\n\tjmp 1b", at, 0, 0);
		expect("exception of a walk", caught.vector, PF);
		expect("CR2 of a walk", caught.cr2, (u64)WINDOW + PAGE);
		expect("last byte of a walk", page[PAGE - 1], 1);
		ATTEMPT("1: movl %%ecx, %%edx\n\tmovq %%rsi, (%%rdi,%%rdx,8)\n\taddl $1, %%ecx\n\t"
			"jmp 1b",
			far, 0x0202020202020202, 0xffffffe0);
		expect("exception of an index that begins anew", caught.vector, PF);
		expect("its CR2", caught.cr2, far);
		expect("bytes before that", page[start + 255], 2);
		memset(page, 0, PAGE);
	}
	window_clear();
}

static void run(uword n __attribute__((unused)))
{
	check_walks();
	check_split();
	check_ends();
	for (u32 i = 0; i < nr_targets; i++) {
		try_address(targets[i]);
		if (targets[i] >= IDENTITY_END && canonical(targets[i] + PAGE))
			check_mapped(targets[i]);
	}
	for (u64 k = 1; k < 0x10000; k = k * 2 + (k & 0x14)) {
		try_address((u64)page + (k << 48));
		try_address((u64)page + (k << 44));
		try_address((u64)page + (k << 32));
	}
	for (unsigned int bit = 32; bit < 64; bit++)
		try_address((1ull << bit) - 16);
	for (unsigned int i = 0; i < NR_NOISE; i++)
		try_address(noise() >> i % 32);
}

static void check(uword n)
{
	(void)n;
	if (events < 200)
		fail("hardly any address was tried");
	metric("addresses", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
