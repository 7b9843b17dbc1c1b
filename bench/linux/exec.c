/* SPDX-License-Identifier: MIT */
/* fork, exec of a static program with C library (this one), its end, and wait. */
#include "process.h"

#include <string.h>
#include <unistd.h>

#define CHILD  "child"
#define STATUS 42

static char self[4096];

/* Before main: the program that is executed does no more than this. */
__attribute__((constructor)) static void be_child(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], CHILD))
		_exit(STATUS);
}

static void setup(void)
{
	need(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0, "cannot find this program");
}

static void run(uword n)
{
	LOOP(n)
	sum += run_program((char *const[]){ self, CHILD, NULL }, -1, -1) == STATUS;
}

static void check(uword n)
{
	expect("programs that ended as they should", sum, n);
}

const struct nano nano = { .name = NANO_NAME, .setup = setup, .run = run, .check = check };
