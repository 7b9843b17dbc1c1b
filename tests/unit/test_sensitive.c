/* SPDX-License-Identifier: MIT */
/*
 * The tables of sensitive and other instructions, against all opcodes there are: what the decoder
 * says of each instruction's operands is compared with what the tables make of it.
 */
#include "backends/swbt/classify.h"
#include "backends/swbt/disasm.h"
#include "backends/swbt/emulate.h"
#include "tests/unit/opcodes.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define MNEMONICS (ZYDIS_MNEMONIC_MAX_VALUE + 1)

/* ---- the table's columns -------------------------------------------------------------------- */

enum { GP_, UD_, IOPL_, IOMAP_, BIT_, SILENT_, NONE_ };
enum { CONTROL_, BEHAVIOUR_, BOTH_ };
enum { UNDEFINED_ROUTINE = NR_EMULATE, MOV_SEG_ROUTINE };
#define EMU_UNDEFINED UNDEFINED_ROUTINE
#define EMU_mov_seg   MOV_SEG_ROUTINE

static const struct row {
	const char *name;
	u16 mnemonic;
	u8 form, class, legacy, lng, umip, routine;
	const char *note;
} rows[] = {
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note)           \
	{ #m,	ZYDIS_MNEMONIC_##m, FORM_##form, class##_, legacy##_, long##_, \
	  umip, EMU_##routine,	    note },
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
};

static const struct row *row_of(u16 mnemonic, enum insn_form form)
{
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		if (rows[n].mnemonic == mnemonic && rows[n].form == form)
			return &rows[n];
	return NULL;
}

/* ---- what the walk sees --------------------------------------------------------------------- */

enum { LEGACY = 1, LONG = 2, KNC = 4 };

static struct {
	bool done;
	u8 where[MNEMONICS];	/* the modes that a mnemonic is met in */
	bool faulty[MNEMONICS]; /* reported once is enough */
	bool emulated[NR_EMULATE];
	bool plain_isa[ZYDIS_ISA_SET_MAX_VALUE + 1];
	unsigned long insns;
	unsigned int unclassified, leaks;
	ZydisDecoder long_mode, prot32, prot16, knc;
} seen;

static void report(const ZydisDecodedInstruction *z, const u8 *bytes, const char *what)
{
	if (seen.faulty[z->mnemonic])
		return;
	seen.faulty[z->mnemonic] = true;
	fprintf(stderr, "\n  %s (", ZydisMnemonicGetString(z->mnemonic));
	for (unsigned int n = 0; n < z->length; n++)
		fprintf(stderr, "%02x", bytes[n]);
	fprintf(stderr, "): %s", what);
}

/* Registers that a plain instruction may touch, named or implied: those of user mode. */
static bool user_register(ZydisRegister r)
{
	switch (ZydisRegisterGetClass(r)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
	case ZYDIS_REGCLASS_X87:
	case ZYDIS_REGCLASS_MMX:
	case ZYDIS_REGCLASS_XMM:
	case ZYDIS_REGCLASS_YMM:
	case ZYDIS_REGCLASS_ZMM:
	case ZYDIS_REGCLASS_MASK:
	case ZYDIS_REGCLASS_FLAGS:
		return true;
	default:
		return r == ZYDIS_REGISTER_MXCSR || r == ZYDIS_REGISTER_X87CONTROL ||
		       r == ZYDIS_REGISTER_X87STATUS || r == ZYDIS_REGISTER_X87TAG;
	}
}

static bool is_stack_pointer(ZydisRegister r)
{
	return r == ZYDIS_REGISTER_RSP || r == ZYDIS_REGISTER_ESP || r == ZYDIS_REGISTER_SP;
}

/* Why a plain instruction with operand O should not be one, or NULL. */
static const char *operand_leaks(const ZydisDecodedOperand *o)
{
	bool hidden = o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;

	if (hidden && o->type == ZYDIS_OPERAND_TYPE_MEMORY)
		return "plain, with a memory operand that ModRM does not name";
	if (o->type == ZYDIS_OPERAND_TYPE_POINTER)
		return "plain, with a far pointer";
	if (o->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o->imm.is_relative)
		return "plain, with a branch target";
	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return NULL;
	if (!user_register(o->reg.value))
		return "plain, with a register that user mode does not own";
	if (hidden && is_stack_pointer(o->reg.value) &&
	    o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		return "plain, but moves the stack pointer";
	return NULL;
}

static const char *plain_leaks(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	const ZydisAccessedFlags *f = z->cpu_flags;
	const char *why = NULL;

	if (row_of(z->mnemonic, FORM_ANY))
		return "plain, but sensitive in all forms";
	if (z->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE)
		return "plain, but transfers control";
	if (z->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return "plain, but privileged";
	if (f && (f->modified | f->set_0 | f->set_1 | f->tested) & ~RFLAGS_ARITH)
		return "plain, but depends on or changes system flags";
	for (unsigned int n = 0; !why && n < z->operand_count; n++)
		why = operand_leaks(&ops[n]);
	return why;
}

/* The form that the operands say it is, found without decode.c. */
static enum insn_form form_of(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	if (z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return FORM_FAR;
	for (unsigned int n = 0; n < z->operand_count_visible; n++) {
		if (ops[n].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		switch (ZydisRegisterGetClass(ops[n].reg.value)) {
		case ZYDIS_REGCLASS_SEGMENT:
			return FORM_SEG;
		case ZYDIS_REGCLASS_CONTROL:
			return FORM_CR;
		case ZYDIS_REGCLASS_DEBUG:
			return FORM_DR;
		default:
			break;
		}
	}
	return FORM_ANY;
}

/* Does the class of I fit its row in sensitive.def, if it has one for this form? */
static const char *row_leaks(const struct insn *i, const ZydisDecodedInstruction *z,
			     const ZydisDecodedOperand *ops)
{
	enum insn_form form = form_of(z, ops);
	const struct row *r = row_of(z->mnemonic, form);

	if (!r)
		r = row_of(z->mnemonic, FORM_ANY);
	if (!r)
		return form == FORM_ANY ? NULL : "segment, control or debug register without a row";
	if (r->routine == UNDEFINED_ROUTINE)
		return i->class == INSN_UNDEFINED ? NULL : "should be undefined";
	if (i->class != INSN_EMULATE)
		return "has a routine, but is not emulated";
	if (r->routine == MOV_SEG_ROUTINE)
		return i->emulate == EMU_mov_to_seg || i->emulate == EMU_mov_from_seg
			       ? NULL
			       : "another routine than the table's";
	return i->emulate == r->routine ? NULL : "another routine than the table's";
}

static void check_decoded(const u8 *bytes, enum cpu_mode mode)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	const char *why = NULL;
	struct insn i;

	if (decode_as(&i, bytes, INSN_MAX, mode, false) ||
	    disasm(bytes, INSN_MAX, mode, false, &z, ops))
		return;
	seen.insns++;
	if (i.class == INSN_EMULATE)
		seen.emulated[i.emulate] = true;
	if (i.class == INSN_PLAIN) {
		seen.plain_isa[z.meta.isa_set] = true;
		why = plain_leaks(&z, ops);
	}
	if (!why)
		why = row_leaks(&i, &z, ops);
	if (why) {
		seen.leaks++;
		report(&z, bytes, why);
	}
}

/* Everything that Zydis knows is noted; what decode takes is looked at. */
static bool note(const ZydisDecoder *d, const u8 *bytes, u8 where)
{
	ZydisDecodedInstruction z;

	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(d, NULL, bytes, INSN_MAX, &z)))
		return false;
	seen.where[z.mnemonic] |= where;
	if (is_classified(z.mnemonic, z.meta.isa_set))
		return true;
	seen.unclassified++;
	report(&z, bytes, "neither table says what to do with it");
	return true;
}

static void visit(const u8 bytes[15])
{
	bool vector = bytes[0] == 0x62 || bytes[0] == 0xc4 || bytes[0] == 0x8f;

	if (note(&seen.long_mode, bytes, LONG))
		check_decoded(bytes, MODE_LONG64);
	if (bytes[0] == 0x62 || bytes[0] == 0xc4)
		note(&seen.knc, bytes, KNC);
	if (vector && bytes[0] != 0x8f)
		return;
	if (note(&seen.prot32, bytes, LEGACY))
		check_decoded(bytes, MODE_PROT32);
	if (note(&seen.prot16, bytes, LEGACY))
		check_decoded(bytes, MODE_REAL);
}

static void walk(void)
{
	if (seen.done)
		return;
	seen.done = true;
	ZydisDecoderInit(&seen.long_mode, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderInit(&seen.knc, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderEnableMode(&seen.knc, ZYDIS_DECODER_MODE_KNC, ZYAN_TRUE);
	ZydisDecoderInit(&seen.prot32, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
	ZydisDecoderInit(&seen.prot16, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
	opcodes_walk(visit);
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* The walk meets each mnemonic of the decoder, so that none escapes the tests below. */
static void test_complete(void)
{
	walk();
	for (unsigned int m = ZYDIS_MNEMONIC_INVALID + 1; m < MNEMONICS; m++) {
		if (seen.where[m])
			continue;
		fprintf(stderr, "\n  never met: %s", ZydisMnemonicGetString((ZydisMnemonic)m));
		CU_FAIL("a mnemonic that the walk does not reach");
	}
	CU_ASSERT(seen.insns > 500000);
}

static void test_classified(void)
{
	walk();
	CU_ASSERT_EQUAL(seen.unclassified, 0);
	CU_ASSERT_FALSE(is_classified(ZYDIS_MNEMONIC_INVALID, ZYDIS_ISA_SET_INVALID));
}

static void test_no_leaks(void)
{
	walk();
	CU_ASSERT_EQUAL(seen.leaks, 0);
}

/* The checks above see what they should: known instructions, called plain, are found out. */
static void test_leaks_are_found(void)
{
	static const struct {
		const char *what;
		u8 bytes[INSN_MAX];
	} leaky[] = {
		{ "MOVSB: hidden memory", { 0xa4 } },
		{ "XLAT: hidden memory", { 0xd7 } },
		{ "PUSH: stack pointer", { 0x50 } },
		{ "LEAVE: stack pointer", { 0xc9 } },
		{ "JZ: branch", { 0x74, 0xfe } },
		{ "MOV DS", { 0x8e, 0xd8 } },
		{ "MOV CR0", { 0x0f, 0x20, 0xc0 } },
		{ "SGDT", { 0x0f, 0x01, 0x00 } },
		{ "STI: IF", { 0xfb } },
		{ "RDTSC", { 0x0f, 0x31 } },
		{ "XGETBV", { 0x0f, 0x01, 0xd0 } },
	};
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;

	for (size_t n = 0; n < ARRAY_SIZE(leaky); n++) {
		CU_ASSERT_EQUAL_FATAL(disasm(leaky[n].bytes, INSN_MAX, MODE_LONG64, false, &z, ops),
				      0);
		if (!plain_leaks(&z, ops))
			CU_FAIL(leaky[n].what);
	}
	CU_ASSERT_EQUAL_FATAL(
		disasm((const u8[INSN_MAX]){ 0x01, 0x03 }, INSN_MAX, MODE_LONG64, false, &z, ops),
		0);
	CU_ASSERT_PTR_NULL(plain_leaks(&z, ops)); /* ADD [RBX], EAX */
}

/* A mnemonic exists in those modes that its row speaks of. */
static void test_columns(void)
{
	walk();
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		const struct row *r = &rows[n];
		u8 where = seen.where[r->mnemonic];

		if (!(where & LEGACY) == (r->legacy == NONE_) &&
		    !(where & LONG) == (r->lng == NONE_))
			continue;
		fprintf(stderr, "\n  %s is %s16- and 32-bit, %s64-bit", r->name,
			where & LEGACY ? "" : "not ", where & LONG ? "" : "not ");
		CU_FAIL("a row with NONE in the wrong column");
	}
}

static void test_rows(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		const struct row *r = &rows[n];
		bool traps = r->legacy != SILENT_ && r->lng != SILENT_ && r->legacy != BIT_ &&
			     r->lng != BIT_;

		/* Twice would be once too many. */
		CU_ASSERT_PTR_EQUAL(row_of(r->mnemonic, r->form), r);
		CU_ASSERT(is_sensitive(r->mnemonic));
		/* What traps everywhere says so, and nothing else does. */
		CU_ASSERT_EQUAL(!strcmp(r->note, "traps"), traps);
		/* UMIP is about five silent readers. SDM vol. 3A 2.5, CR4.UMIP. */
		CU_ASSERT(!r->umip || (r->class == BEHAVIOUR_ && r->legacy == SILENT_));
	}
	CU_ASSERT_FALSE(is_sensitive(ZYDIS_MNEMONIC_ADD));
}

/* Robin & Irvine 2000, table 2: eighteen mnemonics, all silent in 32-bit protected mode. */
static void test_robin_irvine(void)
{
	static const struct {
		u16 mnemonic;
		u8 form;
		bool umip;
	} list[] = {
		{ ZYDIS_MNEMONIC_SGDT, FORM_ANY, true },
		{ ZYDIS_MNEMONIC_SIDT, FORM_ANY, true },
		{ ZYDIS_MNEMONIC_SLDT, FORM_ANY, true },
		{ ZYDIS_MNEMONIC_SMSW, FORM_ANY, true },
		{ ZYDIS_MNEMONIC_PUSHF, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_POPF, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_PUSHFD, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_POPFD, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_LAR, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_LSL, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_VERR, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_VERW, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_POP, FORM_SEG, false },
		{ ZYDIS_MNEMONIC_PUSH, FORM_SEG, false },
		{ ZYDIS_MNEMONIC_CALL, FORM_FAR, false },
		{ ZYDIS_MNEMONIC_JMP, FORM_FAR, false },
		{ ZYDIS_MNEMONIC_INT, FORM_ANY, false },
		{ ZYDIS_MNEMONIC_RET, FORM_FAR, false },
		{ ZYDIS_MNEMONIC_STR, FORM_ANY, true },
		{ ZYDIS_MNEMONIC_MOV, FORM_SEG, false },
	};
	unsigned int umip = 0;

	for (size_t n = 0; n < ARRAY_SIZE(list); n++) {
		const struct row *r = row_of(list[n].mnemonic, list[n].form);

		CU_ASSERT_PTR_NOT_NULL_FATAL(r);
		CU_ASSERT_EQUAL(r->legacy, SILENT_);
		CU_ASSERT_EQUAL(r->umip, list[n].umip);
	}
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
		umip += rows[n].umip;
	CU_ASSERT_EQUAL(umip, 5);
}

/* Privileged instructions raise #GP at any CPL but 0. SDM vol. 3A 5.9, the whole list. */
static void test_privileged(void)
{
	static const struct {
		u16 mnemonic;
		u8 form;
	} list[] = {
		{ ZYDIS_MNEMONIC_LGDT, FORM_ANY },   { ZYDIS_MNEMONIC_LLDT, FORM_ANY },
		{ ZYDIS_MNEMONIC_LTR, FORM_ANY },    { ZYDIS_MNEMONIC_LIDT, FORM_ANY },
		{ ZYDIS_MNEMONIC_MOV, FORM_CR },     { ZYDIS_MNEMONIC_LMSW, FORM_ANY },
		{ ZYDIS_MNEMONIC_CLTS, FORM_ANY },   { ZYDIS_MNEMONIC_MOV, FORM_DR },
		{ ZYDIS_MNEMONIC_INVD, FORM_ANY },   { ZYDIS_MNEMONIC_WBINVD, FORM_ANY },
		{ ZYDIS_MNEMONIC_INVLPG, FORM_ANY }, { ZYDIS_MNEMONIC_HLT, FORM_ANY },
		{ ZYDIS_MNEMONIC_RDMSR, FORM_ANY },  { ZYDIS_MNEMONIC_WRMSR, FORM_ANY },
		{ ZYDIS_MNEMONIC_SWAPGS, FORM_ANY }, { ZYDIS_MNEMONIC_SYSRET, FORM_ANY },
		{ ZYDIS_MNEMONIC_XSETBV, FORM_ANY }, { ZYDIS_MNEMONIC_INVPCID, FORM_ANY },
	};

	for (size_t n = 0; n < ARRAY_SIZE(list); n++) {
		const struct row *r = row_of(list[n].mnemonic, list[n].form);

		CU_ASSERT_PTR_NOT_NULL_FATAL(r);
		CU_ASSERT_EQUAL(r->lng, GP_);
		CU_ASSERT_NOT_EQUAL(r->routine, UNDEFINED_ROUTINE);
	}
	/* RDPMC is privileged only where CR4.PCE is clear. */
	CU_ASSERT_EQUAL(row_of(ZYDIS_MNEMONIC_RDPMC, FORM_ANY)->lng, BIT_);
}

/* Every routine exists, and some instruction leads to it. */
static void test_routines(void)
{
	walk();
	for (unsigned int n = 0; n < NR_EMULATE; n++) {
		CU_ASSERT_PTR_NOT_NULL(emulate_routines[n].fn);
		CU_ASSERT(strlen(emulate_routines[n].name) > 0);
		if (seen.emulated[n])
			continue;
		fprintf(stderr, "\n  no instruction leads to %s", emulate_routines[n].name);
		CU_FAIL("a dead routine");
	}
}

/* The features that plain_sets.def names are those of guests. */
enum feature {
	NO_FEATURE,
#define FEATURE(name, level, function, index, reg, bit) FEATURE_##name,
#include "common/cpuid.def"
#undef FEATURE
};

static const struct {
	u16 isa;
	u8 feature;
} plain_sets[] = {
#define BASE(set)	   { ZYDIS_ISA_SET_##set, NO_FEATURE },
#define SET(set, name)	   { ZYDIS_ISA_SET_##set, FEATURE_##name },
#define LENGTHS(set, name) SET(set##_128, name) SET(set##_256, name) SET(set##_512, name)
#include "tests/unit/plain_sets.def"
#undef BASE
#undef SET
#undef LENGTHS
};

static void test_plain_sets(void)
{
	bool argued[ZYDIS_ISA_SET_MAX_VALUE + 1] = { false };

	walk();
	for (size_t n = 0; n < ARRAY_SIZE(plain_sets); n++)
		argued[plain_sets[n].isa] = true;
	for (unsigned int n = 0; n <= ZYDIS_ISA_SET_MAX_VALUE; n++) {
		if (argued[n] == seen.plain_isa[n])
			continue;
		fprintf(stderr, "\n  %s: %s", ZydisISASetGetString((ZydisISASet)n),
			argued[n] ? "has no plain instruction" : "plain for no reason given");
		CU_FAIL("sets of plain instructions");
	}
}

CU_TestInfo tests_sensitive[] = {
	{ "the walk meets every mnemonic", test_complete },
	{ "every mnemonic is classified", test_classified },
	{ "no plain instruction is sensitive", test_no_leaks },
	{ "a sensitive one would be found", test_leaks_are_found },
	{ "rows: modes", test_columns },
	{ "rows: consistent", test_rows },
	{ "rows: Robin and Irvine's", test_robin_irvine },
	{ "rows: privileged instructions", test_privileged },
	{ "every routine is used", test_routines },
	{ "plain sets and their reasons", test_plain_sets },
	CU_TEST_INFO_NULL,
};
