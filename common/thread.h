/* SPDX-License-Identifier: MIT */
/* Threads beside the vCPU's, for which all signals are but those of a thread's own faults. */
#ifndef FVB_THREAD_H
#define FVB_THREAD_H

#include <pthread.h>
#include <signal.h>

/* All signals but those that the host raises for what a thread does itself: blocked, they end the
 * process without a handler, and nobody restores the terminal. */
void signals_of_others(sigset_t *set);

/* As pthread_create, with those blocked. 0 or a negative errno. */
int thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg);

#endif
