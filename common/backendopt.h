/* SPDX-License-Identifier: MIT */
/*
 * Options that belong to one backend: a table in its struct backend, from which both programs make
 * their command lines and their help, and which says what each may be. Nothing outside a backend
 * knows any by name. On the command line --NAME VALUE; behind a backend's name (bench/variant.h)
 * NAME=VALUE.
 */
#ifndef FVB_BACKENDOPT_H
#define FVB_BACKENDOPT_H

#include "common/error.h"
#include "common/types.h"

#include <argp.h>

struct backend;

enum option_kind {
	OPTION_SWITCH, /* on or off: 1 or 0 */
	OPTION_NUMBER, /* decimal, MIN to MAX */
	OPTION_SIZE,   /* bytes, with K, M, G; MIN to MAX */
	OPTION_WORD,   /* one of those in `arg`, which '|' separates: its number, from 0 */
	OPTION_PATH,   /* a file or folder to write to: only where one machine runs (fvm) */
};

struct backend_option {
	const char *name;
	const char *arg;    /* what its argument is, for --help */
	const char *help;   /* one sentence without a full stop */
	const char *engine; /* that it is for, with those that are called like it and a '+' and
			     * more; NULL: all */
	enum option_kind kind;
	u64 value; /* default */
	u64 min, max;
};

#define BACKEND_OPTIONS 24 /* most that a backend may have */

/* Values by number in the backend's table. Zeroed: the defaults. Paths are borrowed. */
struct backend_values {
	u32 given; /* BIT(n) */
	u64 number[BACKEND_OPTIONS];
	const char *path[BACKEND_OPTIONS];
};

/* Option N of B, or its default. */
u64 backendopt_number(const struct backend *b, const struct backend_values *v, unsigned int n);
/* The path given for option N, or NULL. */
const char *backendopt_path(const struct backend_values *v, unsigned int n);

/* What stood on a command line, before it is known for which backend. */
struct backend_words {
	unsigned int nr;
	struct {
		const char *name, *text;
	} word[2 * BACKEND_OPTIONS];
};

/*
 * Set option NAME of B to what TEXT says. -ENOENT: B has no such option; -EINVAL: TEXT makes no
 * sense for it, or ENGINE (one of B's; NULL: the default) has no use for it. V is as it was then.
 */
int backendopt_set(struct backend_values *v, const struct backend *b, const char *engine,
		   const char *name, const char *text, struct error *err);
/* Has B an option NAME, and ENGINE (one of B's; NULL: the default) a use for it? */
bool backendopt_takes(const struct backend *b, const char *engine, const char *name);
/* All of WORDS; -EINVAL for whatever is wrong. */
int backendopt_set_all(struct backend_values *v, const struct backend *b, const char *engine,
		       const struct backend_words *words, struct error *err);

/* Those of V that are not B's defaults, paths aside, as "PREFIXname=value" one behind the other.
 * What does not fit into SIZE is cut. */
void backendopt_text(char *text, size_t size, const struct backend *b,
		     const struct backend_values *v, const char *prefix);

/* A parser of every backend's options, to be another one's child; its input is a struct
 * backend_words. PATHS: with those of OPTION_PATH. The same object at each call. */
const struct argp *backendopt_argp(bool paths);

#endif
