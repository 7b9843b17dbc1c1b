/* SPDX-License-Identifier: MIT */
/*
 * `fvbench sensitive`: what each sensitive instruction does natively at CPL 3, at CPL 0 of a
 * machine, and what each engine makes of it.
 */
#ifndef FVB_BENCH_SENSITIVE_H
#define FVB_BENCH_SENSITIVE_H

#include "bench/native.h"
#include "bench/run.h"

enum outcome {
	OUTCOME_RIGHT,
	OUTCOME_TRAPPED,
	OUTCOME_ABSENT,
	OUTCOME_SILENT,
	OUTCOME_WRONG,
	OUTCOMES
};

/* "right", "trapped and right", "not offered", "wrong silently", "WRONG". */
const char *outcome_name(enum outcome outcome);

/* What a snippet came to in a machine, as its guest says. */
struct seen {
	bool failed, absent; /* the guest did not get to its end; its processor lacks the feature */
	u32 vector, error;   /* vector: PROBE_NONE, or what ended it */
	u64 out[3], cs, flags; /* flags: IF, IOPL, NT, AC */
	u64 traps;	       /* between its marks */
	char reason[160];      /* with FAILED */
};

/* SEEN against the reference REF of S, traps against those that it takes to run nothing at all. */
enum outcome outcome_judge(const struct snippet *s, const struct seen *ref, const struct seen *seen,
			   u64 traps_of_nothing);

/* One instruction in one mode. */
struct sensitive_row {
	const struct snippet *s;
	enum snippet_mode mode;
	struct native here;
	struct seen ref;
	struct seen seen[VARIANTS_MAX];
	enum outcome outcome[VARIANTS_MAX];
};

struct sensitive {
	struct sensitive_row *row;
	unsigned int rows;
	const struct variant *variant;
	unsigned int variants;
	unsigned int cpl; /* that snippets ran at, in machines */
	int hardware; /* index of the variant that is hardware, which then is the reference; or -1
		       */
};

/* What S's results OUT are, in words: "limit=7f base=fffe0000". */
void sensitive_values(const struct snippet *s, const u64 out[3], char *text, size_t size);

/* The table and what its columns mean; MARKDOWN: as a Markdown table. */
void sensitive_print(FILE *f, const struct sensitive *t, bool markdown);

/* One line for each row and place: native, reference, each variant; and the line above them. */
void sensitive_csv_header(FILE *f);
void sensitive_csv(FILE *f, const struct sensitive *t);

/* Is ROW under VARIANT wrong where it should not be: anywhere, or for the engine that traps and
 * does nothing else, where sensitive.def says that the instruction traps? */
bool sensitive_unexpected(const struct sensitive *t, const struct sensitive_row *row,
			  unsigned int variant);

#endif
