/* SPDX-License-Identifier: MIT */
/* Rewritten instructions are decoded again and compared, operand by operand. */
#include "backends/swbt/rewrite.h"
#include "tests/oracle/gen.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CASES 60000

static struct rewrite identity(void)
{
	struct rewrite r = { .base = RSI, .index = REG_NONE, .scale = 1 };

	for (u8 n = 0; n < NR_GPR; n++)
		r.gpr[n] = n;
	return r;
}

/* A permutation of the registers that leaves the implicit ones of I alone, and any operand. */
static struct rewrite random_rewrite(struct gen *g, const struct insn *i)
{
	struct rewrite r = identity();

	for (unsigned int n = 0; n < NR_GPR; n++) {
		unsigned int m = gen_below(g, NR_GPR);
		u8 swap = r.gpr[n];

		if ((BIT(n) | BIT(m)) & (insn_implicit_gprs(i) | BIT(RSP)))
			continue;
		r.gpr[n] = r.gpr[m];
		r.gpr[m] = swap;
	}
	r.base = gen_one_in(g, 8) ? REG_NONE : (u8)gen_below(g, NR_GPR);
	do
		r.index = gen_one_in(g, 2) ? REG_NONE : (u8)gen_below(g, NR_GPR);
	while (r.index == RSP);
	r.scale = r.index == REG_NONE ? 1 : (u8)(1u << gen_below(g, 4));
	r.disp = (s32)gen_value(g);
	return r;
}

/* The first thing in which B is not A under R, or NULL. */
static const char *differs(const struct insn *a, const struct insn *b, const struct rewrite *r)
{
	if (a->mnemonic != b->mnemonic)
		return "mnemonic";
	if (a->nr_operands != b->nr_operands)
		return "number of operands";
	if (a->lock != b->lock)
		return "LOCK";
	if (a->fpu != b->fpu || a->class != b->class)
		return "class";
	if (a->has_mem != b->has_mem || a->mem_address_only != b->mem_address_only ||
	    a->mem_read != b->mem_read || a->mem_write != b->mem_write)
		return "memory operand";
	if (!a->mem_address_only && a->mem_size != b->mem_size)
		return "size of the memory operand";
	if (b->has_mem && (b->mem_base != r->base || b->mem_index != r->index ||
			   b->mem_scale != r->scale || b->mem_disp != r->disp))
		return "address";
	for (unsigned int n = 0; n < a->nr_operands; n++) {
		const struct operand *x = &a->op[n], *y = &b->op[n];

		if (x->type != y->type || x->read != y->read || x->written != y->written ||
		    x->high != y->high)
			return "operand";
		/* NOP's operands and LEA's have sizes of no meaning. */
		if (x->size != y->size && x->type != OPERAND_IMM && !a->mem_address_only &&
		    strcmp(insn_mnemonic(a), "nop"))
			return "operand size";
		if (x->type == OPERAND_GPR &&
		    y->reg != (x->field == FIELD_NONE ? x->reg : r->gpr[x->reg]))
			return "register";
		if (x->type == OPERAND_IMM && x->imm != y->imm)
			return "immediate";
	}
	return NULL;
}

static void complain(const char *what, const struct insn *a, const u8 *out, int len)
{
	char text[128];

	insn_format(a, 0, text, sizeof(text));
	printf("\n    %s: mode %u: ", what, a->mode);
	for (unsigned int n = 0; n < a->length; n++)
		printf("%02x", a->raw[n]);
	printf(" (%s) -> ", text);
	for (int n = 0; n < len; n++)
		printf("%02x", out[n]);
	printf("\n");
}

static bool plain(struct gen *g, enum cpu_mode mode, struct insn *i)
{
	u8 bytes[INSN_MAX];

	gen_bytes(g, mode, bytes);
	return !decode(i, bytes, sizeof(bytes), mode) && i->class == INSN_PLAIN;
}

static void decodes_back(enum cpu_mode mode)
{
	unsigned int plain_ones = 0, rewritten = 0, wrong = 0;

	for (u64 n = 0; n < CASES; n++) {
		struct insn a, b;
		struct rewrite r;
		u8 out[REWRITE_MAX];
		const char *what = NULL;
		struct gen g;
		int len;

		gen_seed(&g, mode, n);
		if (!plain(&g, mode, &a))
			continue;
		plain_ones++;
		r = random_rewrite(&g, &a);
		len = rewrite(&a, &r, out);
		if (len == -ENOTSUP)
			continue;
		rewritten++;
		if (len <= 0 || len > INSN_MAX || decode(&b, out, (size_t)len, MODE_LONG64))
			what = "does not decode";
		else if (b.length != len)
			what = "length";
		else
			what = differs(&a, &b, &r);
		if (what && wrong++ < 10)
			complain(what, &a, out, len > 0 ? len : 0);
	}
	CU_ASSERT_EQUAL(wrong, 0);
	CU_ASSERT(plain_ones > CASES / 10);
	CU_ASSERT(rewritten > plain_ones * 9 / 10);
}

static void test_real(void)
{
	decodes_back(MODE_REAL);
}
static void test_prot16(void)
{
	decodes_back(MODE_PROT16);
}
static void test_prot32(void)
{
	decodes_back(MODE_PROT32);
}
static void test_long64(void)
{
	decodes_back(MODE_LONG64);
}

/* With every register at its place, whatever has no memory operand reads the same afterwards,
 * vector registers included, and can always be rewritten. */
static void test_identity(void)
{
	static const enum cpu_mode modes[] = { MODE_PROT16, MODE_PROT32, MODE_LONG64 };
	unsigned int wrong = 0;

	for (u64 n = 0; n < CASES; n++) {
		enum cpu_mode mode = modes[n % ARRAY_SIZE(modes)];
		char before[128], after[128] = "";
		const struct rewrite r = identity();
		u8 out[REWRITE_MAX];
		struct insn a, b;
		struct gen g;
		int len;

		gen_seed(&g, 99, n);
		if (!plain(&g, mode, &a) || a.has_mem)
			continue;
		len = rewrite(&a, &r, out);
		insn_format(&a, 0, before, sizeof(before));
		if (len > 0 && !decode(&b, out, (size_t)len, MODE_LONG64))
			insn_format(&b, 0, after, sizeof(after));
		if (strcmp(before, after) && wrong++ < 10)
			complain(after, &a, out, len > 0 ? len : 0);
	}
	CU_ASSERT_EQUAL(wrong, 0);
}

struct form {
	enum cpu_mode mode;
	const char *bytes;
	unsigned int len;
	const char *text; /* rewritten with R, below */
};

/* RAX becomes R8 and RCX becomes R13 unless implied; memory is [R13 + RAX * 4 + 8]. */
static void test_forms(void)
{
	static const struct form forms[] = {
		{ MODE_LONG64, "\x01\x08", 2, "add [r13+rax*4+0x08], r13d" },
		{ MODE_LONG64, "\x48\x01\xc8", 3, "add r8, r13" },
		{ MODE_LONG64, "\x0f\xc8", 2, "bswap r8d" },
		{ MODE_LONG64, "\x40\x88\xf7", 3, "mov dil, sil" },
		{ MODE_LONG64, "\x88\xe3", 2, "mov bl, ah" },
		{ MODE_PROT32, "\x41", 1, "inc r13d" },
		{ MODE_PROT32, "\x66\x49", 2, "dec r13w" },
		{ MODE_PROT16, "\x41", 1, "inc r13w" },
		{ MODE_PROT16, "\x66\x41", 2, "inc r13d" },
		{ MODE_PROT16, "\x67\x8d\x04\x0a", 4, "lea r8w, [r13+rax*4+0x08]" },
		{ MODE_PROT16, "\x0f\x6f\xc1", 3, "movq mm0, mm1" },
		{ MODE_PROT32, "\xa1\x78\x56\x34\x12", 5, "mov eax, [r13+rax*4+0x08]" },
		{ MODE_PROT32, "\x82\xc1\x05", 3, "add r13b, 0x05" },
		{ MODE_PROT32, "\xc4\xe2\xf0\xf2\xc1", 5, "andn r8d, r13d, r13d" },
		{ MODE_LONG64, "\xc4\xe2\xf0\xf2\xc1", 5, "andn r8, r13, r13" },
		{ MODE_LONG64, "\xc5\xf8\x50\xc1", 4, "vmovmskps r8d, xmm1" },
		{ MODE_LONG64, "\x62\xf1\x7c\x48\x58\x40\x01", 7,
		  "vaddps zmm0, zmm0, [r13+rax*4+0x08]" },
	};
	struct rewrite r = identity();

	r.gpr[RAX] = R8;
	r.gpr[R8] = RAX;
	r.gpr[RCX] = R13;
	r.gpr[R13] = RCX;
	r.base = R13;
	r.index = RAX;
	r.scale = 4;
	r.disp = 8;
	for (size_t n = 0; n < ARRAY_SIZE(forms); n++) {
		const struct form *f = &forms[n];
		struct rewrite here = r;
		struct insn a, b;
		u8 out[REWRITE_MAX];
		char text[128] = "";
		int len;

		CU_ASSERT_EQUAL_FATAL(decode(&a, (const u8 *)f->bytes, f->len, f->mode), 0);
		if (a.op[1].high || a.gpr_implicit & BIT(RAX)) {
			here.gpr[RAX] = RAX;
			here.gpr[R8] = R8;
		}
		len = rewrite(&a, &here, out);
		if (len > 0 && !decode(&b, out, (size_t)len, MODE_LONG64))
			insn_format(&b, 0, text, sizeof(text));
		if (strcmp(text, f->text))
			printf("\n    %s instead of %s\n", text, f->text);
		CU_ASSERT_STRING_EQUAL(text, f->text);
	}
}

static void test_impossible(void)
{
	static const struct form forms[] = {
		{ MODE_LONG64, "\x88\xe1", 2, NULL }, /* mov cl, ah; cl becomes r13b */
		{ MODE_LONG64, "\xd3\xe0", 2, NULL }, /* shl eax, cl: implied */
		{ MODE_LONG64, "\xc4\xe2\x69\x92\x04\x0a", 6, NULL }, /* a gather */
	};
	struct rewrite r = identity();

	r.gpr[RCX] = R13;
	r.gpr[R13] = RCX;
	for (size_t n = 0; n < ARRAY_SIZE(forms); n++) {
		struct insn a;
		u8 out[REWRITE_MAX];

		CU_ASSERT_EQUAL_FATAL(
			decode(&a, (const u8 *)forms[n].bytes, forms[n].len, forms[n].mode), 0);
		CU_ASSERT_EQUAL(rewrite(&a, &r, out), -ENOTSUP);
	}
}

CU_TestInfo tests_rewrite[] = {
	{ "forms", test_forms },
	{ "impossible", test_impossible },
	{ "identity", test_identity },
	{ "real mode decodes back", test_real },
	{ "16-bit decodes back", test_prot16 },
	{ "32-bit decodes back", test_prot32 },
	{ "64-bit decodes back", test_long64 },
	CU_TEST_INFO_NULL,
};
