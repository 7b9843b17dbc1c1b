/* SPDX-License-Identifier: MIT */
/* System call: getppid(), which does next to nothing. */
#include "process.h"

#include <sys/syscall.h>
#include <unistd.h>

static void run(uword n)
{
	LOOP(n)
	sum += (u64)syscall(SYS_getppid);
}

static void check(uword n)
{
	expect("sum of process numbers", sum, n * (u64)getppid());
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
