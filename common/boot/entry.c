/* SPDX-License-Identifier: MIT */
#include "common/boot/entry.h"

#include <errno.h>
#include <string.h>

#define PAGE	   4096ull
#define LARGE_PAGE (2 * MiB)
#define MAPPED	   (4 * GiB)

/* Access rights of the segments (struct segment.attr). */
#define DATA_ATTR   (ATTR_P | ATTR_S | 3 | ATTR_DB | ATTR_G)
#define CODE32_ATTR (ATTR_P | ATTR_S | 11 | ATTR_DB | ATTR_G)
#define CODE64_ATTR (ATTR_P | ATTR_S | 11 | ATTR_L | ATTR_G)

/* Page table entries, SDM vol. 3A section 4.5. */
#define PTE_P  0x01ull
#define PTE_RW 0x02ull
#define PTE_PS 0x80ull

#define MTRR_ENABLE_WRITE_BACK 0x806 /* E, default type 6 */

/* Reset, and what every firmware has done by the time that it starts something. */
static void entry_common(struct cpu_state *s)
{
	static const u16 x87_control = 0x037f;

	cpu_state_reset(s);
	s->cr0 = CR0_ET;
	s->gpr[RDX] = 0;
	s->msr.mtrr_def_type = MTRR_ENABLE_WRITE_BACK;
	memset(s->xsave, 0, 24); /* x87 as FNINIT leaves it; MXCSR follows */
	memcpy(s->xsave, &x87_control, sizeof(x87_control));
}

void entry_real(struct cpu_state *s, u32 address)
{
	u16 selector = address < 0x10000 ? 0 : (u16)(address >> 4);

	entry_common(s);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		s->seg[i] = segment_real(selector, i == SEG_CS);
	s->seg[SEG_SS] = segment_real((LAYOUT_STACK - 0x10000) >> 4, false);
	s->gdt.limit = 0;
	s->idt.limit = 0x3ff;
	s->rip = address - ((u32)selector << 4);
}

/* The descriptor of a flat segment: its limit is 0xfffff pages. */
static u64 descriptor(u32 attr)
{
	return 0xffffull | 0xfull << 48 | (u64)attr << 40;
}

static int entry_flat(struct cpu_state *s, struct layout *layout, u32 code_attr, struct error *err)
{
	const u64 gdt[] = { [ENTRY_CODE / 8] = descriptor(code_attr),
			    [ENTRY_DATA / 8] = descriptor(DATA_ATTR) };
	void *p = layout_alloc_boot(layout, sizeof(gdt), 16, &s->gdt.base);

	if (!p)
		return fail(err, -ENOMEM, "no room in guest RAM for a GDT; try a larger --mem");
	memcpy(p, gdt, sizeof(gdt));
	s->gdt.limit = sizeof(gdt) - 1;
	s->idt.limit = 0;
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		s->seg[i] = segment_flat(ENTRY_DATA, DATA_ATTR);
	s->seg[SEG_CS] = segment_flat(ENTRY_CODE, code_attr);
	s->gpr[RSP] = LAYOUT_STACK;
	s->cr0 |= CR0_PE;
	return 0;
}

int entry_protected(struct cpu_state *s, struct layout *layout, u32 address, struct error *err)
{
	entry_common(s);
	s->rip = address;
	return entry_flat(s, layout, CODE32_ATTR, err);
}

/* One level 4 and one level 3 table, then a level 2 table for each GiB, at GPA. */
static void build_identity_map(u64 *table, u64 gpa)
{
	u64 *l4 = table, *l3 = l4 + 512, *l2 = l3 + 512;

	memset(table, 0, (2 + MAPPED / GiB) * PAGE);
	l4[0] = (gpa + PAGE) | PTE_P | PTE_RW;
	for (u64 i = 0; i < MAPPED / GiB; i++)
		l3[i] = (gpa + (2 + i) * PAGE) | PTE_P | PTE_RW;
	for (u64 i = 0; i < MAPPED / LARGE_PAGE; i++)
		l2[i] = i * LARGE_PAGE | PTE_P | PTE_RW | PTE_PS;
}

int entry_long(struct cpu_state *s, struct layout *layout, u64 address, struct error *err)
{
	void *table;

	entry_common(s);
	s->rip = address;
	table = layout_alloc_boot(layout, (2 + MAPPED / GiB) * PAGE, PAGE, &s->cr3);
	if (!table)
		return fail(err, -ENOMEM,
			    "no room in guest RAM for page tables; try a larger --mem");
	build_identity_map(table, s->cr3);
	s->cr0 |= CR0_PG | CR0_WP | CR0_NE | CR0_MP;
	s->cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s->efer = EFER_LME | EFER_LMA;
	return entry_flat(s, layout, CODE64_ATTR, err);
}
