/* SPDX-License-Identifier: MIT */
/* What this host is and offers, one fact at a time: for `fvbench probe` and for run.json. */
#ifndef FVB_BENCH_FACTS_H
#define FVB_BENCH_FACTS_H

#include "common/types.h"

enum fact_level {
	FACT_FINE,    /* nothing to do about it */
	FACT_MISSING, /* the advice helps */
	FACT_UNKNOWN, /* the host does not say */
};

struct fact {
	const char *key;   /* in run.json: stable */
	const char *title; /* for a person */
	/* Put one line into TEXT (FACT_TEXT bytes), "" where there is nothing to say. No side
	 * effects that outlast the call. */
	enum fact_level (*get)(char *text);
	const char *advice; /* one line on how to get what is missing, or NULL */
};

#define FACT_TEXT 400

extern const struct fact host_facts[]; /* the machine and its kernel; ended by a NULL key */
extern const struct fact virt_facts[]; /* what it offers to run and measure guests with */

/* First line of the file PATH without its end into TEXT (SIZE bytes); false if unreadable or
 * empty, with TEXT "". */
bool fact_line(const char *path, char *text, size_t size);

/* Run FN in a process of its own, which may die of it. FN's value (0-255), or -signal. */
int fact_in_child(int (*fn)(void));

#endif
