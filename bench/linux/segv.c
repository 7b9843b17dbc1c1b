/* SPDX-License-Identifier: MIT */
/* What garbage collectors and virtual machines do: a page is protected, an access to it raises
 * SIGSEGV, and the handler makes it accessible. */
#include "process.h"

#include <signal.h>
#include <sys/mman.h>

static volatile u32 *page;

static void on_fault(int signo, siginfo_t *info, void *context)
{
	(void)signo, (void)context;
	if (info->si_addr != (void *)page || mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE))
		fail("SIGSEGV for another reason");
	events++;
}

static void setup(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(page != MAP_FAILED, "cannot map a page");
	need(!sigaction(SIGSEGV, &action, NULL), "cannot handle SIGSEGV");
}

static void prepare(uword n)
{
	(void)n;
	*page = 0;
}

static void run(uword n)
{
	LOOP(n)
	{
		mprotect((void *)page, PAGE, PROT_NONE);
		++*page;
	}
}

static void check(uword n)
{
	expect("signals", events, n);
	expect("writes", *page, (u32)n);
}

const struct nano nano = {
	.name = NANO_NAME, .setup = setup, .prepare = prepare, .run = run, .check = check
};
