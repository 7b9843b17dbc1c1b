/* SPDX-License-Identifier: MIT */
/* Which flags and registers an instruction reads and writes, against the manuals. */
#include "backends/swbt/decode.h"
#include "tests/unit/insntext.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

/* ---- flags ---------------------------------------------------------------------------------- */

static u32 flags(const char *letters)
{
	static const struct {
		char letter;
		u32 bit;
	} list[] = {
		{ 'C', (u32)RFLAGS_CF }, { 'P', (u32)RFLAGS_PF }, { 'A', (u32)RFLAGS_AF },
		{ 'Z', (u32)RFLAGS_ZF }, { 'S', (u32)RFLAGS_SF }, { 'D', (u32)RFLAGS_DF },
		{ 'O', (u32)RFLAGS_OF },
	};
	u32 bits = 0;

	for (; *letters; letters++)
		for (size_t n = 0; n < ARRAY_SIZE(list); n++)
			if (list[n].letter == *letters)
				bits |= list[n].bit;
	return bits;
}

/* SDM vol. 1 appendix A. Read are also the flags that may stay as they were. */
static void test_flags(void)
{
	static const struct {
		const char *hex, *read, *written;
	} cases[] = {
		{ "01c8", "", "CPAZSO" },	   /* ADD */
		{ "11c8", "C", "CPAZSO" },	   /* ADC */
		{ "19c8", "C", "CPAZSO" },	   /* SBB */
		{ "29c8", "", "CPAZSO" },	   /* SUB */
		{ "39c8", "", "CPAZSO" },	   /* CMP */
		{ "21c8", "", "CPAZSO" },	   /* AND */
		{ "31c8", "", "CPAZSO" },	   /* XOR */
		{ "85c8", "", "CPAZSO" },	   /* TEST */
		{ "ffc0", "", "PAZSO" },	   /* INC */
		{ "ffc8", "", "PAZSO" },	   /* DEC */
		{ "f7d8", "", "CPAZSO" },	   /* NEG */
		{ "f7d0", "", "" },		   /* NOT */
		{ "f7e1", "PAZS", "CPAZSO" },	   /* MUL */
		{ "0fafc1", "PAZS", "CPAZSO" },	   /* IMUL */
		{ "f7f1", "CPAZSO", "CPAZSO" },	   /* DIV */
		{ "f7f9", "CPAZSO", "CPAZSO" },	   /* IDIV */
		{ "d3e0", "CPAZSO", "CPAZSO" },	   /* SHL CL */
		{ "c1e803", "CPAZSO", "CPAZSO" },  /* SHR imm */
		{ "d1f8", "CPAZSO", "CPAZSO" },	   /* SAR 1 */
		{ "d3c0", "CO", "CO" },		   /* ROL CL */
		{ "d3d0", "CO", "CO" },		   /* RCL CL */
		{ "0fa5c8", "CPAZSO", "CPAZSO" },  /* SHLD CL */
		{ "0fbcc1", "CPASO", "CPAZSO" },   /* BSF */
		{ "0fbdc1", "CPASO", "CPAZSO" },   /* BSR */
		{ "f30fbcc1", "PASO", "CPAZSO" },  /* TZCNT */
		{ "f30fbdc1", "PASO", "CPAZSO" },  /* LZCNT */
		{ "f30fb8c1", "", "CPAZSO" },	   /* POPCNT */
		{ "0fa3c8", "PASO", "CPASO" },	   /* BT: ZF is not touched */
		{ "0fbae803", "PASO", "CPASO" },   /* BTS */
		{ "f5", "C", "C" },		   /* CMC */
		{ "f8", "", "C" },		   /* CLC */
		{ "f9", "", "C" },		   /* STC */
		{ "fc", "", "D" },		   /* CLD */
		{ "fd", "", "D" },		   /* STD */
		{ "660f38f6c1", "C", "C" },	   /* ADCX */
		{ "f30f38f6c1", "O", "O" },	   /* ADOX */
		{ "0f42c1", "C", "" },		   /* CMOVB */
		{ "0f47c1", "CZ", "" },		   /* CMOVNBE */
		{ "0f4cc1", "SO", "" },		   /* CMOVL */
		{ "0f9fc0", "ZSO", "" },	   /* SETNLE */
		{ "0f9ac0", "P", "" },		   /* SETP */
		{ "7efe", "ZSO", "" },		   /* JLE */
		{ "e1fe", "Z", "" },		   /* LOOPE */
		{ "e2fe", "", "" },		   /* LOOP */
		{ "0fb10a", "", "CPAZSO" },	   /* CMPXCHG */
		{ "0fc70a", "", "Z" },		   /* CMPXCHG8B */
		{ "0fc10a", "", "CPAZSO" },	   /* XADD */
		{ "8703", "", "" },		   /* XCHG */
		{ "9f", "CPAZS", "" },		   /* LAHF */
		{ "9e", "", "CPAZS" },		   /* SAHF */
		{ "a6", "D", "CPAZSO" },	   /* CMPSB */
		{ "f3a6", "CPAZSDO", "CPAZSO" },   /* REPE CMPSB: none if rCX is 0 */
		{ "f2ae", "CPAZSDO", "CPAZSO" },   /* REPNE SCASB */
		{ "a4", "D", "" },		   /* MOVSB */
		{ "f3ab", "D", "" },		   /* REP STOSD */
		{ "0f2ec1", "", "CPAZSO" },	   /* UCOMISS */
		{ "dbf1", "CPAZSO", "CPAZSO" },	   /* FCOMI */
		{ "dac1", "C", "" },		   /* FCMOVB */
		{ "660f3817c1", "", "CPAZSO" },	   /* PTEST */
		{ "c4e27917c1", "", "CPAZSO" },	   /* VPTEST */
		{ "c4e2790ec1", "", "CPAZSO" },	   /* VTESTPS */
		{ "c4e278f2c1", "PA", "CPAZSO" },  /* ANDN */
		{ "c4e278f7c1", "PAS", "CPAZSO" }, /* BEXTR */
		{ "c4e279f7c1", "", "" },	   /* SHLX */
		{ "c4e27bf6c1", "", "" },	   /* MULX */
		{ "c4e37bf0c103", "", "" },	   /* RORX */
		{ "c5f898c1", "", "CPAZSO" },	   /* KORTESTW */
		{ "0fc7f0", "", "CPAZSO" },	   /* RDRAND */
		{ "8d4301", "", "" },		   /* LEA */
		{ "0fc8", "", "" },		   /* BSWAP */
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct insn i = insn_of(L64, cases[n].hex);

		if (i.flags_read != flags(cases[n].read) ||
		    i.flags_written != flags(cases[n].written)) {
			fprintf(stderr, "\n  %s (%s): read %x written %x", cases[n].hex,
				insn_mnemonic(&i), i.flags_read, i.flags_written);
			CU_FAIL("flags");
		}
	}
}

/* ---- registers ------------------------------------------------------------------------------ */

static u32 gprs(const char *names)
{
	static const char *const list[] = {
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
		"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"
	};
	char copy[64], *save, *word;
	u32 mask = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		for (unsigned int n = 0; n < ARRAY_SIZE(list); n++)
			if (!strcmp(word, list[n]))
				mask |= BIT(n);
	return mask;
}

static void test_registers(void)
{
	static const struct {
		enum cpu_mode mode;
		const char *hex, *read, *written, *implicit;
	} cases[] = {
		{ L64, "01c8", "rax rcx", "rax", "" },
		{ L64, "89c8", "rcx", "rax", "" },
		{ L64, "6689c8", "rcx rax", "rax", "" }, /* the rest of RAX stays */
		{ L64, "88e1", "rax rcx", "rcx", "" },	 /* MOV CL, AH */
		{ L64, "8b440b08", "rbx rcx", "rax", "" },
		{ L64, "6741890485785634f2", "rax", "", "" }, /* no R13; RAX twice */
		{ L64, "438b442508", "r13 r12", "rax", "" },
		{ L64, "0f44c1", "rax rcx", "rax", "" }, /* CMOV may not write */
		{ L64, "0fbcc1", "rax rcx", "rax", "" }, /* BSF of zero writes nothing */
		{ L64, "f7e1", "rax rcx", "rax rdx", "rax rdx" },
		{ L64, "f7f1", "rax rcx rdx", "rax rdx", "rax rdx" },
		{ L64, "f6f1", "rax rcx", "rax", "rax" },
		{ L64, "d3e2", "rcx rdx", "rdx", "rcx" },
		{ L64, "99", "rax", "rdx", "rax rdx" },
		{ L64, "4898", "rax", "rax", "rax" },
		{ L64, "0fb10b", "rax rbx rcx", "rax", "rax" },
		{ L64, "0fc70b", "rax rbx rcx rdx", "rax rdx", "rax rbx rcx rdx" },
		{ L64, "4891", "rax rcx", "rax rcx", "rax" },
		{ L64, "f3a4", "rcx rsi rdi", "rcx rsi rdi", "rcx rsi rdi" },
		{ L64, "a4", "rsi rdi", "rsi rdi", "rsi rdi" },
		{ L64, "d7", "rax rbx", "rax", "rax rbx" },
		{ L64, "53", "rbx rsp", "rsp", "rsp" },
		{ L64, "5b", "rsp", "rbx rsp", "rsp" },
		{ L64, "c9", "rbp rsp", "rbp rsp", "rbp rsp" },
		{ L64, "e3fe", "rcx", "", "rcx" },
		{ L64, "e2fe", "rcx", "rcx", "rcx" },
		{ L64, "0fa2", "rax rcx", "rax rbx rcx rdx", "rax rbx rcx rdx" },
		{ L64, "0f31", "", "rax rdx", "rax rdx" },
		{ L64, "ec", "rdx rax", "rax", "rax rdx" },
		{ L64, "4c8d7c0d00", "rcx rbp", "r15", "" },
		{ L64, "c4e27bf6c1", "rcx rdx", "rax", "rdx" }, /* MULX: vvvv = RAX, too */
		{ L64, "660f3a61c101", "rax rdx", "rcx", "rax rcx rdx" }, /* PCMPESTRI */
		{ L64, "dfe0", "rax", "rax", "rax" },			  /* FNSTSW AX */
		{ P32, "60", "rax rcx rdx rbx rsp rbp rsi rdi", "rsp",
		  "rax rcx rdx rbx rsp rbp rsi rdi" },
		{ R16, "8b02", "rax rbp rsi", "rax", "" },
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct insn i = insn_of(cases[n].mode, cases[n].hex);

		if (i.gpr_read != gprs(cases[n].read) || i.gpr_written != gprs(cases[n].written) ||
		    i.gpr_implicit != gprs(cases[n].implicit)) {
			fprintf(stderr, "\n  %s (%s): read %x written %x implicit %x", cases[n].hex,
				insn_mnemonic(&i), i.gpr_read, i.gpr_written, i.gpr_implicit);
			CU_FAIL("registers");
		}
	}
}

CU_TestInfo tests_insnflow[] = {
	{ "flags", test_flags },
	{ "registers", test_registers },
	CU_TEST_INFO_NULL,
};
