/* SPDX-License-Identifier: MIT */
#include "common/sandbox.h"

#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const names[] = {
#include "syscalls.def"
};

/* ---- the end of a process that tried something else; nothing here may need libc's locks ---------
 */

static char *put_text(char *p, const char *text)
{
	while (*text)
		*p++ = *text++;
	return p;
}

static char *put_number(char *p, unsigned int n)
{
	if (n > 9)
		p = put_number(p, n / 10);
	*p++ = (char)('0' + n % 10);
	return p;
}

static void on_forbidden(int signo, siginfo_t *info, void *context)
{
	unsigned int nr = (unsigned int)info->si_syscall;
	char line[160], *p = line;
	ssize_t written;

	(void)signo, (void)context;
	/* si_code below zero: sent by a process, which a handler must survive. */
	if (info->si_code <= 0)
		return;
	p = put_text(p, "fvm: sandbox: ");
	if (info->si_arch != AUDIT_ARCH_X86_64)
		p = put_text(p, "32-bit ");
	p = put_text(p, "system call ");
	p = put_number(p, nr);
	if (info->si_arch == AUDIT_ARCH_X86_64 && nr < ARRAY_SIZE(names) && names[nr]) {
		p = put_text(p, " (");
		p = put_text(p, names[nr]);
		p = put_text(p, ")");
	}
	p = put_text(p, " is not allowed\n");
	written = write(STDERR_FILENO, line, (size_t)(p - line));
	(void)written; /* the status says it, too */
	/* Not _exit(): what libraries and sanitizers do there may be forbidden, too. */
	syscall(__NR_exit_group, SANDBOX_STATUS);
	__builtin_unreachable();
}

static int catch_forbidden(void)
{
	struct sigaction sa = { .sa_sigaction = on_forbidden, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigset_t only;

	sigfillset(&sa.sa_mask);
	sigemptyset(&only);
	sigaddset(&only, SIGSYS);
	if (sigaction(SIGSYS, &sa, NULL) || sigprocmask(SIG_UNBLOCK, &only, NULL))
		return -errno;
	return 0;
}

/* ---- the filter ---------------------------------------------------------------------------------
 */

/* libseccomp's way: the first error stays. */
static int allow(scmp_filter_ctx ctx, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp cmp =
		SCMP_CMP64(rule->arg, SCMP_CMP_MASKED_EQ, rule->mask, rule->value);

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rule->syscall, rule->mask ? 1 : 0, &cmp);
}

static int add_common(scmp_filter_ctx ctx)
{
#define ALLOW_IF(name, arg, mask, value, why) { __NR_##name, arg, mask, value },
#define ALLOW(name, why)		      ALLOW_IF(name, 0, 0, 0, why)
	const struct sandbox_rule rules[] = {
#include "common/sandbox.def"
	};
	u8 priority = 250;
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(rules); i++) {
		r = seccomp_syscall_priority(ctx, rules[i].syscall, priority--);
		if (!r)
			r = allow(ctx, &rules[i]);
	}
	return r;
}

static int set_up(scmp_filter_ctx ctx, const struct sandbox_rule *extra)
{
	static const struct {
		enum scmp_filter_attr attr;
		uint32_t value;
	} attrs[] = {
		/* System calls of other ABIs (int 0x80, x32), too, are to be told of. */
		{ SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP },
		/* The console's thread runs by now. */
		{ SCMP_FLTATR_CTL_TSYNC, 1 },
		/* Kernels before 5.16 would slow the process and its guest down to protect it
		 * against its own code. */
		{ SCMP_FLTATR_CTL_SSB, 1 },
		{ SCMP_FLTATR_API_SYSRAWRC, 1 },
	};
	int r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(attrs); i++)
		r = seccomp_attr_set(ctx, attrs[i].attr, attrs[i].value);
	/* A backend's own come first: what runs the vCPU is called most often. */
	for (; !r && extra && extra->syscall >= 0; extra++) {
		r = seccomp_syscall_priority(ctx, extra->syscall, 255);
		if (!r)
			r = allow(ctx, extra);
	}
	return r ? r : add_common(ctx);
}

int sandbox_enter(const struct sandbox_rule *extra, struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int r = ctx ? 0 : -ENOMEM;

	if (!r)
		r = set_up(ctx, extra);
	if (!r)
		r = catch_forbidden();
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r)
		return fail(err, r,
			    "cannot confine this process (seccomp): %s; --no-sandbox goes without",
			    strerror(-r));
	return 0;
}
