/* SPDX-License-Identifier: MIT */
/* What commands that run samples, or name benchmarks, set up alike. */
#ifndef FVB_BENCH_SESSION_H
#define FVB_BENCH_SESSION_H

#include "bench/options.h"
#include "bench/run.h"

#include <limits.h>

struct session {
	struct options o;
	struct bench *suite;
	const struct bench **bench;
	struct variant variant[VARIANTS_MAX];
	const struct backend *alike[VARIANTS_MAX + 1];
	char guests[PATH_MAX], kernel[PATH_MAX];
	char run_id[48];
	struct sample_runner runner;
	struct run run;
	struct record report;
	struct counters counters;
	struct countsum countsum;
	struct trapfiles single;
	bool costs; /* the command is traps: variants side by side */
	char costly[512];
	char missing[1024]; /* a line for each backend that was left out */
};

/* Print what ERR says about COMMAND ("run") on one line; returns STATUS. */
int complain(const char *command, const struct error *err, int status);

/* Only S->bench: the benchmarks that S->o names. 0 or negative errno. */
int session_select(struct session *s, struct error *err);

/*
 * What the user asked for (S->o), checked as a whole before anything is run or written; TABLE has
 * what --backend may name. 0, or negative errno: ERR says why. Needs session_fini either way.
 */
int session_init(struct session *s, const struct backend *const *table, struct error *err);

void session_fini(struct session *s);

#endif
