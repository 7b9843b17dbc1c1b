/* SPDX-License-Identifier: MIT */
/* Known differences in single bits: flags, and memory that the CPU itself writes. */
#include "tests/kvmoracle/known.h"

#include "backends/swbt/emulate.h"

#include <string.h>

#define ACCESSED 0x20 /* in a page table's entry */
#define DIRTY	 0x40
#define PF_WRITE 0x02u /* in a page fault's error code */

static bool is(const struct ko_case *c, const char *mnemonic)
{
	return c->insn.mnemonic && !strcmp(insn_mnemonic(&c->insn), mnemonic);
}

u64 known_flags(const struct ko_case *c, const struct outcome *a)
{
	static const struct {
		const char *mnemonic;
		u64 flags;
	} undefined[] = {
#define UNDEFINED(mnemonic, flags) { mnemonic, flags },
#include "tests/oracle/undefined_flags.def"
#undef UNDEFINED
	};
	const char *name = c->insn.mnemonic ? insn_mnemonic(&c->insn) : "";

	(void)a;
	for (size_t n = 0; n < ARRAY_SIZE(undefined); n++)
		if (!strcmp(undefined[n].mnemonic, name))
			return undefined[n].flags;
	return 0;
}

/* Is AT a byte of what word N of the handler's stack in O holds? Which one, or -1. */
static int stack_byte(const struct outcome *o, u32 at, u32 n)
{
	bool real = !(o->after.cr0 & CR0_PE), lng = o->after.efer & EFER_LMA;
	u32 word = real ? 2 : lng ? 8 : 4;
	u64 sp = o->after.gpr[RSP] + (lng ? 0 : o->after.seg[SEG_SS].base);

	if (outcome_vector(o) == NO_VECTOR)
		return -1;
	if (!lng && !(o->after.seg[SEG_SS].attr & ATTR_DB))
		sp = (o->after.gpr[RSP] & 0xffff) + o->after.seg[SEG_SS].base;
	return at - sp - n * word < word ? (int)(at - sp - n * word) : -1;
}

/* Bits of the frame on the handler's stack. */
static u8 frame_mask(const struct ko_case *c, const struct outcome *o, u32 at)
{
	u64 flags = known_flags(c, o);
	int byte = stack_byte(o, at, 0);

	/* QEMU reads what it is going to modify, and faults as a read. */
	if (known_emulated() && byte == 0 && outcome_vector(o) == PF)
		return PF_WRITE;
	/* QEMU neither sets RF in what faults push, nor clears it after an instruction that ran
	 * (SDM vol. 3B 17.3.1.1). */
	if (known_emulated())
		flags |= RFLAGS_RF;
	/* With an error code and without. */
	byte = stack_byte(o, at, 2);
	if (byte < 0)
		byte = stack_byte(o, at, 3);
	if (byte >= 0 && byte < 4)
		return (u8)(flags >> byte * 8);
	/* Where the stack was, AMD's processors do not say. */
	if (known_emulated() && o->ending == END_TRIPLE_FAULT)
		return at % 4 == 2   ? (u8)((RFLAGS_RF | RFLAGS_VIF | RFLAGS_VIP) >> 16)
		       : at % 4 == 0 ? PF_WRITE
				     : 0;
	return 0;
}

bool known_word(const struct ko_case *c, u32 at, u32 x, u32 y)
{
	if (!known_emulated())
		return false;
	/* QEMU numbers long mode's vectors as if selectors were 16 bytes apart (SDM vol. 3A 6.13).
	 */
	if (at >= W_KSTACK && c->before.efer & EFER_LMA && y & 2 && y < 0x800 &&
	    (x & ~7u) == 2 * (y & ~7u))
		return true;
	if (c->part != PART_SEQUENCE)
		return false;
	/* QEMU does not mark code segments accessed when it jumps there (SDM vol. 3A 3.4.5.1). */
	if (at >= W_GDT && at < W_IDT)
		return (x ^ y) == 0x100 && (y & 0x1900) == 0x1900;
	if (at < W_KSTACK)
		return false;
	/* QEMU does not say that it was an event of the CPU's own (SDM vol. 3A 6.13, EXT). */
	if ((x ^ y) == 1 && y & 1 && (y & 0xffff) < 0x200)
		return true;
	/* KVM moves RIP past an INT whose delivery faulted, before it tries again. */
	if (y >= W_CODE && y < W_CODE + CODE_SIZE && x - y == 2)
		return true;
	/* QEMU does not say that a page with reserved bits is present (SDM vol. 3A 4.7). */
	return (y & 9) == 9 && y < 32 && (x & ~PF_WRITE) == (y & ~(1u | PF_WRITE));
}

/* What handlers of sequences pushed and wrote down: RF in flags, the write bit in error codes. */
static u8 sequence_mask(u32 at)
{
	if (!known_emulated())
		return 0;
	if (at % 4 == 2 || at < W_GDT) /* stacks down there are not aligned */
		return (u8)((RFLAGS_RF | RFLAGS_VIF | RFLAGS_VIP) >> 16);
	return at % 4 == 0 && (at < W_PML4 || at >= W_KSTACK) ? PF_WRITE : 0;
}

u8 known_memory_mask(const struct ko_case *c, const struct outcome *o, u32 at)
{
	bool long_mode = c->before.efer & EFER_LMA;
	u8 mask = c->part == PART_SEQUENCE ? sequence_mask(at) : frame_mask(c, o, at);
	u32 size = c->before.cr4 & CR4_PAE ? 8 : 4;

	/* The page of the descriptor tables: accessed bits that QEMU does not set. */
	if (known_emulated() && c->part == PART_SEQUENCE && at == W_PT + (W_GDT >> 12) * size)
		mask |= DIRTY;

	/* A processor may mark accessed what it only might need (SDM vol. 3A 4.8). Some write back
	 * with ARPL what they leave as it is, and ENTER may try its last word. */
	if (at >= W_PDPT && at < W_PT + 0x1000 && at % 4 == 0)
		mask |= is(c, "arpl") || is(c, "enter") ? ACCESSED | DIRTY : ACCESSED;
	/* QEMU marks PAE's directory pointers accessed, a reserved bit (SDM vol. 3A 4.4.1). */
	if (known_emulated() && at >= W_PML4 && at < W_PML4 + 32 && at % 8 == 0 &&
	    c->before.cr4 & CR4_PAE && !long_mode)
		mask |= ACCESSED;
	return mask;
}
