/* SPDX-License-Identifier: MIT */
#include "bench/snippet.h"
#include "bench/nano/lib/probe.h"

#include <stdio.h>
#include <string.h>

#define NEEDS(feature) SNIPPET_NEEDS(feature)

#define STRING_(x) #x
#define STRING(x)  STRING_(x)
#define AT(offset) STRING(offset) "(%ebp)"

#define ALL64(x)  x
#define ALL32(x)  x
#define ALL16(x)  x
#define LONG64(x) x
#define LONG32(x)
#define LONG16(x)
#define LEGACY64(x)
#define LEGACY32(x) x
#define LEGACY16(x) x
#define WIDE64(x)   x
#define WIDE32(x)   x
#define WIDE16(x)
#define NARROW64(x)
#define NARROW32(x)
#define NARROW16(x) x

/* Byte and word registers are as wide as the mode; the last part stores them, puts the stack
 * pointer back and returns: near, or from a 16-bit segment far. */
#define CODE(bits, id, before, insn, after, end)                                         \
	asm(".pushsection .rodata\n\t.code" #bits "\ncode" #bits "_" #id ":\n\t" before  \
	    "\ncode" #bits "_" #id "_insn:\n\t" insn "\n\t" after "\ncode" #bits "_" #id \
	    "_resume:\n\t" end "\ncode" #bits "_" #id "_end:\n\t.code64\n\t.popsection\n");

#define USE_VECTORS "fninit; fld1; movl $-1,%eax; movl %eax,%edx; movd %eax,%xmm0"
#define NEW_AVX_STATE                                                 \
	"movl $4," AT(IO_XSAVE + 512) "; movl $0x1f80," AT(IO_XSAVE + \
							   24) "; movl $-1,%eax; movl %eax,%edx"
#define STRING_IO                                                       \
	"leal " AT(IO_SCRATCH) ",%edi; movl %edi,%esi; movb $0x5a," AT( \
		IO_SCRATCH) "; movl $0x3ff,%edx; cld"

#define STORE_32                                                                            \
	"movl %eax," AT(IO_A) "; movl %ecx," AT(IO_C) "; movl %edx," AT(IO_D) "; movl " AT( \
		IO_SP) ",%esp; "

#define A	       "%rax"
#define C	       "%rcx"
#define D	       "rdx"
#define PUSH(reg)      "pushq %r" #reg
#define POP(reg)       "popq %r" #reg
#define FLAGS	       "pushfq"
#define HERE	       "leaq 1f(%rip),%rax; "
#define POP_GS	       "popq %gs"
#define PUSH_SEG       "pushq %gs"
#define RET_FAR	       "lretq"
#define SYSEXIT	       ".byte 0x48, 0x0f, 0x35"
#define PUSH_SEG_TITLE ""
#define SNIPPET(id, m, form, modes, flags, classic, title, results, before, insn, after) \
	modes##64(CODE(64, id, before, insn, after,                                      \
		       "movq %rax," AT(IO_A) "; movq %rcx," AT(IO_C) "; movq %rdx," AT(  \
			       IO_D) "; movq " AT(IO_SP) ",%rsp; retq"))
#include "bench/snippets.def"
#undef SNIPPET
#undef A
#undef C
#undef D
#undef PUSH
#undef POP
#undef FLAGS
#undef HERE
#undef POP_GS
#undef PUSH_SEG
#undef RET_FAR
#undef SYSEXIT

#define A	  "%eax"
#define C	  "%ecx"
#define D	  "edx"
#define PUSH(reg) "pushl %e" #reg
#define POP(reg)  "popl %e" #reg
#define FLAGS	  "pushfl"
#define HERE	  "calll 8f; 8: popl %eax; addl $(1f-8b),%eax; "
#define POP_GS	  "popl %gs"
#define PUSH_SEG  "pushl %cs"
#define RET_FAR	  "lretl"
#define SYSEXIT	  "sysexit"
#define SNIPPET(id, m, form, modes, flags, classic, title, results, before, insn, after) \
	modes##32(CODE(32, id, before, insn, after, STORE_32 "retl"))
#include "bench/snippets.def"
#undef SNIPPET
#define SNIPPET(id, m, form, modes, flags, classic, title, results, before, insn, after) \
	modes##16(CODE(16, id, before, insn, after, STORE_32 "lretl"))
#include "bench/snippets.def"
#undef SNIPPET

#define DECLARE(bits, id)                                                \
	extern const u8 code##bits##_##id[], code##bits##_##id##_insn[], \
		code##bits##_##id##_resume[], code##bits##_##id##_end[];
#define SNIPPET(id, m, form, modes, flags, classic, title, results, before, insn, after) \
	modes##64(DECLARE(64, id))modes##32(DECLARE(32, id))modes##16(DECLARE(16, id))
#include "bench/snippets.def"
#undef SNIPPET
#undef PUSH_SEG_TITLE

/* sensitive.def, of which these columns are for people to read. */
static const struct row {
	const char *mnemonic, *form;
	enum snippet_trap legacy, lng;
	bool umip, met; /* met: some guest is shown the feature */
	const char *note;
} rows[] = {
#define SENSITIVE(m, form, class, legacy, long, umip, routine, note) \
	{ #m, #form, TRAPS_##legacy, TRAPS_##long, umip, #routine[0] != 'U', note },
#include "backends/swbt/sensitive.def"
#undef SENSITIVE
};

const unsigned int snippet_bits[SNIPPET_MODES] = { 64, 32, 16 };

static const struct row *row_of(const char *mnemonic, const char *form)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].mnemonic, mnemonic) && !strcmp(rows[i].form, form))
			return &rows[i];
	return NULL;
}

static void join(struct snippet *s)
{
	const struct row *r = row_of(s->mnemonic, s->form);

	if (!r)
		return;
	s->legacy = r->legacy;
	s->lng = r->lng;
	s->umip = r->umip;
	s->note = r->note;
}

#define PIECE(bits, id)                                                                     \
	s[n].code[SNIPPET_##bits] =                                                         \
		(struct snippet_code){ code##bits##_##id,                                   \
				       (u16)(code##bits##_##id##_end - code##bits##_##id),  \
				       (u16)(code##bits##_##id##_insn - code##bits##_##id), \
				       (u16)(code##bits##_##id##_resume - code##bits##_##id) };

#define PUSH_SEG_TITLE "PUSH of a segment register"
enum {
#define SNIPPET(id, m, form, modes, flags, classic, title, results, before, insn, after) NR_##id,
#include "bench/snippets.def"
#undef SNIPPET
	NR_SNIPPETS
};

static void fill(struct snippet *s)
{
	size_t n = 0;

#define SNIPPET(id_, m, form_, modes, flags_, classic_, title_, results_, before, insn_, after) \
	s[n] = (struct snippet){ .id = #id_,                                                    \
				 .mnemonic = #m,                                                \
				 .form = #form_,                                                \
				 .title = title_,                                               \
				 .results = results_,                                           \
				 .flags = flags_,                                               \
				 .classic = classic_ };                                         \
	modes##64(PIECE(64, id_))modes##32(PIECE(32, id_))modes##16(PIECE(16, id_))join(&s[n++]);
#include "bench/snippets.def"
#undef SNIPPET
}

const struct snippet *snippets(size_t *n)
{
	static struct snippet table[NR_SNIPPETS];

	if (!table[0].id)
		fill(table);
	*n = NR_SNIPPETS;
	return table;
}

enum snippet_trap snippet_says(const struct snippet *s, enum snippet_mode mode)
{
	return mode == SNIPPET_64 ? s->lng : s->legacy;
}

unsigned int snippets_missing(char *text, size_t size)
{
	size_t n, len = 0;
	const struct snippet *s = snippets(&n);
	unsigned int missing = 0;

	for (size_t r = 0; r < ARRAY_SIZE(rows); r++) {
		size_t i = 0;

		while (i < n && row_of(s[i].mnemonic, s[i].form) != &rows[r])
			i++;
		if (i < n || !rows[r].met)
			continue;
		missing++;
		if (len < size)
			len += (size_t)snprintf(text + len, size - len, " %s", rows[r].mnemonic);
	}
	return missing;
}
