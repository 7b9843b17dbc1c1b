/* SPDX-License-Identifier: MIT */
/*
 * What commands share that show something by small guests (nano/shows): in which ways they are run,
 * and one run.
 */
#ifndef FVB_BENCH_SHOW_H
#define FVB_BENCH_SHOW_H

#include "bench/run.h"

#include <argp.h>
#include <limits.h>

struct show {
	char dir[PATH_MAX];			/* the guests' */
	struct variant reference[VARIANTS_MAX]; /* the first: the engine that steps */
	struct variant variant[VARIANTS_MAX];
	unsigned int variants;
	const struct backend *alike[VARIANTS_MAX + 2];
	struct sample_runner runner;
	sigset_t mask;
};

/* The options that these commands have alike: --backend, --guests, --csv. */
struct show_options {
	const char *backends, *guests, *csv; /* NULL: not given */
};

/* For argp_child.argp; its input is a struct show_options. */
extern const struct argp show_argp;

/*
 * LIST is as for variants_parse; NULL: all ways that work here but stepping, classical
 * trap-and-emulate first. GUESTS: the guests' folder, or NULL. 0, or negative errno with ERR
 * filled.
 */
int show_init(struct show *show, const char *list, const char *guests, struct error *err);

/* One run of the guest shows/NAME (shows/NAME-32 for BITS 32) with ARGS on VARIANT; to be freed
 * with sample_free. COUNT: with the backend's own counters. 0, or negative errno: the host failed
 * us. */
int show_take(const struct show *show, const struct variant *variant, const char *name,
	      unsigned int bits, u64 iterations, const char *args, bool count, u64 timeout_ns,
	      struct sample *sample, struct error *err);

/* KEY's value in the guest's result line; 0: it has none. */
u64 show_extra(const struct verdict *v, const char *key);

/* VARIANT's name, with its engine although it be the usual one, into TEXT. */
void show_name(const struct variant *v, char *text, size_t size);

#endif
