/* SPDX-License-Identifier: MIT */
/*
 * A variant: one way of running a guest that a benchmark compares with others. On the command line
 * NAME[:WORD]..., where a word is one of the backend's engines or an irqchip: "kvm", "kvm:kernel".
 */
#ifndef FVB_BENCH_VARIANT_H
#define FVB_BENCH_VARIANT_H

#include "common/backend.h"
#include "common/error.h"
#include "common/vm.h"

#define VARIANTS_MAX 8

struct variant {
	const struct backend *backend;
	char engine[16]; /* "" when the backend has none */
	enum irqchip irqchip;
	char label[48]; /* as short as it can be written on the command line */
};

/*
 * Fill OUT from LIST, comma-separated names out of TABLE (NULL-terminated); those that name no
 * irqchip get IRQCHIP. LIST NULL means every backend of TABLE that this host can run. Returns how
 * many, at least 1; -EINVAL for a LIST that makes no sense; -ENODEV when one that LIST names, or
 * each that TABLE has, cannot run here: ERR says why.
 */
int variants_parse(struct variant out[VARIANTS_MAX], const struct backend *const *table,
		   const char *list, enum irqchip irqchip, struct error *err);

const char *irqchip_name(enum irqchip irqchip);

/* "user" or "kernel" to enum irqchip, otherwise -EINVAL. */
int irqchip_by_name(const char *name);

#endif
