/* SPDX-License-Identifier: MIT */
/*
 * A variant: one way of running a guest that a benchmark compares with others. On the command line
 * NAME[:WORD]..., where a word is one of the backend's engines, an irqchip, or one of the backend's
 * own options with its value: "kvm", "kvm:kernel", "swbt:step", "swbt:bt-chain=off:bt-block=1".
 */
#ifndef FVB_BENCH_VARIANT_H
#define FVB_BENCH_VARIANT_H

#include "bench/matrix.h"
#include "common/backend.h"
#include "common/error.h"
#include "common/vm.h"

#define VARIANTS_MAX 64

struct variant {
	const struct backend *backend;
	char engine[16]; /* "" when the backend has none */
	enum irqchip irqchip;
	struct backend_values options;
	char twin;	 /* 'A' or 'B' of two that are the same (fvbench selftest), or 0 */
	char label[320]; /* as short as it can be written on the command line */
};

/* What every variant gets that does not say otherwise itself. */
struct variant_defaults {
	enum irqchip irqchip;
	struct backend_words options;
	struct matrix matrix;
	/* Told why one that LIST names cannot run here, which is then left out; NULL: that is an
	 * error. */
	void (*missing)(void *arg, const char *why);
	void *missing_arg;
};

/*
 * Fill OUT from LIST, comma-separated names out of TABLE (NULL-terminated). LIST NULL means every
 * backend of TABLE that this host can run and that takes all the DEFAULTS. Returns how many, at
 * least 1; -EINVAL for a LIST that makes no sense; -ENODEV when one that LIST names (with MISSING:
 * each), or each that TABLE has, cannot run here: ERR says why.
 */
int variants_parse(struct variant out[VARIANTS_MAX], const struct backend *const *table,
		   const char *list, const struct variant_defaults *defaults, struct error *err);

/* The same with LIST NULL, but every engine of every backend. */
int variants_every_engine(struct variant out[VARIANTS_MAX], const struct backend *const *table,
			  const struct variant_defaults *defaults, struct error *err);

const char *irqchip_name(enum irqchip irqchip);

/* "user" or "kernel" to enum irqchip, otherwise -EINVAL. */
int irqchip_by_name(const char *name);

#endif
