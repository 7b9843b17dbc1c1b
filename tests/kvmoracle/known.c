/* SPDX-License-Identifier: MIT */
#include "tests/kvmoracle/known.h"

#include "backends/swbt/emulate.h"
#include "common/hostkind.h"

#include <string.h>

#define ACCESSED 0x20 /* in a page table's entry */
#define DIRTY	 0x40
#define PF_WRITE 0x02 /* in a page fault's error code */

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
	if (!strcmp(field, "memory"))
		return vector == GP && outcome_vector(a) == GP; /* a jump beyond the limit */
	if (strcmp(field, "vector") && strcmp(field, "ending"))
		return false;
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
	(void)b;
	return !strncmp(field, "x87", 3) && c->insn.fpu == FPU_MMX && outcome_vector(a) == PF;
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

static bool known_lock(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
		       const char *field)
{
	bool lock = false;

	(void)a;
	for (unsigned int n = 0; n < c->insn.opcode_at; n++)
		lock |= c->bytes[n] == 0xf0;
	return lock && !strcmp(field, "vector") && outcome_vector(b) == UD;
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

	return is(c, "sysret") && !strcmp(field, "rflags") &&
	       !(bits & ~(RFLAGS_VIF | RFLAGS_VIP));
}

static bool known_sysenter(const struct ko_case *c, const struct outcome *a,
			   const struct outcome *b, const char *field)
{
	return is(c, "sysenter") && a->ending == END_REFUSED && !strcmp(field, "ending") &&
	       outcome_vector(b) == UD;
}

static bool known_absent(const struct ko_case *c, const struct outcome *a, const struct outcome *b,
			 const char *field)
{
	return !strcmp(field, "vector") && c->insn.fpu >= FPU_SSE && outcome_vector(a) == UD &&
	       outcome_vector(b) == NM;
}

static bool known_kvm_emulation(const struct ko_case *c, const struct outcome *a,
				const struct outcome *b, const char *field)
{
	(void)b;
	if (a->ending == END_REFUSED)
		return strstr(a->what, "internal error 1") != NULL;
	return !strcmp(field, "vector") && outcome_vector(a) == UD && !(c->before.cr0 & CR0_PG);
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
		return at % 4 == 2 ? (u8)(RFLAGS_RF >> 16) : at % 4 == 0 ? PF_WRITE : 0;
	return 0;
}

u8 known_memory_mask(const struct ko_case *c, const struct outcome *o, u32 at)
{
	bool long_mode = c->before.efer & EFER_LMA;

	/* A processor may mark accessed what it only might need (SDM vol. 3A 4.8). Some write back
	 * with ARPL what they leave as it is. */
	if (at >= W_PDPT && at < W_PT + 0x1000 && at % 4 == 0)
		return is(c, "arpl") ? ACCESSED | DIRTY : ACCESSED;
	/* QEMU marks PAE's directory pointers accessed, a reserved bit (SDM vol. 3A 4.4.1). */
	if (emulated() && at >= W_PML4 && at < W_PML4 + 32 && at % 8 == 0 &&
	    c->before.cr4 & CR4_PAE && !long_mode)
		return ACCESSED;
	return frame_mask(c, o, at);
}
