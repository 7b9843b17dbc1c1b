/* SPDX-License-Identifier: MIT */
/* struct insn as one line of text, for tests to compare. */
#ifndef FVB_UNIT_INSNTEXT_H
#define FVB_UNIT_INSNTEXT_H

#include "backends/swbt/decode.h"

/*
 * "mnemonic oOPSIZE aADDRSIZE [sSTACKSIZE] [lock] [rep] [repne] [FPU] [CLASS]", and for each
 * operand " | ACCESS [FIELD] OPERAND". CLASS: nothing for plain ones, "emu:ROUTINE", "undefined".
 * ACCESS: r, w, rw. FIELD: reg, rm, opc, vvvv, is4. OPERAND: a register; immBITS=VALUE;
 * SEG:[base+index*scale+disp]/SIZE, followed by ! if it must be aligned and & if it is not
 * accessed; vec/SIZE for all other registers. Without a memory operand, " | SEG" is the segment of
 * a hidden one.
 */
void insntext(const struct insn *i, char *buf, size_t len);

/* Short names of modes, for tables. */
#define R16 MODE_REAL
#define V86 MODE_VM86
#define P16 MODE_PROT16
#define P32 MODE_PROT32
#define L64 MODE_LONG64

/* Bytes of HEX, no more than 32; their number. */
size_t insn_bytes(const char *hex, u8 bytes[32]);

/* HEX decoded as Intel's processors do; the test fails if it is no instruction. */
struct insn insn_of(enum cpu_mode mode, const char *hex);

#endif
