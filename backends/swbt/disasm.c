/* SPDX-License-Identifier: MIT */
#include "backends/swbt/disasm.h"

#include <errno.h>

static const struct {
	ZydisMachineMode machine;
	ZydisStackWidth stack;
} modes[] = {
	[MODE_REAL] = { ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
	[MODE_VM86] = { ZYDIS_MACHINE_MODE_REAL_16, ZYDIS_STACK_WIDTH_16 },
	[MODE_PROT16] = { ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16 },
	[MODE_PROT32] = { ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32 },
	[MODE_LONG64] = { ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64 },
};

static void decoder_for(ZydisDecoder *d, enum cpu_mode mode, bool amd)
{
	/* Encodings of features that no guest is shown, and that decode as NOPs without them. */
	static const ZydisDecoderMode off[] = { ZYDIS_DECODER_MODE_MPX, ZYDIS_DECODER_MODE_CET,
						ZYDIS_DECODER_MODE_CLDEMOTE,
						ZYDIS_DECODER_MODE_KNC };

	ZydisDecoderInit(d, modes[mode].machine, modes[mode].stack);
	for (size_t n = 0; n < ARRAY_SIZE(off); n++)
		ZydisDecoderEnableMode(d, off[n], ZYAN_FALSE);
	/* In 64-bit mode Intel's ignore 66h on near branches; AMD's make them 16 bits wide. */
	ZydisDecoderEnableMode(d, ZYDIS_DECODER_MODE_AMD_BRANCHES, amd);
}

/* Decode with every prefix byte PREFIX of the first END bytes taken for a DS override, which stands
 * for "no meaning": it keeps the length. */
static ZyanStatus decode_without(const ZydisDecoder *d, u8 prefix, size_t end, const u8 *bytes,
				 size_t n, ZydisDecodedInstruction *z, ZydisDecodedOperand *ops)
{
	u8 copy[INSN_MAX];

	for (size_t b = 0; b < n; b++)
		copy[b] = b < end && bytes[b] == prefix ? 0x3e : bytes[b];
	return ZydisDecoderDecodeFull(d, copy, n, z, ops);
}

static size_t prefixes(const u8 *bytes, size_t n)
{
	static const u8 list[] = {
		0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3
	};
	size_t at = 0, k = 0;

	while (at < n && k < ARRAY_SIZE(list)) {
		for (k = 0; k < ARRAY_SIZE(list) && list[k] != bytes[at]; k++)
			;
		at += k < ARRAY_SIZE(list);
	}
	return at;
}

/* APM vol. 3, MOV CRn: LOCK MOV CR0 is MOV CR8, for code that has no REX. */
static ZyanStatus decode_cr8(const ZydisDecoder *d, const u8 *bytes, size_t n,
			     ZydisDecodedInstruction *z, ZydisDecodedOperand *ops)
{
	ZyanStatus status = decode_without(d, 0xf0, prefixes(bytes, n), bytes, n, z, ops);

	if (!ZYAN_SUCCESS(status))
		return status;
	for (unsigned int o = 0; z->mnemonic == ZYDIS_MNEMONIC_MOV && o < 2; o++)
		if (ops[o].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ops[o].reg.value == ZYDIS_REGISTER_CR0) {
			ops[o].reg.value = ZYDIS_REGISTER_CR8;
			return status;
		}
	return ZYDIS_STATUS_ILLEGAL_LOCK;
}

/* Fast system calls outside protected mode: #GP or, SYSENTER in virtual-8086 mode, a system call.
 * To Zydis they are no instructions there. */
static ZyanStatus decode_fast_call(const u8 *bytes, size_t n, ZydisDecodedInstruction *z,
				   ZydisDecodedOperand *ops)
{
	ZyanStatus status;
	ZydisDecoder d;

	decoder_for(&d, MODE_PROT16, false);
	status = ZydisDecoderDecodeFull(&d, bytes, n, z, ops);
	if (ZYAN_SUCCESS(status) && z->mnemonic != ZYDIS_MNEMONIC_SYSENTER &&
	    z->mnemonic != ZYDIS_MNEMONIC_SYSEXIT && z->mnemonic != ZYDIS_MNEMONIC_SYSRET)
		return ZYDIS_STATUS_DECODING_ERROR;
	return status;
}

/* Base 101b of a SIB byte without displacement size is none, whatever REX.B says; Zydis takes it
 * for R13 where the address size is 32 bits. */
static void mend_sib(const ZydisDecodedInstruction *z, ZydisDecodedOperand *ops)
{
	if (!z->raw.sib.offset || z->raw.modrm.mod != 0 || z->raw.sib.base != 5)
		return;
	for (unsigned int n = 0; n < z->operand_count; n++)
		if (ops[n].encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM) {
			ops[n].mem.base = ZYDIS_REGISTER_NONE;
			ops[n].mem.disp.has_displacement = ZYAN_TRUE;
			ops[n].mem.disp.value = z->raw.disp.value;
		}
}

/* What is not written in every case is read as well: the old value may stay. */
static void mend_actions(const ZydisDecodedInstruction *z, ZydisDecodedOperand *ops)
{
	for (unsigned int n = 0; n < z->operand_count; n++)
		if (ops[n].type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    ops[n].actions & ZYDIS_OPERAND_ACTION_CONDWRITE)
			ops[n].actions |= ZYDIS_OPERAND_ACTION_READ;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_BSF:
	case ZYDIS_MNEMONIC_BSR:
	case ZYDIS_MNEMONIC_LAR:
		ops[0].actions |= ZYDIS_OPERAND_ACTION_READ;
		break;
	default:
		break;
	}
}

static bool has_prefix(const ZydisDecodedInstruction *z, u8 prefix)
{
	for (unsigned int n = 0; n < z->raw.prefix_count; n++)
		if (z->raw.prefixes[n].value == prefix)
			return true;
	return false;
}

/* AMD's 66h counts for every near branch, and for what CALL pushes and RET pops. Zydis knows that
 * of those with a displacement of more than a byte. */
static void mend_branch(ZydisDecodedInstruction *z, ZydisDecodedOperand *ops)
{
	ZydisRegister *r = &ops[0].reg.value;

	if (z->machine_mode != ZYDIS_MACHINE_MODE_LONG_64 || !has_prefix(z, 0x66) || z->raw.rex.W ||
	    (z->meta.branch_type != ZYDIS_BRANCH_TYPE_NEAR &&
	     z->meta.branch_type != ZYDIS_BRANCH_TYPE_SHORT))
		return;
	z->operand_width = 16;
	if (ops[0].encoding != ZYDIS_OPERAND_ENCODING_MODRM_RM)
		return;
	ops[0].size = 16;
	if (ops[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
		*r = ZydisRegisterEncode(ZYDIS_REGCLASS_GPR16, (ZyanU8)ZydisRegisterGetId(*r));
}

static int error_of(ZyanStatus status, size_t n)
{
	if (status == ZYDIS_STATUS_NO_MORE_DATA)
		return n < INSN_MAX ? -ENODATA : -E2BIG;
	return status == ZYDIS_STATUS_INSTRUCTION_TOO_LONG ? -E2BIG : -EINVAL;
}

int disasm(const u8 *bytes, size_t n, enum cpu_mode mode, bool amd, ZydisDecodedInstruction *z,
	   ZydisDecodedOperand *ops)
{
	ZyanStatus status;
	ZydisDecoder d;

	if (n > INSN_MAX)
		n = INSN_MAX;
	decoder_for(&d, mode, amd);
	status = ZydisDecoderDecodeFull(&d, bytes, n, z, ops);
	if (status == ZYDIS_STATUS_ILLEGAL_LOCK && amd)
		status = decode_cr8(&d, bytes, n, z, ops);
	if (status == ZYDIS_STATUS_DECODING_ERROR && (mode == MODE_REAL || mode == MODE_VM86))
		status = decode_fast_call(bytes, n, z, ops);
	if (!ZYAN_SUCCESS(status))
		return error_of(status, n);
	/* F3 90 is PAUSE, but XCHG with R8 where REX.B is set; Zydis takes both for PAUSE. */
	if (z->mnemonic == ZYDIS_MNEMONIC_PAUSE && z->raw.rex.B)
		decode_without(&d, 0xf3, z->raw.rex.offset, bytes, n, z, ops);
	if (z->mnemonic == ZYDIS_MNEMONIC_CLZERO && (has_prefix(z, 0xf2) || has_prefix(z, 0xf3)))
		return -EINVAL;
	if (amd)
		mend_branch(z, ops);
	mend_sib(z, ops);
	mend_actions(z, ops);
	return 0;
}

/* ---- flags ---------------------------------------------------------------------------------- */

#define C RFLAGS_CF
#define P RFLAGS_PF
#define A RFLAGS_AF
#define Z RFLAGS_ZF
#define S RFLAGS_SF
#define O RFLAGS_OF

/* Where Zydis errs. SDM vol. 2, each instruction's "Flags Affected". */
static const struct {
	u16 mnemonic, read, written, undefined;
} mended_flags[] = {
	{ ZYDIS_MNEMONIC_SBB, C, C | P | A | Z | S | O, 0 },
	{ ZYDIS_MNEMONIC_BSF, 0, Z, C | P | A | S | O },
	{ ZYDIS_MNEMONIC_BSR, 0, Z, C | P | A | S | O },
	{ ZYDIS_MNEMONIC_BEXTR, 0, C | Z | O, P | A | S },
	{ ZYDIS_MNEMONIC_VPTEST, 0, C | P | A | Z | S | O, 0 },
	{ ZYDIS_MNEMONIC_VTESTPS, 0, C | P | A | Z | S | O, 0 },
	{ ZYDIS_MNEMONIC_VTESTPD, 0, C | P | A | Z | S | O, 0 },
	{ ZYDIS_MNEMONIC_CMC, C, C, 0 },
	{ ZYDIS_MNEMONIC_ADCX, C, C, 0 },
	{ ZYDIS_MNEMONIC_ADOX, O, O, 0 },
};

#undef C
#undef P
#undef A
#undef Z
#undef S
#undef O

static void flags_of(const ZydisDecodedInstruction *z, u32 *read, u32 *written, u32 *undefined)
{
	const ZydisAccessedFlags *f = z->cpu_flags;
	u32 arith = (u32)RFLAGS_ARITH;

	*read = f ? f->tested & arith : 0;
	*undefined = f ? f->undefined & arith : 0;
	*written = f ? (f->modified | f->set_0 | f->set_1) & arith : 0;
	for (size_t n = 0; n < ARRAY_SIZE(mended_flags); n++)
		if (mended_flags[n].mnemonic == z->mnemonic) {
			*read = mended_flags[n].read;
			*written = mended_flags[n].written;
			*undefined = mended_flags[n].undefined;
		}
}

/* Instructions that leave their flags alone in some cases: counts of zero, and FCOMI and its like
 * where an unmasked exception waits. */
static bool conditional(const ZydisDecodedInstruction *z)
{
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_SHIFT:
	case ZYDIS_CATEGORY_ROTATE:
	case ZYDIS_CATEGORY_X87_ALU:
		return true;
	case ZYDIS_CATEGORY_STRINGOP:
		return z->attributes & (ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
	default:
		return false;
	}
}

u32 disasm_flags_read(const ZydisDecodedInstruction *z)
{
	u32 read, written, undefined;

	flags_of(z, &read, &written, &undefined);
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_AND:
	case ZYDIS_MNEMONIC_OR:
	case ZYDIS_MNEMONIC_XOR:
	case ZYDIS_MNEMONIC_TEST:
		return read; /* AF is undefined and, on every processor so far, clear */
	default:
		return read | undefined | (conditional(z) ? written : 0);
	}
}

u32 disasm_flags_written(const ZydisDecodedInstruction *z)
{
	u32 read, written, undefined;

	flags_of(z, &read, &written, &undefined);
	return written | undefined;
}

u32 disasm_count(const u8 *code, size_t n)
{
	ZydisDecodedInstruction z;
	ZydisDecoder d;
	u32 count = 0;

	decoder_for(&d, MODE_LONG64, false);
	/* Lengths are all that it has to find out. */
	ZydisDecoderEnableMode(&d, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
	for (size_t at = 0; at < n; count++)
		at += ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, code + at, n - at, &z))
			      ? z.length
			      : 1;
	return count;
}
