/* SPDX-License-Identifier: MIT */
/* A signal to oneself, its handler, and the return from it. */
#include "process.h"

#include <signal.h>
#include <unistd.h>

static void on_signal(int signo)
{
	(void)signo;
	events++;
}

static void setup(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	need(!sigaction(SIGUSR1, &action, NULL), "cannot handle SIGUSR1");
}

static void run(uword n)
{
	pid_t self = getpid();

	LOOP(n)
	sum += !kill(self, SIGUSR1);
}

static void check(uword n)
{
	expect("signals sent", sum, n);
	expect("signals handled", events, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
