/* SPDX-License-Identifier: MIT */
#include "backends/swbt/hostfault.h"
#include "backends/swbt/vcpu.h"
#include "common/console.h"
#include "common/hostflags.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

/* A signal frame with AVX-512 state takes 4 KiB, with AMX 12 KiB. */
#define STACK_SIZE (64 * KiB)
#ifndef SS_AUTODISARM /* linux/signal.h */
#define SS_AUTODISARM BIT(31)
#endif

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
static struct sigaction previous[ARRAY_SIZE(signals)];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int install_error;
_Thread_local struct hostfault_guard *hostfault_current;
_Thread_local u64 hostfault_unaligned;

/* Nothing of ours: back to the disposition from before, under which the instruction faults again.
 * One that was SENT, by kill or the like, would not come again by itself. */
static void pass_on(int signo, bool sent)
{
	const struct sigaction *old = previous;

	for (size_t n = 0; n < ARRAY_SIZE(signals); n++)
		if (signals[n] == signo)
			old = &previous[n];
	if (sent && old->sa_handler == SIG_IGN)
		return;
	/* We are going to die: a fault cannot be ignored. */
	if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN)
		console_restore();
	sigaction(signo, old, NULL);
	if (sent)
		raise(signo);
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct hostfault_guard *g;
	u64 rip = (u64)regs[REG_RIP];

	host_flags_clean();
	g = hostfault_current;
	if (g && g->handle && info->si_code > 0 && g->handle(g, context))
		return;
	/* Only translated code wants to hear of alignment (fpu.h). */
	if (info->si_code > 0 && regs[REG_TRAPNO] == AC && regs[REG_EFL] & (greg_t)RFLAGS_AC) {
		regs[REG_EFL] &= ~(greg_t)RFLAGS_AC;
		hostfault_unaligned++;
		return;
	}
	if (info->si_code <= 0 || !g || rip - (uintptr_t)g->code >= g->len ||
	    (regs[REG_TRAPNO] == PF && !g->catch_page_faults)) {
		pass_on(signo, info->si_code <= 0);
		return;
	}
	g->trap = (int)regs[REG_TRAPNO];
	g->error = (u64)regs[REG_ERR];
	g->addr = (u64)regs[REG_CR2];
	regs[REG_RIP] = (greg_t)(uintptr_t)g->exit;
	regs[REG_EFL] &= ~(greg_t)(RFLAGS_DF | RFLAGS_AC | RFLAGS_TF);
}

static void install(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigemptyset(&sa.sa_mask);
	for (size_t n = 0; n < ARRAY_SIZE(signals) && !install_error; n++)
		if (sigaction(signals[n], &sa, &previous[n]))
			install_error = -errno;
}

int hostfault_init(void **stack)
{
	stack_t ss;

	*stack = NULL;
	pthread_once(&once, install);
	if (install_error)
		return install_error;
	if (sigaltstack(NULL, &ss))
		return -errno;
	if (!(ss.ss_flags & SS_DISABLE) && ss.ss_size >= STACK_SIZE)
		return 0;
	/* Disarmed while in use: a guest's RSP that happens to point there must not look like use.
	 */
	ss = (stack_t){ .ss_size = STACK_SIZE, .ss_flags = (int)SS_AUTODISARM };
	ss.ss_sp =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ss.ss_sp == MAP_FAILED)
		return -errno;
	if (sigaltstack(&ss, NULL)) {
		int r = -errno;

		munmap(ss.ss_sp, STACK_SIZE);
		return r;
	}
	*stack = ss.ss_sp;
	return 0;
}

void hostfault_fini(void *stack)
{
	stack_t off = { .ss_flags = SS_DISABLE };

	hostfault_current = NULL;
	if (!stack)
		return;
	sigaltstack(&off, NULL);
	munmap(stack, STACK_SIZE);
}
