/* SPDX-License-Identifier: MIT */
/* Known differences in memory, and in single bits. */
#include "tests/kvmoracle/known.h"

#include "backends/swbt/emulate.h"
#include "tests/kvmoracle/differ.h"

#include <string.h>

#define ACCESSED 0x20 /* in a page table's entry */
#define DIRTY	 0x40
/* In a page fault's error code. */
#define PF_PRESENT 0x01u
#define PF_WRITE   0x02u
#define PF_USER	   0x04u

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
	return 0;
}

/* Is V an image of flags: 1 is set, those that are always clear are clear? */
static bool flags_image(u32 v)
{
	return (v & 0xffc0802a) == RFLAGS_FIXED;
}

static u32 word_at(const u8 *page, u32 n, unsigned int size)
{
	u32 value = 0;

	memcpy(&value, page + n, size);
	return value;
}

/* Flags that were pushed. Stacks may be at any address. */
static bool known_flags_image(const u8 *x, const u8 *y, u32 n)
{
	for (u32 back = 0; back < 4 && back <= n; back++) {
		u32 a, b;

		if (n - back > 4092)
			continue;
		a = word_at(x, n - back, 4);
		b = word_at(y, n - back, 4);
		/* QEMU neither sets RF in what faults push, nor clears it after an instruction
		 * that ran (SDM vol. 3B 17.3.1.1); its IRET loads neither VIF nor VIP. */
		if (flags_image(a) && flags_image(b) &&
		    !((a ^ b) & ~(u32)(RFLAGS_RF | RFLAGS_VIF | RFLAGS_VIP)))
			return true;
	}
	return false;
}

/* Error codes of page faults, SDM vol. 3A 4.7: X is QEMU's. */
static bool known_page_error(u32 x, u32 y)
{
	if (x >= 32 || y >= 32)
		return false;
	x |= y & PF_WRITE; /* QEMU reads what it is going to modify, and faults as a read */
	/* QEMU pushes frames for handlers at CPL 3 as the kernel would, and does not say that a
	 * page with reserved bits is present. */
	return x == y || x == (y & ~PF_USER) || ((y & 9) == 9 && x == (y & ~PF_PRESENT));
}

bool known_word(const struct ko_case *c, const struct outcome *a, u32 at, const u8 *px,
		const u8 *py)
{
	u32 n = at & 4095, x = word_at(px, n & ~3u, 4), y = word_at(py, n & ~3u, 4);
	bool stack = at < W_PML4 || at >= W_KSTACK;

	if (!known_emulated())
		return false;
	/* QEMU numbers long mode's vectors as if selectors were 16 bytes apart (SDM vol. 3A 6.13).
	 */
	if (at >= W_KSTACK && c->before.efer & EFER_LMA && y & 2 && y < 0x800 &&
	    (x & ~7u) == 2 * (y & ~7u))
		return true;
	/* Where the stack was when all was lost, AMD's processors do not say. */
	if (c->part != PART_SEQUENCE && a->ending != END_TRIPLE_FAULT)
		return false;
	if (stack && (known_flags_image(px, py, n) ||
		      known_page_error(word_at(px, n & ~1u, 2), word_at(py, n & ~1u, 2))))
		return true;
	if (c->part != PART_SEQUENCE)
		return false;
	/* QEMU does not mark code segments accessed when it jumps there (SDM vol. 3A 3.4.5.1). */
	if (at >= W_GDT && at < W_IDT)
		return (x ^ y) == 0x100 && (y & 0x1900) == 0x1900;
	if (!stack)
		return false;
	/* On the way to CPL 3, QEMU drops the RPL of null selectors. */
	if (!word_at(px, n & ~1u, 2) && word_at(py, n & ~1u, 2) < 4)
		return true;
	/* QEMU does not say that it was an event of the CPU's own (SDM vol. 3A 6.13, EXT). */
	if ((x ^ y) == 1 && y & 1 && (y & 0xffff) < 0x200)
		return true;
	/* KVM moves RIP past an INT whose delivery faulted, before it tries again. */
	return y >= W_CODE && y < W_CODE + CODE_SIZE && x - y == 2;
}

u8 known_memory_mask(const struct ko_case *c, const struct outcome *o, u32 at)
{
	bool long_mode = c->before.efer & EFER_LMA;
	u8 mask = c->part == PART_SEQUENCE ? 0 : frame_mask(c, o, at);
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

bool known_x87_pointers(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	/* SDM vol. 1 figures 8-9 to 8-12: from where to where they are. */
	u32 first = c->insn.opsize == 2 ? 6 : 12, end = c->insn.opsize == 2 ? 14 : 28;
	static struct vcpu v; /* for its registers */
	u32 area;

	if ((!is(c, "fnstenv") && !is(c, "fnsave")) || strcmp(field, "memory"))
		return false;
	memcpy(v.s.gpr, c->before.gpr, sizeof(v.s.gpr));
	area = (u32)(insn_ea(&c->insn, &v, c->before.rip) + c->before.seg[c->insn.mem_seg].base);
	for (u32 at = 0; (at = differ_memory(c, a, b, at)) < W_END; at++)
		if (at - area < first || at - area >= end)
			return false;
	return true;
}

bool known_absent(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  const char *field)
{
	const char *name = c->insn.mnemonic ? insn_mnemonic(&c->insn) : "";
	int vector = outcome_vector(b);

	if (outcome_vector(a) != UD || (strncmp(name, "movdir", 6) && strncmp(name, "sha", 3) &&
					strncmp(name, "gf2p8", 5) && c->insn.encoding != ENC_VEX))
		return false;
	if (!strcmp(field, "vector"))
		return vector == NM || vector == PF || vector == GP || vector == SS;
	/* Its operand's page was marked. */
	return !strcmp(field, "memory") && differ_memory(c, a, b, W_PT + 0x1000) == W_END;
}
