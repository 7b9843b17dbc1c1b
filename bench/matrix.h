/* SPDX-License-Identifier: MIT */
/*
 * Ablations: one backend of the command line becomes several variants, the cross product of engines
 * (--engine bt,step) and of an option's values (--matrix bt-chain=on,off, given again for more
 * axes). The first value comes first and the last axis changes fastest. A backend takes of this
 * what it has and is left as it is by the rest; what stands behind its own name goes before.
 */
#ifndef FVB_BENCH_MATRIX_H
#define FVB_BENCH_MATRIX_H

#include "common/error.h"
#include "common/types.h"

#include <stddef.h>

#define MATRIX_AXES 8
#define MATRIX_ITEM 512 /* bytes of one backend's name with all its words */

struct backend;

/* Zeroed: no axis. Texts are borrowed, as they stand on the command line. */
struct matrix {
	const char *engines; /* comma-separated, or NULL */
	const char *axis[MATRIX_AXES];
	unsigned int nr;
};

/* One more axis, "NAME=VALUE,VALUE..."; -EINVAL with ERR filled for what is no such thing. */
int matrix_add(struct matrix *m, const char *text, struct error *err);

/*
 * Combination N of those that ITEM ("swbt:bt-block=1", a name of backend B) comes to, as words that
 * can be parsed like ITEM, into TEXT (MATRIX_ITEM bytes). 1, or 0 when there are no more;
 * -ENAMETOOLONG. Combination 0 is always there. What of M it took is added to *USED: BIT(axis),
 * and BIT(MATRIX_AXES + i) for the engine of number I.
 */
int matrix_item(const struct matrix *m, const struct backend *b, const char *item, unsigned int n,
		char *text, u32 *used);

/* -EINVAL with ERR naming what of M is not in USED, and so had no effect; otherwise 0. */
int matrix_check(const struct matrix *m, u32 used, struct error *err);

#endif
