/* SPDX-License-Identifier: MIT */
/* sched_yield by each of two processes on one processor: two context switches. */
#include "process.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

static u64 switches_before;

static u64 switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (u64)(usage.ru_nvcsw + usage.ru_nivcsw);
}

/* With real-time priority they take turns strictly; else whoever has had less time than the other
 * yields to nobody, and on a busy host one of them always has. */
static void setup(void)
{
	const struct sched_param lowest = { .sched_priority = 1 };

	stay_here();
	if (sched_setscheduler(0, SCHED_FIFO, &lowest))
		skip("no right to real-time priority");
}

static void prepare(uword n)
{
	(void)n;
	switches_before = switches();
}

static u64 yield(uword n)
{
	u64 done = 0;

	LOOP(n)
	done += !sched_yield();
	return done;
}

static void run(uword n)
{
	pid_t pid = fork();

	if (!pid)
		_exit(yield(n) != n);
	sum = yield(n);
	need(!wait_child(pid), "the other process failed");
}

static void check(uword n)
{
	expect("yields", sum, n);
	need(switches() - switches_before >= n - n / 100, "yielding did not switch");
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
