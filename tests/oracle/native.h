/* SPDX-License-Identifier: MIT */
/*
 * The host CPU runs the instruction itself, in a child process: the signal handler of one INT3
 * gives the process the case's registers, the instruction runs, and the handler of the next fault
 * (INT3 again, if all went well) takes them.
 */
#ifndef FVB_ORACLE_NATIVE_H
#define FVB_ORACLE_NATIVE_H

#include "tests/oracle/case.h"

/* Map the pages of case.h into this process and catch its faults. Exits on failure. */
void native_init(const struct world *w);

void native_run(const struct test_case *c, struct outcome *out);

#endif
