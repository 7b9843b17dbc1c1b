/* SPDX-License-Identifier: MIT */
/* Sensitive instructions as pieces of code that can be run: snippets.def, and what sensitive.def
 * says of each. */
#ifndef FVB_BENCH_SNIPPET_H
#define FVB_BENCH_SNIPPET_H

#include "common/types.h"

enum snippet_mode { SNIPPET_64, SNIPPET_32, SNIPPET_16, SNIPPET_MODES };

/* Columns of sensitive.def. */
enum snippet_trap {
	TRAPS_GP,
	TRAPS_UD,
	TRAPS_IOPL,
	TRAPS_IOMAP,
	TRAPS_BIT,
	TRAPS_SILENT,
	TRAPS_NONE
};

struct snippet {
	const char *id, *mnemonic, *form;
	const char *title;   /* for a person */
	const char *results; /* what EAX, ECX and EDX hold at the end: words */
	unsigned int flags;  /* SNIPPET_* of nano/lib/probe.h */
	bool classic;	     /* one of Robin & Irvine's */
	struct snippet_code {
		const u8 *code;	       /* NULL: does not exist in this mode */
		u16 len, insn, resume; /* bytes; offsets of the instruction and of the last part */
	} code[SNIPPET_MODES];
	/* from sensitive.def */
	enum snippet_trap legacy, lng;
	bool umip;
	const char *note; /* what CPL 3 gets wrong */
};

extern const unsigned int snippet_bits[SNIPPET_MODES]; /* 64, 32, 16 */

/* All snippets, *N in number. */
const struct snippet *snippets(size_t *n);

/* What sensitive.def says of S's trapping at CPL 3 in MODE. */
enum snippet_trap snippet_says(const struct snippet *s, enum snippet_mode mode);

/* Rows of sensitive.def that guests can meet and that have no snippet, into TEXT (SIZE bytes):
 * how many. For the test that there are none. */
unsigned int snippets_missing(char *text, size_t size);

#endif
