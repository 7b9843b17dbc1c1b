/* SPDX-License-Identifier: MIT */
#include "backends/swbt/decode.h"
#include "backends/swbt/classify.h"
#include "backends/swbt/disasm.h"

/* Zydis' number of a general register, and the bytes of it that are meant. */
static bool gpr_of(ZydisRegister r, u8 *gpr, bool *high)
{
	static const struct {
		ZydisRegister first, last;
		u8 base;
		bool high;
	} ranges[] = {
		{ ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_R15, RAX, false },
		{ ZYDIS_REGISTER_EAX, ZYDIS_REGISTER_R15D, RAX, false },
		{ ZYDIS_REGISTER_AX, ZYDIS_REGISTER_R15W, RAX, false },
		{ ZYDIS_REGISTER_AL, ZYDIS_REGISTER_BL, RAX, false },
		{ ZYDIS_REGISTER_AH, ZYDIS_REGISTER_BH, RAX, true },
		{ ZYDIS_REGISTER_SPL, ZYDIS_REGISTER_R15B, RSP, false },
	};

	for (size_t n = 0; n < ARRAY_SIZE(ranges); n++)
		if (r >= ranges[n].first && r <= ranges[n].last) {
			*gpr = (u8)(ranges[n].base + (r - ranges[n].first));
			*high = ranges[n].high;
			return true;
		}
	return false;
}

static u8 gpr_or(ZydisRegister r, u8 otherwise)
{
	u8 gpr;
	bool high;

	return gpr_of(r, &gpr, &high) ? gpr : otherwise;
}

static bool reads(const ZydisDecodedOperand *o)
{
	return o->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
}

static bool writes(const ZydisDecodedOperand *o)
{
	return o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
}

/* Operands that look like memory but are not accessed. */
static bool address_only(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
	return o->mem.type == ZYDIS_MEMOP_TYPE_AGEN || z->mnemonic == ZYDIS_MNEMONIC_NOP ||
	       z->mnemonic == ZYDIS_MNEMONIC_INVLPG || z->mnemonic == ZYDIS_MNEMONIC_PREFETCHWT1 ||
	       z->meta.category == ZYDIS_CATEGORY_PREFETCH ||
	       z->meta.category == ZYDIS_CATEGORY_NOP;
}

/* SDM vol. 2A section 2.4 (exception classes): which memory operands must be aligned. */
static bool must_align(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *o)
{
	static const u16 unaligned[] = {
		ZYDIS_MNEMONIC_MOVUPS,	  ZYDIS_MNEMONIC_MOVUPD,    ZYDIS_MNEMONIC_MOVDQU,
		ZYDIS_MNEMONIC_LDDQU,	  ZYDIS_MNEMONIC_PCMPESTRI, ZYDIS_MNEMONIC_PCMPESTRM,
		ZYDIS_MNEMONIC_PCMPISTRI, ZYDIS_MNEMONIC_PCMPISTRM,
	};

	if (o->size < 128)
		return false;
	switch (z->mnemonic) {
	case ZYDIS_MNEMONIC_CMPXCHG16B:
	case ZYDIS_MNEMONIC_CVTPD2PI:
	case ZYDIS_MNEMONIC_CVTTPD2PI:
		return true;
	default:
		break;
	}
	/* Here processors differ (AMD's do not check SHA's operands, nor any under an empty mask):
	 * left to the host. */
	if (z->meta.isa_set == ZYDIS_ISA_SET_SHA ||
	    (z->avx.mask.reg != ZYDIS_REGISTER_NONE && z->avx.mask.reg != ZYDIS_REGISTER_K0))
		return false;
	switch (z->meta.exception_class) {
	case ZYDIS_EXCEPTION_CLASS_SSE1:
	case ZYDIS_EXCEPTION_CLASS_AVX1:
	case ZYDIS_EXCEPTION_CLASS_E1:
	case ZYDIS_EXCEPTION_CLASS_E1NF:
		return true;
	case ZYDIS_EXCEPTION_CLASS_SSE2:
	case ZYDIS_EXCEPTION_CLASS_SSE4:
		break;
	default:
		return false;
	}
	for (size_t n = 0; n < ARRAY_SIZE(unaligned); n++)
		if (z->mnemonic == unaligned[n])
			return false;
	return true;
}

static u8 seg_of(ZydisRegister r)
{
	return r >= ZYDIS_REGISTER_ES && r <= ZYDIS_REGISTER_GS ? (u8)(r - ZYDIS_REGISTER_ES)
								: SEG_DS;
}

static void explicit_memory(struct insn *i, const ZydisDecodedInstruction *z,
			    const ZydisDecodedOperand *o)
{
	const ZydisDecodedOperandMem *m = &o->mem;

	i->has_mem = true;
	i->mem_vsib = m->type == ZYDIS_MEMOP_TYPE_VSIB;
	i->mem_address_only = address_only(z, o);
	i->mem_read = reads(o) && !i->mem_address_only;
	i->mem_write = writes(o) && !i->mem_address_only;
	i->mem_seg = seg_of(m->segment);
	i->mem_base = gpr_or(m->base, REG_NONE);
	if (m->base == ZYDIS_REGISTER_RIP || m->base == ZYDIS_REGISTER_EIP)
		i->mem_base = REG_PC;
	i->mem_index = gpr_or(m->index, REG_NONE);
	i->mem_scale = m->scale ? m->scale : 1;
	i->mem_disp = m->disp.has_displacement ? m->disp.value : 0;
	i->mem_size = (u16)(o->size / 8);
	i->mem_aligned = must_align(z, o);
	/* Cache-line instructions check like a load of one byte. */
	if (z->mnemonic == ZYDIS_MNEMONIC_CLFLUSH || z->mnemonic == ZYDIS_MNEMONIC_CLFLUSHOPT ||
	    z->mnemonic == ZYDIS_MNEMONIC_CLWB) {
		i->mem_size = 1;
		i->mem_read = true;
		i->mem_write = false;
	}
}

static const u8 fields[ZYDIS_OPERAND_ENCODING_MAX_VALUE + 1] = {
	[ZYDIS_OPERAND_ENCODING_MODRM_REG] = FIELD_REG,
	[ZYDIS_OPERAND_ENCODING_MODRM_RM] = FIELD_RM,
	[ZYDIS_OPERAND_ENCODING_OPCODE] = FIELD_OPCODE,
	[ZYDIS_OPERAND_ENCODING_NDSNDD] = FIELD_VVVV,
	[ZYDIS_OPERAND_ENCODING_IS4] = FIELD_IS4,
};

static void visible_operand(struct insn *i, const ZydisDecodedInstruction *z,
			    const ZydisDecodedOperand *o, enum insn_form *form)
{
	struct operand *op = &i->op[i->nr_operands];

	if (i->nr_operands == ARRAY_SIZE(i->op))
		return;
	op->size = o->size / 8 > 255 ? 0 : (u8)(o->size / 8);
	op->field = fields[o->encoding];
	op->read = reads(o);
	op->written = writes(o);
	i->nr_operands++;
	switch (o->type) {
	case ZYDIS_OPERAND_TYPE_REGISTER:
		if (gpr_of(o->reg.value, &op->reg, &op->high)) {
			op->type = OPERAND_GPR;
		} else if (ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_SEGMENT) {
			op->type = OPERAND_SEG;
			op->reg = seg_of(o->reg.value);
			*form = FORM_SEG;
		} else if (ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_CONTROL) {
			op->type = OPERAND_CR;
			op->reg = (u8)(o->reg.value - ZYDIS_REGISTER_CR0);
			*form = FORM_CR;
		} else if (ZydisRegisterGetClass(o->reg.value) == ZYDIS_REGCLASS_DEBUG) {
			op->type = OPERAND_DR;
			op->reg = (u8)(o->reg.value - ZYDIS_REGISTER_DR0);
			*form = FORM_DR;
		} else {
			op->type = OPERAND_OTHER;
		}
		break;
	case ZYDIS_OPERAND_TYPE_MEMORY:
		op->type = OPERAND_MEM;
		explicit_memory(i, z, o);
		break;
	case ZYDIS_OPERAND_TYPE_IMMEDIATE:
		op->type = OPERAND_IMM;
		op->imm = o->imm.value.u;
		break;
	case ZYDIS_OPERAND_TYPE_POINTER:
		/* A far pointer is two operands here: offset, then selector. */
		op->type = OPERAND_IMM;
		op->size = i->opsize;
		op->imm = o->ptr.offset;
		i->op[i->nr_operands++] = (struct operand){
			.type = OPERAND_IMM, .size = 2, .imm = o->ptr.segment, .read = true
		};
		break;
	default:
		break;
	}
}

static void touch(struct insn *i, ZydisRegister r, bool read, bool written, unsigned int bytes)
{
	bool high;
	u8 gpr;

	if (!gpr_of(r, &gpr, &high))
		return;
	if (written)
		i->gpr_written |= BIT(gpr);
	/* A write to 1 or 2 bytes leaves the rest: that is a read, too. */
	if (read || (written && bytes < 4))
		i->gpr_read |= BIT(gpr);
}

static void implied(struct insn *i, ZydisRegister r)
{
	bool high;
	u8 gpr;

	if (gpr_of(r, &gpr, &high))
		i->gpr_implicit |= BIT(gpr);
}

static u8 fpu_of(const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	bool mmx = false, sse = false;

	if (z->mnemonic == ZYDIS_MNEMONIC_FWAIT)
		return FPU_WAIT;
	/* By opcode: Zydis files FISTTP under SSE3 and FCOMI under Pentium Pro. */
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
	    z->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (z->opcode & 0xf8) == 0xd8)
		return FPU_X87;
	/* CVTTSD2SI and its like may name no vector register, but do obey MXCSR. */
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
	    (z->meta.isa_set == ZYDIS_ISA_SET_SSE || z->meta.isa_set == ZYDIS_ISA_SET_SSE2) &&
	    z->meta.category == ZYDIS_CATEGORY_CONVERT)
		return FPU_SSE;
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX ||
	    z->meta.category == ZYDIS_CATEGORY_KMASK)
		return FPU_AVX512;
	if (z->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX)
		return z->meta.isa_set == ZYDIS_ISA_SET_BMI1 ||
				       z->meta.isa_set == ZYDIS_ISA_SET_BMI2
			       ? FPU_NONE
			       : FPU_AVX;
	for (unsigned int n = 0; n < z->operand_count; n++) {
		if (ops[n].type != ZYDIS_OPERAND_TYPE_REGISTER)
			continue;
		mmx |= ZydisRegisterGetClass(ops[n].reg.value) == ZYDIS_REGCLASS_MMX;
		sse |= ZydisRegisterGetClass(ops[n].reg.value) == ZYDIS_REGCLASS_XMM ||
		       ops[n].reg.value == ZYDIS_REGISTER_MXCSR;
	}
	if (sse)
		return FPU_SSE;
	return mmx || z->mnemonic == ZYDIS_MNEMONIC_EMMS ? FPU_MMX : FPU_NONE;
}

static void layout(struct insn *i, const ZydisDecodedInstruction *z)
{
	static const u8 encodings[] = {
		[ZYDIS_INSTRUCTION_ENCODING_LEGACY] = ENC_LEGACY,
		[ZYDIS_INSTRUCTION_ENCODING_3DNOW] = ENC_3DNOW,
		[ZYDIS_INSTRUCTION_ENCODING_XOP] = ENC_XOP,
		[ZYDIS_INSTRUCTION_ENCODING_VEX] = ENC_VEX,
		[ZYDIS_INSTRUCTION_ENCODING_EVEX] = ENC_EVEX,
	};
	static const u8 escapes[] = {
		[ZYDIS_OPCODE_MAP_0F] = 1,
		[ZYDIS_OPCODE_MAP_0F38] = 2,
		[ZYDIS_OPCODE_MAP_0F3A] = 2,
		[ZYDIS_OPCODE_MAP_0F0F] = 2,
	};
	u8 at = z->raw.prefix_count;

	i->encoding = z->encoding < ARRAY_SIZE(encodings) ? encodings[z->encoding] : ENC_LEGACY;
	i->modrm_at = z->raw.modrm.offset;
	i->disp_at = z->raw.disp.offset;
	i->disp_len = z->raw.disp.size / 8;
	i->imm_at = z->raw.imm[0].offset;
	i->imm_len = (z->raw.imm[0].size + z->raw.imm[1].size) / 8;
	if (i->encoding == ENC_LEGACY && z->attributes & ZYDIS_ATTRIB_HAS_REX)
		i->rex = i->raw[z->raw.rex.offset];
	switch (i->encoding) {
	case ENC_VEX:
		at = z->raw.vex.offset + z->raw.vex.size;
		break;
	case ENC_XOP:
		at = z->raw.xop.offset + 3;
		break;
	case ENC_EVEX:
		at = z->raw.evex.offset + 4;
		break;
	default:
		if (i->rex)
			at = z->raw.rex.offset + 1;
		if (z->opcode_map < ARRAY_SIZE(escapes))
			at += escapes[z->opcode_map];
		break;
	}
	i->opcode_at = at;
}

/* Bytes of one push or pop, for instructions whose category says that they do some. */
static u8 stack_size(const ZydisDecodedInstruction *z)
{
	switch (z->meta.category) {
	case ZYDIS_CATEGORY_PUSH:
	case ZYDIS_CATEGORY_POP:
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_RET:
		return z->operand_width / 8;
	default:
		return z->mnemonic == ZYDIS_MNEMONIC_ENTER || z->mnemonic == ZYDIS_MNEMONIC_LEAVE
			       ? z->operand_width / 8
			       : 0;
	}
}

/* The overridable operand of string instructions, XLAT and MASKMOV: only its segment is not plain
 * from the mnemonic. ES:rDI of the string instructions cannot be overridden. */
static void hidden_memory(struct insn *i, const ZydisDecodedOperand *o)
{
	u8 base = gpr_or(o->mem.base, REG_NONE);

	if (base != RSP && !(base == RDI && o->mem.segment == ZYDIS_REGISTER_ES))
		i->mem_seg = seg_of(o->mem.segment);
}

/* CLZERO's operand is at DS:rAX, of which Zydis only tells rAX: the last segment prefix counts, in
 * 64-bit code only FS and GS. */
static u8 clzero_segment(const ZydisDecodedInstruction *z)
{
	static const u8 prefixes[] = { [SEG_ES] = 0x26, [SEG_CS] = 0x2e, [SEG_SS] = 0x36,
				       [SEG_DS] = 0x3e, [SEG_FS] = 0x64, [SEG_GS] = 0x65 };
	bool wide = z->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;
	u8 seg = SEG_DS;

	for (unsigned int n = 0; n < z->raw.prefix_count; n++)
		for (u8 k = wide ? SEG_FS : SEG_ES; k <= SEG_GS; k++)
			if (z->raw.prefixes[n].value == prefixes[k])
				seg = k;
	return seg;
}

static void fill(struct insn *i, const ZydisDecodedInstruction *z, const ZydisDecodedOperand *ops)
{
	enum insn_form form = FORM_ANY;

	i->mnemonic = z->mnemonic;
	i->length = z->length;
	i->opsize = z->operand_width / 8;
	i->addrsize = z->address_width / 8;
	i->stacksize = stack_size(z);
	i->lock = z->attributes & ZYDIS_ATTRIB_HAS_LOCK;
	i->rep = z->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE);
	i->repne = z->attributes & ZYDIS_ATTRIB_HAS_REPNE;
	for (unsigned int n = 0; n < z->operand_count; n++) {
		const ZydisDecodedOperand *o = &ops[n];

		if (n < z->operand_count_visible)
			visible_operand(i, z, o, &form);
		else if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && !i->has_mem)
			hidden_memory(i, o);
		if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			touch(i, o->reg.value, reads(o), writes(o), o->size / 8);
			if (fields[o->encoding] == FIELD_NONE)
				implied(i, o->reg.value);
		}
		if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			touch(i, o->mem.base, true, false, 8);
			touch(i, o->mem.index, true, false, 8);
			if (fields[o->encoding] == FIELD_NONE)
				implied(i, o->mem.base);
		}
	}
	if (z->mnemonic == ZYDIS_MNEMONIC_CLZERO)
		i->mem_seg = clzero_segment(z);
	if (z->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		form = FORM_FAR;
	i->fpu = fpu_of(z, ops);
	i->flags_read = disasm_flags_read(z);
	i->flags_written = disasm_flags_written(z);
	layout(i, z);
	classify(i, z, form);
}

int decode_as(struct insn *i, const u8 *bytes, size_t n, enum cpu_mode mode, bool amd)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	int r = disasm(bytes, n, mode, amd, &z, ops);

	if (r)
		return r;
	*i = (struct insn){ .mode = mode };
	for (unsigned int b = 0; b < z.length; b++)
		i->raw[b] = bytes[b];
	fill(i, &z, ops);
	return 0;
}

/* SSE4A is AMD's alone, and its licensees'. */
static bool host_is_amd(void)
{
	return __builtin_cpu_is("amd") || __builtin_cpu_supports("sse4a");
}

int decode(struct insn *i, const u8 *bytes, size_t n, enum cpu_mode mode)
{
	return decode_as(i, bytes, n, mode, host_is_amd());
}

u64 insn_ea(const struct insn *i, const struct vcpu *v, u64 rip)
{
	u64 ea = (u64)i->mem_disp;

	if (i->mem_base == REG_PC)
		ea += rip + i->length;
	else if (i->mem_base != REG_NONE)
		ea += v->s.gpr[i->mem_base];
	if (i->mem_index != REG_NONE && !i->mem_vsib)
		ea += v->s.gpr[i->mem_index] * i->mem_scale;
	return i->addrsize == 8 ? ea : ea & (BIT64(i->addrsize * 8) - 1);
}

void insn_format(const struct insn *i, u64 rip, char *buf, size_t len)
{
	ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	ZydisFormatter f;

	ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_INTEL);
	if (!len)
		return;
	buf[0] = 0;
	if (!disasm(i->raw, i->length, i->mode, host_is_amd(), &z, ops))
		ZydisFormatterFormatInstruction(&f, &z, ops, z.operand_count_visible, buf, len, rip,
						NULL);
}

const char *insn_mnemonic(const struct insn *i)
{
	return ZydisMnemonicGetString(i->mnemonic);
}
