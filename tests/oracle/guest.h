/* SPDX-License-Identifier: MIT */
/* The same case in a guest of swbt: 64-bit mode, CPL 3, paging on. */
#ifndef FVB_ORACLE_GUEST_H
#define FVB_ORACLE_GUEST_H

#include "tests/oracle/case.h"

struct guest;

/* Exits on failure. */
/* How: the step engine; translated one by one; in blocks, with all that the translator can do. */
enum guest_kind { GUEST_STEP, GUEST_SINGLE, GUEST_BLOCKS, NR_GUESTS };
extern const char *const guest_names[NR_GUESTS];
struct guest *guest_new(const struct world *w, enum guest_kind kind);
void guest_free(struct guest *g);

void guest_run(struct guest *g, const struct test_case *c, struct outcome *out);

#endif
