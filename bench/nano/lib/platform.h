/* SPDX-License-Identifier: MIT */
/*
 * What main.c needs of the place that it runs in: machine.c, a bare machine, or host.c, a process
 * that runs the same object file natively.
 */
#ifndef NANO_PLATFORM_H
#define NANO_PLATFORM_H

#include "nano.h"

enum outcome { OK, FAIL, SKIP };

/* Begins here, once the platform has a stack. */
__attribute__((noreturn)) void nano_main(void);

void platform_init(void);
const char *platform_arguments(void);		     /* the command line */
void platform_call_user(void (*fn)(uword), uword n); /* FN(N) at CPL 3 */
void platform_mark(u8 i);			     /* 1: the measured run begins, 2: it is over */
void platform_print(const char *text);
__attribute__((noreturn)) void platform_end(enum outcome outcome); /* status (OUTCOME << 1) | 1 */

#endif
