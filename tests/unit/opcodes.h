/* SPDX-License-Identifier: MIT */
/* The opcode space, for tests that look at every instruction there is. */
#ifndef FVB_UNIT_OPCODES_H
#define FVB_UNIT_OPCODES_H

#include "common/types.h"

/*
 * Call VISIT with 15 bytes for each of: every legacy opcode of the four maps with the prefixes that
 * select and with every ModRM register field, as register and as memory; every VEX, XOP, EVEX and
 * MVEX opcode of every map with every pp, W, and vector length; every 3DNow! suffix.
 */
void opcodes_walk(void (*visit)(const u8 bytes[15]));

#endif
