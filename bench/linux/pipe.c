/* SPDX-License-Identifier: MIT */
/* A byte to another process on the same processor through a pipe, and back through another. */
#include "process.h"

#include <unistd.h>

static int to_child[2], to_parent[2];

/* Adds 1, until we are gone. */
static void serve(void)
{
	u8 byte;

	close(to_child[1]);
	while (read(to_child[0], &byte, 1) == 1) {
		byte++;
		if (write(to_parent[1], &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static void setup(void)
{
	pid_t pid;

	stay_here();
	need(!pipe(to_child) && !pipe(to_parent), "cannot make pipes");
	pid = fork();
	need(pid >= 0, "cannot fork");
	if (!pid)
		serve();
	close(to_parent[1]);
}

static void run(uword n)
{
	LOOP(n)
	{
		u8 byte = (u8)n, back = 0;

		if (write(to_child[1], &byte, 1) == 1 && read(to_parent[0], &back, 1) == 1)
			sum += back == (u8)(byte + 1);
	}
}

static void check(uword n)
{
	expect("answers", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
