/* SPDX-License-Identifier: MIT */
/*
 * The ptrace transport. A world is traced by this thread: PTRACE_SYSEMU runs it up to the next
 * signal, or to a system call, which the kernel then does not execute. A stop costs two switches of
 * processes and the calls to fetch what happened; the guest's state lies in the kernel meanwhile.
 *
 * System calls of our own (calls()) are made by the stub, run with PTRACE_CONT: what the filter of
 * world.c says of the stub is checked then.
 */
#include "backends/swbt/direct/ptrace_fpu.h"
#include "backends/swbt/direct/world.h"

#include "common/error.h"
#include "common/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#define WAITING 8 /* signals: those that faults raise, and that others may have sent */

struct traced {
	u64 flags; /* RFLAGS of the last stop, which PTRACE_SETREGS does not change wholly */
	struct ptrace_fpu fpu;
};

/* RFLAGS that PTRACE_SETREGS loads. */
#define SETTABLE (RFLAGS_ARITH | RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_AC)

static void note_status(struct world *w, int status)
{
	w->status = status;
	w->dead = WIFEXITED(status) || WIFSIGNALED(status);
}

/* The next stop of W, or its end. 0 or -ESRCH. */
static int wait_for(struct world *w, int *status)
{
	while (waitpid(w->pid, status, __WALL) < 0)
		if (errno != EINTR)
			return -ESRCH;
	note_status(w, *status);
	return w->dead ? -ESRCH : 0;
}

/* -ESRCH: it was killed from outside, perhaps while it was stopped. Returns RET. */
static int reap(struct world *w, int ret)
{
	int status;

	if (ret == -ESRCH && !w->dead)
		wait_for(w, &status);
	return ret;
}

/* ---- registers ------------------------------------------------------------------------------- */

/* Where enum gpr is in struct user_regs_struct. */
static unsigned long long *host_gpr(struct user_regs_struct *u, unsigned int n)
{
	static const size_t at[NR_GPR] = {
#define AT(reg) offsetof(struct user_regs_struct, reg)
		AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
		AT(r8),	 AT(r9),  AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
#undef AT
	};

	return (unsigned long long *)(void *)((u8 *)u + at[n]);
}

static int load(struct world *w, const struct world_regs *r)
{
	struct traced *t = w->priv;
	struct user_regs_struct u = {
		/* No system call is to be started again. */
		.orig_rax = ~0ull,
		.rip = r->rip,
		.eflags = (r->rflags & SETTABLE) | (t->flags & ~(u64)SETTABLE),
		.fs_base = r->fs_base,
		.gs_base = r->gs_base,
		.cs = r->cs,
		.ss = r->ss,
		.ds = r->ds,
		.es = r->es,
		.fs = r->fs,
		.gs = r->gs,
	};

	for (unsigned int n = 0; n < NR_GPR; n++)
		*host_gpr(&u, n) = r->gpr[n];
	if (ptrace(PTRACE_SETREGS, w->pid, 0, &u))
		return -errno;
	t->flags = u.eflags;
	return 0;
}

static int store(struct world *w, struct world_regs *r, bool syscall)
{
	struct traced *t = w->priv;
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, w->pid, 0, &u))
		return -errno;
	t->flags = u.eflags;
	/* The kernel has put -ENOSYS there. */
	if (syscall)
		u.rax = u.orig_rax;
	for (unsigned int n = 0; n < NR_GPR; n++)
		r->gpr[n] = *host_gpr(&u, n);
	r->rip = u.rip;
	r->rflags = u.eflags;
	r->fs_base = u.fs_base;
	r->gs_base = u.gs_base;
	r->cs = (u16)u.cs;
	r->ss = (u16)u.ss;
	r->ds = (u16)u.ds;
	r->es = (u16)u.es;
	r->fs = (u16)u.fs;
	r->gs = (u16)u.gs;
	return 0;
}

/* ---- running --------------------------------------------------------------------------------- */

static u8 vector_of(const siginfo_t *info)
{
	switch (info->si_signo) {
	case SIGSEGV:
		return info->si_code == SI_KERNEL ? GP : PF;
	case SIGBUS:
		return AC;
	case SIGFPE:
		return DE;
	case SIGILL:
		return UD;
	case SIGTRAP:
		return info->si_code == SI_KERNEL ? BP : DB;
	default:
		return GP;
	}
}

/* The kernel has emulated a call into the vsyscall page up to where the filter forbade it: it has
 * already returned. Take that back: it was a jump to a page that the guest does not have. */
static void undo_vsyscall(struct world_regs *r, const siginfo_t *info)
{
	u64 from = (u64)(uintptr_t)info->si_call_addr;

	if (r->rip == from)
		return;
	r->rip = from;
	r->gpr[RSP] -= 8;
}

/* Has an instruction faulted that W has not stopped for yet? What PTRACE_INTERRUPT asks for comes
 * first, and with other registers the signal would be about another instruction. */
static bool fault_waits(const struct world *w)
{
	struct __ptrace_peeksiginfo_args args = { .nr = WAITING };
	siginfo_t info[WAITING];
	long nr = ptrace(PTRACE_PEEKSIGINFO, w->pid, &args, info);

	for (long n = 0; n < nr; n++)
		if (info[n].si_code > 0)
			return true;
	return false;
}

/* A stop with STATUS: is it one of the guest's, and which? False: go on. */
static int classify(struct world *w, int status, struct world_regs *r, struct world_stop *stop,
		    bool *mine)
{
	siginfo_t info;
	int ret;

	*mine = true;
	if (status >> 16 == PTRACE_EVENT_STOP) {
		*mine = !fault_waits(w);
		if (!*mine)
			return 0;
		stop->kind = WORLD_KICKED;
		return store(w, r, false);
	}
	if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
		stop->kind = WORLD_SYSCALL;
		return store(w, r, true);
	}
	if (ptrace(PTRACE_GETSIGINFO, w->pid, 0, &info))
		return -errno;
	/* Sent by somebody, who cannot mean the guest. */
	if (info.si_code <= 0) {
		*mine = false;
		return 0;
	}
	stop->kind = WORLD_FAULT;
	stop->vector = vector_of(&info);
	stop->address = stop->vector == PF ? (u64)(uintptr_t)info.si_addr : 0;
	ret = store(w, r, false);
	if (info.si_signo == SIGSYS)
		undo_vsyscall(r, &info);
	return ret;
}

static int run(struct world *w, struct world_regs *r, u64 *loaded, struct world_stop *stop)
{
	struct traced *t = w->priv;
	bool mine;
	int status, ret = load(w, r);

	*stop = (struct world_stop){ .kind = WORLD_DEAD };
	*loaded = t->flags;
	do {
		if (ret || ptrace(PTRACE_SYSEMU, w->pid, 0, 0)) {
			ret = ret ? ret : -errno;
			break;
		}
		ret = wait_for(w, &status);
		if (!ret)
			ret = classify(w, status, r, stop, &mine);
	} while (!ret && !mine);
	ret = reap(w, ret);
	if (ret != -ESRCH)
		return ret;
	stop->kind = WORLD_DEAD;
	return 0;
}

/* In a signal handler. If W is stopped, the stop that this asks for comes when it goes on. */
static void kick(struct world *w)
{
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(__NR_ptrace), "D"(PTRACE_INTERRUPT), "S"((long)w->pid), "d"(0L)
			 : "rcx", "r11", "r10", "memory");
}

/* ---- system calls of the stub ---------------------------------------------------------------- */

/* Is a stop with STATUS that of world_stub_called? Then its RAX; 0: go on; negative errno. */
static int stub_stopped(struct world *w, int status, u64 *rax)
{
	struct user_regs_struct u;
	siginfo_t info;

	/* A kick is seen by whoever looks at vm->attention before the next entry. */
	if (status >> 16 == PTRACE_EVENT_STOP)
		return 0;
	if (ptrace(PTRACE_GETSIGINFO, w->pid, 0, &info) || ptrace(PTRACE_GETREGS, w->pid, 0, &u))
		return -errno;
	if (info.si_code <= 0)
		return 0;
	*rax = u.rax;
	return u.rip == world_stub_at(world_stub_called) ? 1 : -EIO;
}

static int run_stub(struct world *w, u64 *rax)
{
	int status, r = 0;

	while (!r) {
		if (ptrace(PTRACE_CONT, w->pid, 0, 0))
			return -errno;
		r = wait_for(w, &status);
		if (!r)
			r = stub_stopped(w, status, rax);
	}
	return r < 0 ? r : 0;
}

static int calls(struct world *w, const struct world_call *c, unsigned int nr)
{
	struct world_regs r = { .rip = world_stub_at(world_stub_calls),
				.cs = HOST_CS64,
				.ss = HOST_SS };
	u64 rax = 0;
	int ret;

	memcpy(w->data, c, nr * sizeof(*c));
	r.gpr[RBX] = WORLD_DATA;
	r.gpr[R12] = nr;
	ret = load(w, &r);
	if (!ret)
		ret = run_stub(w, &rax);
	if (ret)
		return reap(w, ret);
	return rax > -4096ull ? (int)rax : 0;
}

/* ---- birth and death ------------------------------------------------------------------------- */

static int forbidden(int code, struct error *err)
{
	return fail(err, code,
		    "this host does not let a process trace its own child (ptrace: %s), which "
		    "engines trap and trap+patch need; relax the container's seccomp profile or "
		    "kernel.yama.ptrace_scope, or use --engine bt",
		    strerror(-code));
}

/* Calls are for the world to read. */
static int confine(struct world *w)
{
	return (int)world_syscall(__NR_mprotect, WORLD_DATA, w->data_size, PROT_READ, 0, 0);
}

/* Up to world_stub_ready. */
static int confined(struct world *w, struct error *err)
{
	struct traced *t = w->priv;
	struct user_regs_struct u;
	int status, r = wait_for(w, &status);

	if (!r && ptrace(PTRACE_GETREGS, w->pid, 0, &u))
		r = -errno;
	if (!r && (WSTOPSIG(status) != SIGTRAP || u.rip != world_stub_at(world_stub_ready)))
		r = -EIO;
	if (!r) {
		t->flags = u.eflags;
		return 0;
	}
	if (w->dead && WIFEXITED(w->status) && WEXITSTATUS(w->status) < 120)
		return fail(err, r, "cannot confine the guest's process: %s",
			    strerror(WEXITSTATUS(w->status)));
	return fail(err, r, "cannot confine the guest's process (status %#x)", w->status);
}

static int get_fpu(struct world *w, void *xsave, size_t size)
{
	struct traced *t = w->priv;

	return ptrace_fpu_get(&t->fpu, w->pid, xsave, size);
}

static int set_fpu(struct world *w, const void *xsave, size_t size, u64 fpu_mask)
{
	struct traced *t = w->priv;

	return ptrace_fpu_set(&t->fpu, w->pid, xsave, size, fpu_mask);
}

static int start(struct world *w, struct error *err)
{
	int r;

	w->data_size = 4096;
	w->priv = calloc(1, sizeof(struct traced));
	if (!w->priv)
		return fail(err, -ENOMEM, "out of memory for a guest's process");
	r = world_fork(w, err);
	if (r)
		return r;
	if (ptrace(PTRACE_SEIZE, w->pid, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD))
		return forbidden(-errno, err);
	r = world_release(w);
	if (r)
		return fail(err, r, "the guest's process ended before it was ready");
	r = confined(w, err);
	if (r)
		return r;
	r = ptrace_fpu_init(&((struct traced *)w->priv)->fpu, w->pid);
	return r ? fail(err, r, "cannot read the vector registers of the guest's process: %s",
			strerror(-r))
		 : 0;
}

static void finish(struct world *w)
{
	struct traced *t = w->priv;

	world_end(w);
	if (t)
		ptrace_fpu_fini(&t->fpu);
	free(t);
	w->priv = NULL;
}

static unsigned int rules(const struct world *w, struct sandbox_rule *rule, unsigned int max)
{
	const struct sandbox_rule mine[] = {
		{ __NR_ptrace, 1, UINT32_MAX, (u32)w->pid },
		{ __NR_wait4, 0, UINT32_MAX, (u32)w->pid },
		{ __NR_kill, 0, UINT32_MAX, (u32)w->pid },
	};
	unsigned int n = 0;

	for (; n < ARRAY_SIZE(mine) && n < max; n++)
		rule[n] = mine[n];
	return n;
}

const struct transport ptrace_transport = {
	.name = "ptrace",
	.confine = confine,
	.rules = rules,
	.start = start,
	.end = finish,
	.run = run,
	.kick = kick,
	.calls = calls,
	.calls_at = WORLD_DATA,
	.get_fpu = get_fpu,
	.set_fpu = set_fpu,
};
