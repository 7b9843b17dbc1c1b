/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/world.h"

#include <string.h>

#define INT3 0xcc
#define HLT  0xf4

#define PTE_P  1u
#define PTE_RW 2u
#define PTE_US 4u

#define GATE_INT32 0xe
#define GATE_DPL3  0x60

#define CODE (ATTR_P | ATTR_S | 0xb)
#define DATA (ATTR_P | ATTR_S | 0x3)

void world_put(struct world *w, u32 at, u64 value, unsigned int size)
{
	if (at <= W_END - size)
		memcpy(w->bytes + at, &value, size);
}

u64 world_descriptor(u64 base, u32 limit, u32 attr)
{
	u32 l = attr & ATTR_G ? limit >> 12 : limit;

	return (l & 0xffff) | (base & 0xffffff) << 16 | (u64)(attr & 0xf0ff) << 40 |
	       (u64)(l >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
}

struct segment world_segment(struct world *w, u16 selector, u32 base, u32 limit, u32 attr)
{
	if (attr & ATTR_G)
		limit |= 0xfff;
	world_put(w, W_GDT + (selector & 0xfff8), world_descriptor(base, limit, attr), 8);
	return (struct segment){ .base = base, .limit = limit, .attr = attr, .selector = selector };
}

static void put_gdt(struct world *w, bool lng)
{
	static const struct {
		u16 selector;
		u32 attr;
	} flat[] = {
		{ SEL_CODE32, CODE | ATTR_DB | ATTR_G },
		{ SEL_DATA, DATA | ATTR_DB | ATTR_G },
		{ SEL_UCODE32, CODE | ATTR_DB | ATTR_G | ATTR_DPL },
		{ SEL_UDATA, DATA | ATTR_DB | ATTR_G | ATTR_DPL },
		{ SEL_CODE16, CODE },
		{ SEL_UCODE16, CODE | ATTR_DPL },
		{ SEL_CODE64, CODE | ATTR_L | ATTR_G },
		{ SEL_UCODE64, CODE | ATTR_L | ATTR_G | ATTR_DPL },
	};

	memset(w->bytes + W_GDT, 0, SEL_END);
	for (size_t n = 0; n < ARRAY_SIZE(flat); n++)
		world_segment(w, flat[n].selector, 0, flat[n].attr & ATTR_G ? 0xffffffff : 0xffff,
			      flat[n].attr);
	/* The upper halves of long mode's system descriptors are zero already. */
	world_segment(w, SEL_TSS, W_TSS, lng ? 0x67 : 0x68, ATTR_P | 11);
	world_segment(w, SEL_LDT, W_LDT, 0xff, ATTR_P | 2);
	memset(w->bytes + W_LDT, 0, 0x100);
}

static void put_vectors(struct world *w, bool lng)
{
	u16 cs = lng ? SEL_CODE64 : SEL_CODE32;

	for (u32 n = 0; n < 256; n++) {
		u32 at = W_HANDLERS + n * HANDLER_SIZE;
		/* INT3, INTO and BOUND as ring 3 may raise them; of the others a few. */
		u32 dpl = n == 3 || n == 4 || n == 5 || n % 4 == 1 ? GATE_DPL3 : 0;
		u64 gate = (at & 0xffff) | (u64)cs << 16 | (u64)(0x80 | dpl | GATE_INT32) << 40;

		w->bytes[at] = HLT;
		world_put(w, W_IVT + n * 4, at, 4);
		world_put(w, W_IDT + n * (lng ? 16 : 8), gate, 8);
		if (lng)
			world_put(w, W_IDT + n * 16 + 8, 0, 8);
	}
}

static void put_tss(struct world *w, bool lng)
{
	memset(w->bytes + W_TSS, 0, 0x68);
	for (u32 ring = 0; ring < 3; ring++) {
		u32 sp = W_KSTACK + 0x1000 - ring * 0x400;

		if (lng) {
			world_put(w, W_TSS + 4 + ring * 8, sp, 8);
			continue;
		}
		world_put(w, W_TSS + 4 + ring * 8, sp, 4);
		world_put(w, W_TSS + 8 + ring * 8, SEL_DATA, 4);
	}
	/* No I/O bitmap within the limit. */
	world_put(w, W_TSS + 0x66, 0x68, 2);
}

static void put_data(struct world *w)
{
	u64 x = 0x1234567;

	for (u32 at = W_DATA; at < W_DATA_END; at += 8) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		/* Runs of small numbers among the noise: selectors, counts, pointers. */
		world_put(w, at, at & 0x40 ? x >> 32 : x ^ x >> 29, 8);
		if ((at & 0xc0) == 0xc0)
			world_put(w, at, (x >> 40) % SEL_END | (u64)(W_CODE + 0x800) << 32, 8);
	}
}

void world_page_tables(struct world *w, unsigned int paging)
{
	const u32 all = PTE_P | PTE_RW | PTE_US;
	unsigned int size = paging == 32 ? 4 : 8;

	memset(w->bytes + W_PML4, 0, 0x4000);
	if (paging == 32) {
		world_put(w, W_PML4, W_PT | all, 4);
	} else {
		if (paging == 64)
			world_put(w, W_PML4, W_PDPT | all, 8);
		world_put(w, paging == 64 ? W_PDPT : W_PML4, W_PD | (paging == 64 ? all : PTE_P),
			  8);
		world_put(w, W_PD, W_PT | all, 8);
	}
	for (u32 page = 0; page < W_DATA_END; page += 4096) {
		u32 flags = all;

		if (page >= W_PML4 && page < W_KSTACK)
			flags = 0;
		if (page == W_DATA + 0x2000)
			flags &= ~PTE_RW;
		if (page == W_DATA + 0x3000)
			flags &= ~PTE_US;
		world_put(w, W_PT + (page >> 12) * size, page | flags, size);
	}
}

void world_show_tables(struct world *w, unsigned int paging)
{
	const u32 all = PTE_P | PTE_RW | PTE_US;
	unsigned int size = paging == 32 ? 4 : 8;

	world_put(w, W_PT + (W_PML4 >> 12) * size, W_PML4 | all, size);
	world_put(w, W_PT + (W_PD >> 12) * size, W_PD | all, size);
	world_put(w, W_PT + (W_PT_SHOWN >> 12) * size, W_PT | all, size);
}

void world_init(struct world *w, bool lng)
{
	memset(w->bytes, INT3, sizeof(w->bytes));
	put_gdt(w, lng);
	put_vectors(w, lng);
	put_tss(w, lng);
	put_data(w);
}
