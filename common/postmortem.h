/* SPDX-License-Identifier: MIT */
/* What a person needs to see of a guest that died or hangs. */
#ifndef FVB_POSTMORTEM_H
#define FVB_POSTMORTEM_H

#include <stdio.h>

struct vm;

/* The guest's registers, the bytes at RIP (as far as they are mapped), its interrupt controllers
 * and timers, and the last traps, as text. What the backend cannot tell any more is said to be
 * missing. */
void postmortem(struct vm *vm, FILE *f);

/* Its part on interrupt controllers and timers. */
void postmortem_interrupts(struct vm *vm, FILE *f);

#endif
