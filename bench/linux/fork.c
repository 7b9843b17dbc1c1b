/* SPDX-License-Identifier: MIT */
/* fork, _exit and wait, of a process with 1 MiB of touched memory. */
#include "process.h"

#include <string.h>
#include <unistd.h>

#define STATUS 7

static char memory[1 << 20];

static void setup(void)
{
	memset(memory, 1, sizeof(memory));
}

static void run(uword n)
{
	LOOP(n)
	{
		pid_t pid = fork();

		if (!pid)
			_exit(STATUS);
		sum += wait_child(pid) == STATUS;
	}
}

static void check(uword n)
{
	expect("children that ended as they should", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
