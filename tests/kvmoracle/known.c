/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/known.h"

#include "backends/swbt/emulate.h"
#include "common/hostkind.h"

#include <string.h>

#define ACCESSED 0x20 /* in a page table's entry */
#define DIRTY	 0x40
#define PF_WRITE 0x02u /* in a page fault's error code */

int outcome_vector(const struct outcome *o)
{
	u64 at = o->after.rip + o->after.seg[SEG_CS].base - 1;

	if (o->ending != END_HALT || at < W_HANDLERS || at >= W_HANDLERS + 0x1000)
		return NO_VECTOR;
	return (int)(at - W_HANDLERS) / HANDLER_SIZE;
}

static bool emulated(void)
{
	static int known = -1;

	if (known < 0)
		known = !strcmp(host_kind(), "emulated");
	return known;
}

/* ---- predicates of known.def ---------------------------------------------------------------- */

static bool known_limits(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			 const char *field)
{
	int vector = outcome_vector(b);

	if (c->before.seg[SEG_CS].attr & ATTR_L && c->before.efer & EFER_LMA)
		return false;
	/* A jump beyond the limit, and what became of it. */
	if (strcmp(field, "vector") && strcmp(field, "ending"))
		return c->part == PART_SINGLE && vector == GP && outcome_vector(a) == GP;
	return vector == SS || vector == GP || b->ending == END_TRIPLE_FAULT || vector == DF;
}

static bool known_alignment(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	(void)a;
	return !strcmp(field, "vector") && c->insn.mem_aligned && outcome_vector(b) == GP;
}

static bool known_vex16(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	return !strcmp(field, "vector") && c->insn.mode == MODE_PROT16 &&
	       c->insn.encoding == ENC_VEX && outcome_vector(a) == UD && outcome_vector(b) != UD;
}

static bool known_mmx_fault(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	int vector = outcome_vector(a);

	(void)b;
	return !strncmp(field, "x87", 3) && c->insn.fpu == FPU_MMX && c->insn.has_mem &&
	       (vector == PF || vector == GP || vector == SS);
}

static bool known_no_ac(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	(void)c;
	(void)a;
	return !strcmp(field, "vector") && outcome_vector(b) == AC;
}

static bool known_stack_canonical(const struct ko_case *c, const struct outcome *a,
				  const struct outcome *b, const char *field)
{
	(void)c;
	return !strcmp(field, "vector") && outcome_vector(a) == GP && outcome_vector(b) == SS &&
	       b->after.efer & EFER_LMA;
}

static bool is_prefix(u8 byte)
{
	return byte == 0x66 || byte == 0x67 || byte == 0xf0 || byte == 0xf2 || byte == 0xf3 ||
	       (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
}

static bool known_lock(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		       const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	/* Not by C's insn: what LOCK makes invalid was not decoded. */
	while (p < c->bytes + INSN_MAX && *p != 0xf0 && is_prefix(*p))
		p++;
	return p < c->bytes + INSN_MAX && *p == 0xf0 && !strcmp(field, "vector") &&
	       outcome_vector(b) == UD;
}

static bool is(const struct ko_case *c, const char *mnemonic)
{
	return c->insn.mnemonic && !strcmp(insn_mnemonic(&c->insn), mnemonic);
}

static bool known_movbe16(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	(void)a;
	(void)b;
	(void)field;
	return is(c, "movbe") && c->insn.mode != MODE_PROT32 && c->insn.mode != MODE_LONG64;
}

static bool known_sysret_vif(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	u64 bits = a->after.rflags ^ b->after.rflags;

	return is(c, "sysret") && !strcmp(field, "rflags") && !(bits & ~(RFLAGS_VIF | RFLAGS_VIP));
}

static bool known_sysenter(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	(void)field;
	return is(c, "sysenter") && (a->ending == END_REFUSED || outcome_vector(a) == GP) &&
	       outcome_vector(b) == UD;
}

static bool known_sysexit(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	return is(c, "sysexit") && !strcmp(field, "vector") && outcome_vector(a) != UD &&
	       outcome_vector(b) == UD && c->before.efer & EFER_LMA;
}

static bool known_absent(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			 const char *field)
{
	if (strcmp(field, "vector") || outcome_vector(a) != UD)
		return false;
	return (c->insn.fpu >= FPU_SSE && outcome_vector(b) == NM) || is(c, "movdir64b") ||
	       is(c, "movdiri");
}

static bool known_kvm_emulation(const struct ko_case *c, const struct outcome *a,
				const struct outcome *b, const char *field)
{
	(void)b;
	if (a->ending == END_REFUSED)
		return strstr(a->what, "internal error 1") != NULL;
	return !strcmp(field, "vector") && outcome_vector(a) == UD && !(c->before.cr0 & CR0_PG);
}

static bool known_icebp(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	return is(c, "int1") && outcome_vector(a) == UD && outcome_vector(b) == DB &&
	       !strcmp(field, "vector");
}

static bool known_fxsr_order(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	int kvm = outcome_vector(a), swbt = outcome_vector(b);

	if (strcmp(field, "vector") || c->insn.fpu == FPU_NONE)
		return false;
	return (swbt == UD && (kvm == NM || !(c->before.cr4 & CR4_OSFXSR))) ||
	       (swbt == NM && (is(c, "emms") || !strncmp(insn_mnemonic(&c->insn), "cvt", 3)));
}

static bool known_canonical(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	int vector = outcome_vector(a);

	if (!(c->before.efer & EFER_LMA) || outcome_vector(b) != GP ||
	    !(is(c, "call") || is(c, "ret") || is(c, "jmp")))
		return false;
	if (!strcmp(field, "vector"))
		return vector == DB && c->before.rflags & RFLAGS_TF;
	return vector == GP && (!strcmp(field, "memory") || !strcmp(field, "rsp"));
}

static bool known_rex_order(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	const u8 *p = c->bytes;

	(void)a;
	(void)b;
	(void)field;
	if (c->insn.mode != MODE_LONG64)
		return false;
	for (; p < c->bytes + c->insn.opcode_at; p++)
		if (p[0] >> 4 == 4 && p + 1 < c->bytes + c->insn.opcode_at)
			return is_prefix(p[1]);
	return false;
}

static bool known_x87_fault(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	(void)a;
	return !strncmp(field, "x87", 3) && c->insn.fpu == FPU_X87 && outcome_vector(b) == PF;
}

static bool known_sti_step(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	(void)a;
	return is(c, "sti") && c->before.rflags & RFLAGS_TF && outcome_vector(b) == DB &&
	       !strcmp(field, "vector");
}

static bool known_syscall_flags(const struct ko_case *c, const struct outcome *a,
				const struct outcome *b, const char *field)
{
	return is(c, "syscall") && !strcmp(field, "rflags") &&
	       !((a->after.rflags ^ b->after.rflags) & ~RFLAGS_ARITH);
}

static bool known_rex_mmx(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	(void)a;
	(void)b;
	(void)field;
	return c->insn.mode == MODE_LONG64 && c->insn.encoding == ENC_LEGACY && c->insn.rex & 5 &&
	       (c->insn.fpu == FPU_MMX || !strncmp(insn_mnemonic(&c->insn), "cvt", 3));
}

static bool known_enter(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			const char *field)
{
	return is(c, "enter") && !strcmp(field, "vector") && outcome_vector(a) != PF &&
	       outcome_vector(b) == PF;
}

static bool known_arpl(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		       const char *field)
{
	return is(c, "arpl") && !strcmp(field, "vector") && outcome_vector(a) == PF &&
	       outcome_vector(b) != PF;
}

static bool known_cmps_order(const struct ko_case *c, const struct outcome *a,
			     const struct outcome *b, const char *field)
{
	return c->insn.class == INSN_EMULATE && c->insn.emulate == EMU_cmps &&
	       !strcmp(field, "cr2") && outcome_vector(a) == PF && outcome_vector(b) == PF;
}

static bool known_lss_step(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	return is(c, "lss") && !strcmp(field, "vector") && outcome_vector(a) != DB &&
	       outcome_vector(b) == DB && c->before.rflags & RFLAGS_TF;
}

static bool known_outs_step(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	return c->insn.class == INSN_EMULATE && c->insn.emulate == EMU_outs &&
	       !strcmp(field, "vector") && outcome_vector(a) != DB && outcome_vector(b) == DB &&
	       c->before.rflags & RFLAGS_TF;
}

static bool known_dr6_hits(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	(void)c;
	return !strcmp(field, "dr6") && !((a->after.dr6 ^ b->after.dr6) & ~0xfull) &&
	       !(b->after.dr6 & 0xf);
}

static bool known_x87_pointers(const struct ko_case *c, const struct outcome *a,
			       const struct outcome *b, const char *field)
{
	return (is(c, "fnstenv") || is(c, "fnsave")) && !strcmp(field, "memory") &&
	       outcome_vector(a) == outcome_vector(b);
}

static bool known_runaway(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			  const char *field)
{
	return c->part == PART_SINGLE && !strcmp(field, "memory") &&
	       a->ending == END_TRIPLE_FAULT && b->ending == END_TRIPLE_FAULT && b->nr_dirty > 3;
}

static bool known_rig_hangs(const struct ko_case *c, const struct outcome *a,
			    const struct outcome *b, const char *field)
{
	(void)c;
	(void)b;
	return !strcmp(field, "ending") && a->ending == END_TIMEOUT;
}

static const struct {
	const char *name;
	bool (*is)(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		   const char *field);
	bool emulated;
} table[] = {
#define KNOWN(name, only_emulated, why) { #name, known_##name, only_emulated },
#include "tests/kvmoracle/known.def"
#undef KNOWN
};

const char *known(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		  const char *field)
{
	for (size_t n = 0; n < ARRAY_SIZE(table); n++)
		if ((!table[n].emulated || emulated()) && table[n].is(c, a, b, field))
			return table[n].name;
	return NULL;
}

/* ---- bits ----------------------------------------------------------------------------------- */

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
	if (emulated() && byte == 0 && outcome_vector(o) == PF)
		return PF_WRITE;
	/* QEMU neither sets RF in what faults push, nor clears it after an instruction that ran
	 * (SDM vol. 3B 17.3.1.1). */
	if (emulated())
		flags |= RFLAGS_RF;
	/* With an error code and without. */
	byte = stack_byte(o, at, 2);
	if (byte < 0)
		byte = stack_byte(o, at, 3);
	if (byte >= 0 && byte < 4)
		return (u8)(flags >> byte * 8);
	/* Where the stack was, AMD's processors do not say. */
	if (emulated() && o->ending == END_TRIPLE_FAULT)
		return at % 4 == 2   ? (u8)((RFLAGS_RF | RFLAGS_VIF | RFLAGS_VIP) >> 16)
		       : at % 4 == 0 ? PF_WRITE
				     : 0;
	return 0;
}

bool known_word(const struct ko_case *c, u32 at, u32 x, u32 y)
{
	if (!emulated() || c->part != PART_SEQUENCE)
		return false;
	/* QEMU does not mark code segments accessed when it jumps there (SDM vol. 3A 3.4.5.1). */
	if (at >= W_GDT && at < W_IDT)
		return (x ^ y) == 0x100 && (y & 0x1900) == 0x1900;
	if (at < W_KSTACK)
		return false;
	/* QEMU numbers long mode's vectors as if selectors were 16 bytes apart (SDM vol. 3A 6.13).
	 */
	if (c->before.efer & EFER_LMA && y & 2 && y < 0x800 && (x & ~7u) == 2 * (y & ~7u))
		return true;
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
	if (!emulated())
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
	if (emulated() && c->part == PART_SEQUENCE && at == W_PT + (W_GDT >> 12) * size)
		mask |= DIRTY;

	/* A processor may mark accessed what it only might need (SDM vol. 3A 4.8). Some write back
	 * with ARPL what they leave as it is, and ENTER may try its last word. */
	if (at >= W_PDPT && at < W_PT + 0x1000 && at % 4 == 0)
		mask |= is(c, "arpl") || is(c, "enter") ? ACCESSED | DIRTY : ACCESSED;
	/* QEMU marks PAE's directory pointers accessed, a reserved bit (SDM vol. 3A 4.4.1). */
	if (emulated() && at >= W_PML4 && at < W_PML4 + 32 && at % 8 == 0 &&
	    c->before.cr4 & CR4_PAE && !long_mode)
		mask |= ACCESSED;
	return mask;
}
