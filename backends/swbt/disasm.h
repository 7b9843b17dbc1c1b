/* SPDX-License-Identifier: MIT */
/*
 * Zydis as decode.c wants it: what version 4.0.0 gets wrong is mended here, and what AMD's
 * processors decode otherwise is added. Found by running the whole 64-bit opcode space on a Zen 5
 * and comparing lengths and #UD.
 */
#ifndef FVB_SWBT_DISASM_H
#define FVB_SWBT_DISASM_H

#include "backends/swbt/decode.h"

#include <Zydis/Zydis.h>

/* As decode_as; fills Z and OPS (ZYDIS_MAX_OPERAND_COUNT of them). */
int disasm(const u8 *bytes, size_t n, enum cpu_mode mode, bool amd, ZydisDecodedInstruction *z,
	   ZydisDecodedOperand *ops);

/* How many instructions of 64-bit code CODE[0..N) is. A byte that is none counts as one. */
u32 disasm_count(const u8 *code, size_t n);

/* Those of RFLAGS_ARITH that Z may leave as they were or uses; and those that it may change. What
 * the manuals call undefined is both: some processors leave it alone. */
u32 disasm_flags_read(const ZydisDecodedInstruction *z);
u32 disasm_flags_written(const ZydisDecodedInstruction *z);

#endif
