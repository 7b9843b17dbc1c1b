/* SPDX-License-Identifier: MIT */
/*
 * Instructions on R13, R14 and R15, which have no host register: loaded and stored, or used where
 * they lie (bt/translate_plain.c). Every opcode that has ModRM and is done by the host's own, with
 * each pair of registers of both kinds, as 2, 4 and 8 bytes wide.
 */
#include "tests/unit/pair_rig.h"

#include <CUnit/CUnit.h>

static const u8 registers[] = { RAX, RCX, R8, R13, R14, R15 };

struct code {
	u8 bytes[1024];
	size_t n;
};

static void put(struct code *c, u8 byte)
{
	c->bytes[c->n++] = byte;
}

/* OPCODE on REG and RM, and what comes behind ModRM. */
static void put_insn(struct code *c, u32 prefix, bool escaped, u8 opcode, u8 reg, u8 rm, u8 imm)
{
	if (prefix == 0x66)
		put(c, 0x66);
	put(c, (u8)(0x40 | (prefix == 0x48 ? 8 : 0) | (reg & 8) >> 1 | rm >> 3));
	if (escaped)
		put(c, 0x0f);
	put(c, opcode);
	put(c, (u8)(0xc0 | (reg & 7) << 3 | (rm & 7)));
	for (; imm; imm--)
		put(c, (u8)(0x11 * imm + 0x80));
}

/* All pairs, or for a group, where REG is part of the opcode, all of one kind. */
static void run_all(struct pair *p, bool escaped, u8 opcode, int group, u8 imm, bool imm_is_word)
{
	static const u32 prefixes[] = { 0, 0x48, 0x66 };

	for (unsigned int n = 0; n < ARRAY_SIZE(prefixes); n++) {
		u8 len = imm_is_word && prefixes[n] == 0x66 ? 2 : imm;
		struct code c = { .n = 0 };

		for (unsigned int rm = 0; rm < ARRAY_SIZE(registers); rm++)
			for (unsigned int reg = 0; reg < (group < 0 ? ARRAY_SIZE(registers) : 1);
			     reg++)
				put_insn(&c, prefixes[n], escaped, opcode,
					 group < 0 ? registers[reg] : (u8)group, registers[rm],
					 len);
		put(&c, 0xf4);
		pair_state(p);
		p->s.gpr[R14] = 0x8000000080008080;
		p->s.gpr[R15] = 0x123456789abcdef0;
		pair_run(p, c.bytes, c.n);
	}
}

static void test_two_registers(void)
{
	static const u8 opcodes[] = { 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x63 };
	struct pair p;

	pair_up(&p, true);
	for (u8 opcode = 0; opcode < 0x40; opcode++)
		if ((opcode & 7) < 4)
			run_all(&p, false, opcode, -1, 0, false);
	for (unsigned int n = 0; n < ARRAY_SIZE(opcodes); n++)
		run_all(&p, false, opcodes[n], -1, 0, false);
	run_all(&p, false, 0x69, -1, 4, true);
	run_all(&p, false, 0x6b, -1, 1, false);
	pair_down(&p);
}

static void test_escaped(void)
{
	static const u8 opcodes[] = { 0xa3, 0xab, 0xb3, 0xbb, 0xaf, 0xb6, 0xb7, 0xbe,
				      0xbf, 0xb0, 0xb1, 0xc0, 0xc1, 0xbc, 0xbd };
	struct pair p;

	pair_up(&p, true);
	for (u8 opcode = 0x40; opcode < 0x50; opcode++)
		run_all(&p, true, opcode, -1, 0, false);
	for (u8 opcode = 0x90; opcode < 0xa0; opcode++)
		run_all(&p, true, opcode, 0, 0, false);
	for (unsigned int n = 0; n < ARRAY_SIZE(opcodes); n++)
		run_all(&p, true, opcodes[n], -1, 0, false);
	run_all(&p, true, 0xa4, -1, 1, false);
	run_all(&p, true, 0xac, -1, 1, false);
	run_all(&p, true, 0xba, 7, 1, false);
	pair_down(&p);
}

static void test_groups(void)
{
	struct pair p;

	pair_up(&p, true);
	for (int group = 0; group < 8; group++) {
		run_all(&p, false, 0x80, group, 1, false);
		run_all(&p, false, 0x81, group, 4, true);
		run_all(&p, false, 0x83, group, 1, false);
		run_all(&p, false, 0xc0, group, 1, false);
		run_all(&p, false, 0xc1, group, 1, false);
		run_all(&p, false, 0xd1, group, 0, false);
		run_all(&p, false, 0xd3, group, 0, false);
	}
	for (int group = 2; group < 6; group++)
		run_all(&p, false, 0xf7, group, 0, false);
	run_all(&p, false, 0xf7, 0, 4, true);
	run_all(&p, false, 0xc7, 0, 4, true);
	run_all(&p, false, 0xff, 0, 0, false);
	run_all(&p, false, 0xff, 1, 0, false);
	pair_down(&p);
}

CU_TestInfo tests_bt_moved[] = { { "two registers", test_two_registers },
				 { "opcodes behind 0F", test_escaped },
				 { "groups", test_groups },
				 CU_TEST_INFO_NULL };
