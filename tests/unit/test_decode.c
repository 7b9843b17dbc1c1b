/* SPDX-License-Identifier: MIT */
/* struct insn, field by field, against the manuals: SDM vol. 2, APM vol. 3. */
#include "backends/swbt/decode.h"
#include "backends/swbt/emulate.h"
#include "tests/unit/insntext.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The bytes in hexadecimal; the text that insntext.h makes of the instruction. */
struct text_case {
	enum cpu_mode mode;
	const char *hex, *text;
};

static const struct text_case texts[] = {
#define TEST(mode, hex, text) { mode, hex, text },
#include "tests/unit/decode_texts.def"
#undef TEST
};

static void test_texts(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
		struct insn i = insn_of(texts[n].mode, texts[n].hex);
		char text[256];

		insntext(&i, text, sizeof(text));
		if (strcmp(text, texts[n].text)) {
			fprintf(stderr, "\n  %s:\n    is     %s\n    wanted %s", texts[n].hex, text,
				texts[n].text);
			CU_FAIL("fields");
		}
		CU_ASSERT_EQUAL(i.length * 2, strlen(texts[n].hex));
		CU_ASSERT_EQUAL(i.mode, texts[n].mode);
	}
}

/* No beginning of an instruction is one; what follows it does not matter. */
static void test_truncated(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
		u8 bytes[32];
		size_t len = insn_bytes(texts[n].hex, bytes);
		struct insn i;

		for (size_t k = 0; k < len; k++)
			if (decode_as(&i, bytes, k, texts[n].mode, false) != -ENODATA) {
				fprintf(stderr, "\n  %zu bytes of %s", k, texts[n].hex);
				CU_FAIL("truncated");
			}
		memset(bytes + len, 0xff, sizeof(bytes) - len);
		CU_ASSERT_EQUAL(decode_as(&i, bytes, sizeof(bytes), texts[n].mode, false), 0);
		CU_ASSERT_EQUAL(i.length, len);
		CU_ASSERT(!memcmp(i.raw, bytes, len));
	}
}

/* Each instruction with as many prefixes as fit, and with one more. SDM vol. 2A 2.3.11. */
static void test_too_long(void)
{
	for (size_t n = 0; n < ARRAY_SIZE(texts); n++) {
		u8 bytes[64];
		size_t len = insn_bytes(texts[n].hex, bytes + INSN_MAX);
		struct insn i;

		memset(bytes, 0x3e, INSN_MAX);
		CU_ASSERT_EQUAL(decode_as(&i, bytes + len, INSN_MAX, texts[n].mode, false), 0);
		CU_ASSERT_EQUAL(i.length, INSN_MAX);
		CU_ASSERT_EQUAL(decode_as(&i, bytes + len - 1, 32, texts[n].mode, false), -E2BIG);
		CU_ASSERT_EQUAL(decode_as(&i, bytes + len, INSN_MAX - 1, texts[n].mode, false),
				-ENODATA);
	}
}

static void test_errors(void)
{
	static const struct {
		enum cpu_mode mode;
		const char *hex;
		int error;
	} cases[] = {
		{ L64, "", -ENODATA },
		{ L64, "666666666666666666666666666666", -E2BIG },
		{ L64, "4040404040404040404040404040404090", -E2BIG },
		/* No such opcode in 64-bit mode. */
		{ L64, "06", -EINVAL },
		{ L64, "27", -EINVAL },
		{ L64, "3f", -EINVAL },
		{ L64, "60", -EINVAL },
		{ L64, "82c001", -EINVAL },
		{ L64, "9a000000000000", -EINVAL },
		{ L64, "ce", -EINVAL },
		{ L64, "d40a", -EINVAL },
		{ L64, "d6", -EINVAL },
		{ L64, "ea000000000000", -EINVAL },
		/* No such register. */
		{ L64, "0f20c8", -EINVAL },   /* CR1 */
		{ L64, "0f20e8", -EINVAL },   /* CR5 */
		{ L64, "440f20c8", -EINVAL }, /* CR9 */
		{ L64, "440f21c0", -EINVAL }, /* DR8 */
		{ P32, "8ec8", -EINVAL },     /* MOV CS */
		{ P32, "8ef0", -EINVAL },     /* segment register 6 */
		{ P32, "8cf8", -EINVAL },
		/* Memory only, or register only. */
		{ L64, "8dc0", -EINVAL },   /* LEA */
		{ L64, "0f01f8c0", 0 },	    /* SWAPGS, for comparison */
		{ L64, "0fc7c8", -EINVAL }, /* CMPXCHG8B */
		{ L64, "0fb2c0", -EINVAL }, /* LSS */
		{ P32, "62c0", -ENODATA },  /* EVEX, not BOUND */
		{ P32, "c4c0", -ENODATA },  /* VEX, not LES */
		{ P32, "ffd8", -EINVAL },   /* CALL far */
		{ P32, "ffe8", -EINVAL },   /* JMP far */
		{ L64, "0f13c0", -EINVAL }, /* MOVLPS store */
		{ L64, "0f5000", -EINVAL }, /* MOVMSKPS */
		{ L64, "0ff700", -EINVAL }, /* MASKMOVQ */
		/* Groups. */
		{ L64, "c6c800", -EINVAL },
		{ L64, "8fc8", -ENODATA }, /* XOP, not POP */
		{ L64, "feD0", -EINVAL },
		{ L64, "fff8", -EINVAL },
		{ L64, "0f0030", -EINVAL },
		{ L64, "0fba1801", -EINVAL },
		/* LOCK needs memory that is written by an instruction of the list. SDM vol. 2,
		   LOCK. */
		{ L64, "f001c0", -EINVAL },
		{ L64, "f00300", -EINVAL },
		{ L64, "f03900", -EINVAL },
		{ L64, "f08900", -EINVAL },
		{ L64, "f08500", -EINVAL },
		{ L64, "f0a4", -EINVAL },
		{ L64, "f00fa300", -EINVAL },
		{ L64, "f00fba2001", -EINVAL },
		{ L64, "f00faf00", -EINVAL },
		{ L64, "f00fb1c1", -EINVAL },
		{ L64, "f08f00", -EINVAL },
		{ L64, "f0d100", -EINVAL },
		{ L64, "f0e800000000", -EINVAL },
		{ L64, "f090", -EINVAL },
		{ L64, "f00f20c0", -EINVAL },
		{ L64, "f0c5f85800", -EINVAL },
		/* Prefixes that VEX and EVEX do not take. SDM vol. 2A 2.3.2. */
		{ L64, "66c5f85800", -EINVAL },
		{ L64, "f3c5f85800", -EINVAL },
		{ L64, "48c5f85800", -EINVAL },
		{ L64, "6662f17c485800", -EINVAL },
		/* vvvv that must be 1111b; a vector length that must not be. */
		{ L64, "c5f02800", -EINVAL },
		{ L64, "c5fd6ec0", -EINVAL },
		/* Zeroing without a mask; broadcast of what is not a vector. */
		{ L64, "62f17cc85800", -EINVAL },
		{ L64, "62f17c582800", -EINVAL },
		/* Protected mode only. SDM vol. 2, real-address mode exceptions. */
		{ R16, "0f00c0", -EINVAL }, /* SLDT */
		{ V86, "0f02c1", -EINVAL }, /* LAR */
		{ V86, "63c1", -EINVAL },   /* ARPL */
		{ R16, "0f01c1", 0 },	    /* VMCALL, for comparison */
		{ R16, "c5f85803", -EINVAL },
		{ V86, "62f174485803", -EINVAL },
		/* 3DNow! suffix. */
		{ L64, "0f0fc199", -EINVAL },
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		u8 bytes[32];
		size_t len = insn_bytes(cases[n].hex, bytes);
		struct insn i;
		int r = decode_as(&i, bytes, len, cases[n].mode, false);

		if (r != cases[n].error) {
			fprintf(stderr, "\n  %s: %d, not %d", cases[n].hex, r, cases[n].error);
			CU_FAIL("error");
		}
	}
}

/* AMD's processors where they are different: text, or NULL for #UD. Measured on a Zen 5. */
static void test_amd(void)
{
	static const struct {
		enum cpu_mode mode;
		const char *hex, *intel, *amd;
	} cases[] = {
		{ L64, "66ebfe", "jmp o8 a8 emu:jmp | imm8=-0x2", "jmp o2 a8 emu:jmp | imm8=-0x2" },
		{ L64, "6674fe", "jz o8 a8 emu:jcc | imm8=-0x2", "jz o2 a8 emu:jcc | imm8=-0x2" },
		{ L64, "66e2fe", "loop o8 a8 emu:loop | imm8=-0x2",
		  "loop o2 a8 emu:loop | imm8=-0x2" },
		{ L64, "66e3fe", "jrcxz o8 a8 emu:jcxz | imm8=-0x2",
		  "jrcxz o2 a8 emu:jcxz | imm8=-0x2" },
		{ L64, "66e8fdff", NULL, "call o2 a8 s2 emu:call | imm16=-0x3" },
		{ L64, "660f84fdff", NULL, "jz o2 a8 emu:jcc | imm16=-0x3" },
		{ L64, "6648e9fdffffff", "jmp o8 a8 emu:jmp | imm32=-0x3",
		  "jmp o8 a8 emu:jmp | imm32=-0x3" },
		{ L64, "66c3", "ret o8 a8 s8 emu:ret", "ret o2 a8 s2 emu:ret" },
		{ L64, "66c20800", "ret o8 a8 s8 emu:ret | imm16=0x8",
		  "ret o2 a8 s2 emu:ret | imm16=0x8" },
		{ L64, "66ff13", "call o8 a8 s8 emu:call | r rm ds:[rbx]/8",
		  "call o2 a8 s2 emu:call | r rm ds:[rbx]/2" },
		{ L64, "6641ffe1", "jmp o8 a8 emu:jmp | r rm r9", "jmp o2 a8 emu:jmp | r rm r9w" },
		{ P32, "66ffe1", "jmp o2 a4 emu:jmp | r rm cx", "jmp o2 a4 emu:jmp | r rm cx" },
		{ L64, "f00f20c1", NULL, "mov o8 a8 emu:mov_cr | w rm rcx | r reg cr8" },
		{ P32, "f00f22c1", NULL, "mov o4 a4 emu:mov_cr | w reg cr8 | r rm ecx" },
		{ L64, "f00f20d8", NULL, NULL },
		{ L64, "f0440f20c0", NULL, NULL },
		{ L64, "f00fb1c1", NULL, NULL },
	};

	for (size_t n = 0; n < 2 * ARRAY_SIZE(cases); n++) {
		bool amd = n & 1;
		const char *hex = cases[n / 2].hex;
		const char *wanted = amd ? cases[n / 2].amd : cases[n / 2].intel;
		char text[256] = "";
		struct insn i;
		u8 bytes[32];
		size_t len = insn_bytes(hex, bytes);
		int r = decode_as(&i, bytes, len, cases[n / 2].mode, amd);

		if (!r)
			insntext(&i, text, sizeof(text));
		if (wanted ? r || strcmp(text, wanted) : !r) {
			fprintf(stderr, "\n  %s, %s: is '%s' (%d)", hex, amd ? "AMD" : "Intel",
				text, r);
			CU_FAIL("vendor");
		}
		/* And nothing more than its length was read. */
		CU_ASSERT(r || i.length == len);
	}
}

/* ---- where things are ----------------------------------------------------------------------- */

static void test_layout(void)
{
	static const struct {
		enum cpu_mode mode;
		const char *hex;
		u8 opcode, modrm, disp, disp_len, imm, imm_len, encoding, rex;
	} cases[] = {
		{ L64, "90", 0, 0, 0, 0, 0, 0, ENC_LEGACY, 0 },
		{ L64, "4889c3", 1, 2, 0, 0, 0, 0, ENC_LEGACY, 0x48 },
		{ L64, "6641c7841811223344aabb", 2, 3, 5, 4, 9, 2, ENC_LEGACY, 0x41 },
		{ L64, "c7053344556611223344", 0, 1, 2, 4, 6, 4, ENC_LEGACY, 0 },
		{ L64, "486601c0", 2, 3, 0, 0, 0, 0, ENC_LEGACY, 0 }, /* REX, not last: none */
		{ L64, "48b81122334455667788", 1, 0, 0, 0, 2, 8, ENC_LEGACY, 0x48 },
		{ L64, "a01122334455667788", 0, 0, 1, 8, 0, 0, ENC_LEGACY, 0 },
		{ R16, "a11122", 0, 0, 1, 2, 0, 0, ENC_LEGACY, 0 },
		{ R16, "8986aabb", 0, 1, 2, 2, 0, 0, ENC_LEGACY, 0 },
		{ P32, "40", 0, 0, 0, 0, 0, 0, ENC_LEGACY, 0 }, /* INC, no REX */
		{ P32, "c8112203", 0, 0, 0, 0, 1, 3, ENC_LEGACY, 0 },
		{ P32, "9a112233445566", 0, 0, 0, 0, 1, 6, ENC_LEGACY, 0 },
		{ L64, "f3480fb8c3", 3, 4, 0, 0, 0, 0, ENC_LEGACY, 0x48 },
		{ L64, "660f3a0fc308", 3, 4, 0, 0, 5, 1, ENC_LEGACY, 0 },
		{ L64, "0f3800c1", 2, 3, 0, 0, 0, 0, ENC_LEGACY, 0 },
		{ L64, "0f0f40108a", 2, 2, 3, 1, 0, 0, ENC_3DNOW, 0 },
		{ L64, "c5f8584008", 2, 3, 4, 1, 0, 0, ENC_VEX, 0 },
		{ L64, "c4e37d0f400801", 3, 4, 5, 1, 6, 1, ENC_VEX, 0 },
		{ L64, "c4c1785800", 3, 4, 0, 0, 0, 0, ENC_VEX, 0 },
		{ L64, "65c4e17858041d11223344", 4, 5, 7, 4, 0, 0, ENC_VEX, 0 },
		{ L64, "62f17c48c2c801", 4, 5, 0, 0, 6, 1, ENC_EVEX, 0 },
		{ L64, "62f17c48584001", 4, 5, 6, 1, 0, 0, ENC_EVEX, 0 },
		{ L64, "8fe9789bc1", 3, 4, 0, 0, 0, 0, ENC_XOP, 0 },
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct insn i = insn_of(cases[n].mode, cases[n].hex);

		if (i.opcode_at != cases[n].opcode || i.modrm_at != cases[n].modrm ||
		    i.disp_at != cases[n].disp || i.disp_len != cases[n].disp_len ||
		    i.imm_at != cases[n].imm || i.imm_len != cases[n].imm_len ||
		    i.encoding != cases[n].encoding || i.rex != cases[n].rex) {
			fprintf(stderr, "\n  %s: %u %u %u/%u %u/%u %u %x", cases[n].hex,
				i.opcode_at, i.modrm_at, i.disp_at, i.disp_len, i.imm_at, i.imm_len,
				i.encoding, i.rex);
			CU_FAIL("layout");
		}
	}
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void test_ea(void)
{
	static struct vcpu v; /* large */
	static const struct {
		enum cpu_mode mode;
		const char *hex;
		u64 ea;
	} cases[] = {
		{ L64, "8b440b08", 0x1111111111111111 + 0x2222222222222222 + 8 },
		{ L64, "678b440b08", 0x11111111 + 0x22222222 + 8 },
		{ L64, "8b44cb80", 0x2222222222222222 + 8 * 0x1111111111111111ull - 0x80 },
		{ L64, "8b0510000000", 0x400000 + 6 + 0x10 },
		{ L64, "8b05f0ffffff", 0x400000 + 6 - 0x10 },
		{ L64, "c70510000000aabbccdd", 0x400000 + 10 + 0x10 },
		{ L64, "678b0510000000", 0x400000 + 7 + 0x10 },
		{ L64, "8b0425f0ffffff", (u64)-16 },
		{ L64, "678b0425f0ffffff", 0xfffffff0 },
		{ L64, "67418b0425f0ffffff", 0xfffffff0 },
		{ L64, "a18877665544332211", 0x1122334455667788 },
		{ P32, "8b43f0", 0x22222212 },
		{ P32, "a1f0ffffff", 0xfffffff0 },
		{ P16, "8b40ff", 0x2222 + 0x6666 - 1 },
		{ P16, "8b8a00f0", (u16)(0x5555 + 0x6666 + 0xf000) },
		{ P16, "8b0600f0", 0xf000 },
		{ P16, "678b0425f0ffffff", 0xfffffff0 },
		{ R16, "a100f0", 0xf000 },
	};

	for (unsigned int n = 0; n < 8; n++)
		v.s.gpr[n] = 0x1111111111111111 * n;
	v.s.gpr[RBX] = 0x2222222222222222;
	v.s.gpr[RCX] = 0x1111111111111111;
	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct insn i = insn_of(cases[n].mode, cases[n].hex);
		u64 ea = insn_ea(&i, &v, 0x400000);

		if (ea != cases[n].ea) {
			fprintf(stderr, "\n  %s: %llx", cases[n].hex, (unsigned long long)ea);
			CU_FAIL("address");
		}
	}
}

static void test_format(void)
{
	struct insn i = insn_of(L64, "67418904e5ffffffff");
	char text[64];

	insn_format(&i, 0, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "mov [0x00000000FFFFFFFF], eax");
	CU_ASSERT_STRING_EQUAL(insn_mnemonic(&i), "mov");
	i = insn_of(L64, "f34190");
	insn_format(&i, 0, text, sizeof(text));
	CU_ASSERT_STRING_EQUAL(text, "xchg r8d, eax");
	insn_format(&i, 0, text, 5);
	CU_ASSERT(strlen(text) < 5);
}

CU_TestInfo tests_decode[] = {
	{ "fields", test_texts },
	{ "truncated instructions", test_truncated },
	{ "fifteen bytes", test_too_long },
	{ "what is no instruction", test_errors },
	{ "vendors", test_amd },
	{ "layout", test_layout },
	{ "effective addresses", test_ea },
	{ "text", test_format },
	CU_TEST_INFO_NULL,
};
