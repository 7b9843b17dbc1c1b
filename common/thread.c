/* SPDX-License-Identifier: MIT */
#include "common/thread.h"
#include "common/types.h"

void signals_of_others(sigset_t *set)
{
	static const int own[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS };

	sigfillset(set);
	for (unsigned int i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(set, own[i]);
}

int thread_start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	sigset_t others, old;
	int r;

	signals_of_others(&others);
	pthread_sigmask(SIG_SETMASK, &others, &old);
	r = -pthread_create(thread, NULL, fn, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}
