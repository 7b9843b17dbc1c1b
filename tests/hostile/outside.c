/* SPDX-License-Identifier: MIT */
/*
 * Physical addresses where there is no RAM, through page tables: every power of two, the edges of
 * RAM, the host's own addresses taken for physical ones, noise. Loads give ones, stores are lost,
 * of an access that lies half in RAM just that half happens.
 */
#include "guest.h"

#define NR_NOISE 32
#define WATCHED	 72

static u8 page[PAGE] __page_aligned;

/* Devices, and pages of the host kernel's own under some KVMs. */
static bool is_device(u64 frame)
{
	return frame >= 0xfe000000 && frame < 0x100000000;
}

static u8 byte_at(unsigned int i)
{
	return (u8)(i * 7 + i / 256);
}

/* Only its ends are ever accessed. */
static void fill(void)
{
	for (unsigned int i = 0; i < WATCHED; i++) {
		page[i] = byte_at(i);
		page[PAGE - 1 - i] = byte_at(PAGE - 1 - i);
	}
}

/* Access A at ADDRESS, of which the bytes in [FIRST, FIRST + N) come from page + AT and all others
 * lie outside of RAM. */
static void check_access(const struct access *a, u64 address, u32 first, u32 n, u32 at)
{
	if (a->write)
		fill();
	a->run(address);
	expect_at(a, address, "exception", caught.vector, NO_FAULT);
	for (u32 i = 0; i < a->size && !a->write; i++) {
		bool inside = i >= first && i < first + n;

		expect_at(a, address + i, "loaded", loaded[i],
			  inside ? page[at + i - first] : 0xff);
	}
	for (u32 i = 0; i < PAGE && a->write; i = i == WATCHED - 1 ? PAGE - WATCHED : i + 1) {
		bool stored_here = i >= at && i < at + n;

		expect_at(a, (u64)page + i, "byte in RAM", page[i],
			  stored_here ? stored[i - at + first] : byte_at(i));
	}
}

static void check_page(u64 frame)
{
	for (unsigned int i = 0; i < nr_accesses; i++) {
		const struct access *a = &accesses[i];
		u32 half = a->size / 2;

		if (!access_possible(a, true))
			continue;
		window_pte[0] = frame | PTE_P | PTE_W;
		window_pte[1] = pte(page);
		invlpg(window_page(0));
		invlpg(window_page(1));
		check_access(a, (u64)WINDOW, 0, 0, 0);
		check_access(a, (u64)WINDOW + PAGE - a->size, 0, 0, 0);
		check_access(a, (u64)WINDOW + PAGE - half, half, a->size - half, 0);
		window_pte[0] = pte(page);
		window_pte[1] = frame | PTE_P | PTE_W;
		invlpg(window_page(0));
		invlpg(window_page(1));
		check_access(a, (u64)WINDOW + PAGE - half, 0, half, PAGE - half);
	}
}

/* Bits above the processor's width are reserved. */
static void check_reserved(u64 frame)
{
	window_pte[0] = frame | PTE_P | PTE_W;
	invlpg(window_page(0));
	for (unsigned int i = 0; i < nr_accesses; i++) {
		const struct access *a = &accesses[i];
		u32 error = PF_P | PF_RSVD | (a->write ? PF_W : 0);

		if (!access_possible(a, false))
			continue;
		a->run((u64)WINDOW);
		expect_at(a, frame, "exception", caught.vector, PF);
		expect_at(a, frame, "error code", caught.error, error);
	}
}

static void try_frame(u64 frame)
{
	frame &= ((1ull << 52) - 1) & ~(u64)(PAGE - 1);
	if (frame < ram_end || is_device(frame))
		return;
	events = events + 1;
	if (frame >> physical_bits)
		check_reserved(frame);
	else
		check_page(frame);
}

static void run(uword n __attribute__((unused)))
{
	fill();
	for (unsigned int bit = 20; bit < 52; bit++) {
		try_frame(1ull << bit);
		try_frame((1ull << bit) - 1);
		try_frame((1ull << bit) + ram_end);
	}
	try_frame(ram_end);
	try_frame(ram_end + PAGE);
	try_frame((1ull << physical_bits) - 1);
	for (u32 i = 0; i < nr_targets; i++)
		try_frame(targets[i]);
	for (unsigned int i = 0; i < NR_NOISE; i++)
		try_frame(noise() >> (12 + i % 40));
}

static void check(uword n)
{
	(void)n;
	if (events < 64)
		fail("hardly any frame was tried");
	metric("frames", events);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = guest_init, .run = run, .check = check, .max = 1
};
