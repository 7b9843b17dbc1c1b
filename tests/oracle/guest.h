/* SPDX-License-Identifier: MIT */
/* The same case in a guest of swbt: 64-bit mode, CPL 3, paging on. */
#ifndef FVB_ORACLE_GUEST_H
#define FVB_ORACLE_GUEST_H

#include "tests/oracle/case.h"

struct guest;

/* Exits on failure. */
struct guest *guest_new(const struct world *w, bool translate);
void guest_free(struct guest *g);

void guest_run(struct guest *g, const struct test_case *c, struct outcome *out);

#endif
