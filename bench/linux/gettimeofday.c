/* SPDX-License-Identifier: MIT */
/* gettimeofday, which the kernel lets processes do by themselves where the clock allows it. */
#include "process.h"

#include <sys/time.h>

static void run(uword n)
{
	struct timeval now = { 0 }, before = { 0 };

	gettimeofday(&before, NULL);
	LOOP(n)
	{
		gettimeofday(&now, NULL);
		sum += now.tv_sec < before.tv_sec ||
		       (now.tv_sec == before.tv_sec && now.tv_usec < before.tv_usec);
		before = now;
	}
}

static void check(uword n)
{
	(void)n;
	expect("times before the time before", sum, 0);
}

const struct nano nano = { .name = NANO_NAME, .run = run, .check = check };
