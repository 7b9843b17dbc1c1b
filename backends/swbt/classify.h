/* SPDX-License-Identifier: MIT */
/* sensitive.def and insns.def as the decoder asks them. Only decode.c and tests include this. */
#ifndef FVB_SWBT_CLASSIFY_H
#define FVB_SWBT_CLASSIFY_H

#include "backends/swbt/decode.h"

#include <Zydis/Zydis.h>

/* Which form of a mnemonic a row of sensitive.def is about. */
enum insn_form { FORM_ANY, FORM_SEG, FORM_CR, FORM_DR, FORM_FAR };

/* Set class and emulate of I, whose operands are filled in, from Z. */
void classify(struct insn *i, const ZydisDecodedInstruction *z, enum insn_form form);

/* For tests: is MNEMONIC named in sensitive.def (any form); does its ISA set or its own row say
 * what to do with it? */
bool is_sensitive(ZydisMnemonic mnemonic);
bool is_classified(ZydisMnemonic mnemonic, ZydisISASet isa_set);

#endif
