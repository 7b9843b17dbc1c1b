/* SPDX-License-Identifier: MIT */
/* The forkwait program of Adams & Agesen (ASPLOS 2006): a process that has children, one after the
 * other, that do nothing but return from main. */
#include "process.h"

#include <stdlib.h>
#include <unistd.h>

static void run(uword n)
{
	LOOP(n)
	{
		pid_t pid = fork();

		if (!pid)
			exit(0);
		sum += wait_child(pid) == 0;
	}
}

static void check(uword n)
{
	expect("children that ended as they should", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
