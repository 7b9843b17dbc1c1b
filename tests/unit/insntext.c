/* SPDX-License-Identifier: MIT */
#include "tests/unit/insntext.h"
#include "backends/swbt/emulate.h"

#include <CUnit/CUnit.h>
#include <stdarg.h>
#include <stdio.h>

struct out {
	char *buf;
	size_t len, at;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (o->at < o->len)
		o->at += (size_t)vsnprintf(o->buf + o->at, o->len - o->at, format, args);
	va_end(args);
}

static const char *const segs[] = { "es", "cs", "ss", "ds", "fs", "gs" };

static void put_gpr(struct out *o, u8 reg, u8 size, bool high)
{
	static const char *const low[] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };

	if (reg == REG_PC)
		put(o, "pc");
	else if (high)
		put(o, "%ch", "acdb"[reg]);
	else if (reg >= 8)
		put(o, "r%u%s", reg, size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "");
	else if (size == 1 && reg < 4)
		put(o, "%cl", "acdb"[reg]);
	else
		put(o, "%s%s%s",
		    size == 8	? "r"
		    : size == 4 ? "e"
				: "",
		    low[reg], size == 1 ? "l" : "");
}

static void put_memory(struct out *o, const struct insn *i)
{
	const char *plus = "";

	put(o, "%s:[", segs[i->mem_seg]);
	if (i->mem_base != REG_NONE) {
		put_gpr(o, i->mem_base, i->addrsize, false);
		plus = "+";
	}
	if (i->mem_vsib) {
		put(o, "%svsib*%u", plus, i->mem_scale);
		plus = "+";
	} else if (i->mem_index != REG_NONE) {
		put(o, "%s", plus);
		put_gpr(o, i->mem_index, i->addrsize, false);
		put(o, "*%u", i->mem_scale);
		plus = "+";
	}
	if (i->mem_disp < 0)
		put(o, "-0x%llx", -(unsigned long long)i->mem_disp);
	else if (i->mem_disp || !*plus)
		put(o, "%s0x%llx", plus, (unsigned long long)i->mem_disp);
	put(o, "]/%u%s%s", i->mem_size, i->mem_aligned ? "!" : "", i->mem_address_only ? "&" : "");
}

static void put_operand(struct out *o, const struct insn *i, const struct operand *op)
{
	static const char *const fields[] = { "", "reg ", "rm ", "opc ", "vvvv ", "is4 " };

	put(o, " | ");
	if (op->type == OPERAND_IMM) {
		if ((s64)op->imm < 0)
			put(o, "imm%u=-0x%llx", op->size * 8, -(unsigned long long)op->imm);
		else
			put(o, "imm%u=0x%llx", op->size * 8, (unsigned long long)op->imm);
		return;
	}
	put(o, "%s%s%s%s", op->read ? "r" : "", op->written ? "w" : "",
	    op->read || op->written ? " " : "", fields[op->field]);
	switch (op->type) {
	case OPERAND_GPR:
		put_gpr(o, op->reg, op->size, op->high);
		break;
	case OPERAND_MEM:
		put_memory(o, i);
		break;
	case OPERAND_SEG:
		put(o, "%s", segs[op->reg]);
		break;
	case OPERAND_CR:
	case OPERAND_DR:
		put(o, "%s%u", op->type == OPERAND_CR ? "cr" : "dr", op->reg);
		break;
	default:
		put(o, "vec/%u", op->size);
	}
}

void insntext(const struct insn *i, char *buf, size_t len)
{
	static const char *const fpus[] = {
		"", " x87", " wait", " mmx", " sse", " avx", " avx512"
	};
	struct out o = { buf, len, 0 };

	put(&o, "%s o%u a%u", insn_mnemonic(i), i->opsize, i->addrsize);
	if (i->stacksize)
		put(&o, " s%u", i->stacksize);
	put(&o, "%s%s%s%s", i->lock ? " lock" : "", i->rep ? " rep" : "", i->repne ? " repne" : "",
	    fpus[i->fpu]);
	if (i->class == INSN_EMULATE)
		put(&o, " emu:%s", emulate_routines[i->emulate].name);
	else if (i->class == INSN_UNDEFINED)
		put(&o, " undefined");
	for (unsigned int n = 0; n < i->nr_operands; n++)
		put_operand(&o, i, &i->op[n]);
	if (!i->has_mem && i->mem_seg)
		put(&o, " | %s", segs[i->mem_seg]);
}

size_t insn_bytes(const char *hex, u8 bytes[32])
{
	size_t n = 0;
	unsigned int value;

	for (; n < 32 && sscanf(hex, "%2x", &value) == 1; hex += 2)
		bytes[n++] = (u8)value;
	return n;
}

struct insn insn_of(enum cpu_mode mode, const char *hex)
{
	struct insn i = { 0 };
	u8 bytes[32];
	size_t n = insn_bytes(hex, bytes);

	if (decode_as(&i, bytes, n, mode, false)) {
		fprintf(stderr, "\n  %s does not decode", hex);
		CU_FAIL("decode");
	}
	return i;
}
