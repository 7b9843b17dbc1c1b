/* SPDX-License-Identifier: MIT */
#include "backends/swbt/classify.h"
#include "backends/swbt/emulate.h"
#include "backends/swbt/sensitive.h"

/* A routine that stands for "#UD", and one for MOV to and from segment registers, whose direction
 * chooses. */
enum { EMU_UNDEFINED = NR_EMULATE, EMU_mov_seg };

struct row {
	u8 known : 1, form : 3;
	u8 routine;
	u8 sensitive; /* as in struct insn */
};

/* Numbers of the rows of sensitive.def. */
enum {
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note) ROW_##m##_##form,
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
	NR_ROWS
};
_Static_assert(NR_ROWS < 255, "insn.sensitive has room");

/* One row per mnemonic for its whole (FORM_ANY), and the few that are sensitive in one form only.
 */
static const struct row sensitive[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define FORM_ROW_ANY(m, r) [ZYDIS_MNEMONIC_##m] = { 1, FORM_ANY, EMU_##r, ROW_##m##_ANY + 1 },
#define FORM_ROW_SEG(m, r)
#define FORM_ROW_CR(m, r)
#define FORM_ROW_DR(m, r)
#define FORM_ROW_FAR(m, r)
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note) FORM_ROW_##form(m, routine)
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
#undef FORM_ROW_ANY
#undef FORM_ROW_SEG
#undef FORM_ROW_CR
#undef FORM_ROW_DR
#undef FORM_ROW_FAR
};

static const struct {
	u16 mnemonic;
	u8 form, routine;
} sensitive_forms[] = {
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note) \
	{ ZYDIS_MNEMONIC_##m, FORM_##form, EMU_##routine },
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
};

static const struct row routines[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
#define ROUTINE(m, r) [ZYDIS_MNEMONIC_##m] = { 1, FORM_ANY, EMU_##r, 0 },
#define ISA(set, class)
#include "backends/swbt/insns.def"
#undef ROUTINE
#undef ISA
	[ZYDIS_MNEMONIC_UD0] = { 1, FORM_ANY, EMU_UNDEFINED, 0 },
	[ZYDIS_MNEMONIC_UD1] = { 1, FORM_ANY, EMU_UNDEFINED, 0 },
	[ZYDIS_MNEMONIC_UD2] = { 1, FORM_ANY, EMU_UNDEFINED, 0 },
};

enum { ISA_UNKNOWN, ISA_PLAIN, ISA_NAMED, ISA_UNDEFINED };
static const u8 isa_sets[ZYDIS_ISA_SET_MAX_VALUE + 1] = {
#define ROUTINE(m, r)
#define ISA(set, class) [ZYDIS_ISA_SET_##set] = ISA_##class,
#include "backends/swbt/insns.def"
#undef ROUTINE
#undef ISA
};

static void use(struct insn *i, u8 routine)
{
	if (routine == EMU_mov_seg)
		routine = i->op[0].type == OPERAND_SEG ? EMU_mov_to_seg : EMU_mov_from_seg;
	i->class = routine == EMU_UNDEFINED ? INSN_UNDEFINED : INSN_EMULATE;
	i->emulate = routine;
}

/* MOVSD and CMPSD are a string instruction and an SSE2 one by the same name. */
static bool string_routine(struct insn *i, const ZydisDecodedInstruction *z)
{
	if (z->meta.category != ZYDIS_CATEGORY_STRINGOP)
		return false;
	if (z->mnemonic == ZYDIS_MNEMONIC_MOVSD)
		use(i, EMU_movs);
	else if (z->mnemonic == ZYDIS_MNEMONIC_CMPSD)
		use(i, EMU_cmps);
	else
		return false;
	return true;
}

/* Bit tests whose register operand reaches beyond the memory operand. */
static bool bit_string(const struct insn *i, const ZydisDecodedInstruction *z)
{
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTS:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTC:
		return i->has_mem && i->op[1].type == OPERAND_GPR;
	default:
		return false;
	}
}

void classify(struct insn *i, const ZydisDecodedInstruction *z, enum insn_form form)
{
	if (form != FORM_ANY) {
		for (size_t n = 0; n < ARRAY_SIZE(sensitive_forms); n++)
			if (sensitive_forms[n].mnemonic == z->mnemonic &&
			    sensitive_forms[n].form == form) {
				use(i, sensitive_forms[n].routine);
				i->sensitive = (u8)(n + 1);
				return;
			}
	}
	i->sensitive = sensitive[z->mnemonic].sensitive;
	if (sensitive[z->mnemonic].known)
		use(i, sensitive[z->mnemonic].routine);
	else if (routines[z->mnemonic].known)
		use(i, routines[z->mnemonic].routine);
	else if (string_routine(i, z))
		return;
	else if (isa_sets[z->meta.isa_set] != ISA_PLAIN)
		i->class = INSN_UNDEFINED;
	else if (bit_string(i, z))
		use(i, EMU_bit_string);
	else if (i->mem_vsib && isa_sets[z->meta.isa_set] == ISA_PLAIN)
		use(i, i->mem_write ? EMU_scatter : EMU_gather);
	else
		i->class = INSN_PLAIN;
}

bool is_sensitive(ZydisMnemonic mnemonic)
{
	for (size_t n = 0; n < ARRAY_SIZE(sensitive_forms); n++)
		if (sensitive_forms[n].mnemonic == mnemonic)
			return true;
	return false;
}

bool is_classified(ZydisMnemonic mnemonic, ZydisISASet isa_set)
{
	return sensitive[mnemonic].known || routines[mnemonic].known ||
	       isa_sets[isa_set] == ISA_PLAIN || isa_sets[isa_set] == ISA_UNDEFINED;
}
