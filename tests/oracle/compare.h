/* SPDX-License-Identifier: MIT */
#ifndef FVB_ORACLE_COMPARE_H
#define FVB_ORACLE_COMPARE_H

#include "tests/oracle/case.h"

/* What the manuals define of the outcome of C: 0 if A (native) and B agree, else nonzero and TEXT
 * says in what. */
int compare(const struct test_case *c, const struct world *w, const struct outcome *a,
	    const struct outcome *b, char *text, size_t len);

#endif
