/* SPDX-License-Identifier: MIT */
/*
 * A guest's vector registers may be in the host's while a device answers it: putting them away and
 * back takes longer than most devices do. So the bus, the clock and the devices that say they are
 * quiet (bus.h) are compiled without use of vector registers, and call vectors_take() before
 * anything that was not: libc, callbacks out of the machine.
 */
#ifndef FVB_VECTORS_H
#define FVB_VECTORS_H

/* From now on this thread's registers may hold somebody's state, which PUT puts away; NULL: they do
 * not. */
void vectors_lend(void (*put)(void *arg), void *arg);

/* The caller is about to use vector registers. */
void vectors_take(void);

#endif
