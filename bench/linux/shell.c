/* SPDX-License-Identifier: MIT */
/* A command of a shell's loop: busybox's shell starts busybox. */
#include "process.h"

#include <stdio.h>
#include <unistd.h>

#define STATUS 42
#define SCRIPT \
	"i=0; while [ $i -lt $0 ]; do " BUSYBOX " true || exit 1; i=$((i + 1)); done; exit 42"

static void setup(void)
{
	if (access(BUSYBOX, X_OK))
		skip("no " BUSYBOX);
}

static void run(uword n)
{
	char count[24];

	snprintf(count, sizeof(count), "%lu", n);
	sum = (u64)run_program((char *const[]){ BUSYBOX, "sh", "-c", SCRIPT, count, NULL }, -1, -1);
}

static void check(uword n)
{
	(void)n;
	expect("the shell's status", sum, STATUS);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
