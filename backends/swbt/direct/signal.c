/* SPDX-License-Identifier: MIT */
/*
 * Transport `signal`: the world's own handler tells of each fault. The kernel's signal frame, with
 * all registers, the fault's details and the XSAVE image, lies in memory that both processes share,
 * so that the VMM reads and writes it in place (frame.h); the processor is handed over by a word in
 * it (handover.h).
 */
#include "backends/swbt/direct/frame.h"
#include "backends/swbt/direct/handover.h"
#include "backends/swbt/direct/world.h"
#include "common/sandbox.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define HWCAP2_FSGSBASE_ 2
#define SA_RESTORER_	 0x04000000

#define PR_SYSCALL_DISPATCH 59 /* PR_SET_SYSCALL_USER_DISPATCH, Linux 5.11 */
#define DISPATCH_OFF	    0
#define DISPATCH_ON	    1
#define DISPATCH_ALLOW	    0
#define DISPATCH_BLOCK	    1

#define AT(where, type, member) \
	_Static_assert((where) == offsetof(struct type, member), "stub_signal.S has it there")
AT(CONTROL_SELECTOR, stub_control, selector);
AT(CONTROL_ORDER, stub_control, order);
AT(CONTROL_SPIN, stub_control, spin);
AT(CONTROL_CALLS, stub_control, calls);
AT(CONTROL_FRAME, stub_control, frame);
AT(CONTROL_FS_BASE, stub_control, fs_base);
AT(CONTROL_GS_BASE, stub_control, gs_base);
AT(CONTROL_SEGMENTS, stub_control, segments);
AT(CONTROL_DS, stub_control, ds);
AT(CONTROL_GS, stub_control, gs);
AT(SHARED_STOPPED, stub_shared, stopped);
AT(SHARED_WAITS, stub_shared, waits);
AT(SHARED_RESULT, stub_shared, result);
AT(SHARED_SIGNO, stub_shared, signo);
AT(SHARED_FRAME, stub_shared, frame);
AT(SHARED_FS_BASE, stub_shared, fs_base);
AT(SHARED_GS_BASE, stub_shared, gs_base);
AT(SHARED_DS, stub_shared, ds);
AT(SHARED_GS, stub_shared, gs);
AT(SHARED_VMM_WAITS, stub_shared, vmm_waits);
#undef AT

struct signal_world {
	struct handover h;
	struct frame frame;
	u64 mask;	    /* signals that guest code has blocked */
	u16 ds, es, fs, gs; /* as the world has them */
};

/* ---- birth ------------------------------------------------------------------------------------
 */

/* The kernel's struct sigaction, which is not libc's. */
struct kernel_sigaction {
	u64 handler, flags, restorer, mask;
};

static const int caught[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, HANDOVER_KICK };

static int catch_signals(void)
{
	struct kernel_sigaction sa = {
		.handler = world_more_at(&signal_transport, stub_handler),
		.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTORER_,
		.mask = ~0ull,
	};

	for (size_t n = 0; n < ARRAY_SIZE(caught); n++)
		if (world_syscall(SYS_rt_sigaction, (u64)caught[n], (uintptr_t)&sa, 0,
				  sizeof(sa.mask), 0))
			return -EINVAL;
	return 0;
}

/* In the child. AUTODISARM: frames are always put at the stack's top,
 * wherever the guest's stack pointer is. */
static int signal_confine(struct world *w)
{
	stack_t stack = { .ss_sp = (void *)STUB_STACK,
			  .ss_flags = (int)SS_AUTODISARM,
			  .ss_size = STUB_STACK_SIZE };
	u64 first = world_more_at(w->transport, stub_after_wait);
	u64 last = world_more_at(w->transport, stub_after_sigreturn);
	int r = catch_signals();

	if (r || world_syscall(SYS_sigaltstack, (uintptr_t)&stack, 0, 0, 0, 0) ||
	    world_syscall(SYS_mprotect, STUB_CONTROL, STUB_SHARED - STUB_CONTROL, PROT_READ, 0,
			  0) ||
	    world_syscall(SYS_prctl, PR_SYSCALL_DISPATCH, DISPATCH_ON, first, last + 1 - first,
			  STUB_CONTROL))
		return -EINVAL;
	return 0;
}

/* Its first stop: an INT3 of world_stub's. */
static int first_stop(struct world *w, struct signal_world *s, struct error *err)
{
	u8 *stack = (u8 *)w->data + (STUB_STACK - STUB_CONTROL);
	int r = handover_wait(&s->h);

	if (r)
		return world_is_dead(w, err);
	r = frame_learn(&s->frame, stack, STUB_STACK, STUB_STACK_SIZE, s->h.shared->frame);
	if (r)
		return fail(err, r,
			    "this host's signal frames are not what they should be; use "
			    "--direct-transport ptrace");
	s->mask = ~0ull;
	for (size_t n = 0; n < ARRAY_SIZE(caught); n++)
		s->mask &= ~BIT64(caught[n] - 1);
	s->h.control->frame = s->h.shared->frame + 8; /* as behind the handler's RET */
	s->h.control->selector = DISPATCH_BLOCK;
	r = handover_settle(&s->h, true);
	return r ? world_is_dead(w, err) : 0;
}

static int signal_start(struct world *w, struct error *err)
{
	struct signal_world *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fail(err, -ENOMEM, "out of memory for a guest's process");
	w->priv = s;
	w->data_size = STUB_DATA_SIZE;
	r = world_fork(w, err);
	if (r)
		return r;
	s->h.w = w;
	s->h.control = w->data;
	s->h.shared = (void *)((u8 *)w->data + (STUB_SHARED - STUB_CONTROL));
	handover_init(&s->h);
	if (world_release(w))
		return fail(err, -EIO, "the guest's process ended before it began");
	return first_stop(w, s, err);
}

static void signal_end(struct world *w)
{
	world_end(w);
	free(w->priv);
	w->priv = NULL;
}

/* ---- running ----------------------------------------------------------------------------------
 */

static u64 put_regs(struct signal_world *s, const struct world_regs *r)
{
	struct stub_control *c = s->h.control;

	c->fs_base = r->fs_base;
	c->gs_base = r->gs_base;
	/* What the world's registers hold is hearsay: nothing is believed but that null stays null.
	 */
	c->segments = r->ds | r->es | r->fs | r->gs | s->ds | s->es | s->fs | s->gs;
	c->ds = r->ds;
	c->es = r->es;
	c->fs = r->fs;
	c->gs = r->gs;
	return frame_put(&s->frame, r, s->mask);
}

static void get_regs(struct signal_world *s, struct world_regs *r)
{
	const struct stub_shared *sh = s->h.shared;

	frame_get(&s->frame, r);
	r->fs_base = sh->fs_base;
	r->gs_base = sh->gs_base;
	r->ds = s->ds = sh->ds;
	r->es = s->es = sh->es;
	r->fs = s->fs = sh->fs;
	r->gs = s->gs = sh->gs;
}

static int signal_run(struct world *w, struct world_regs *r, u64 *loaded, struct world_stop *stop)
{
	struct signal_world *s = w->priv;
	int ret;

	*loaded = put_regs(s, r);
	s->h.running = true;
	if (s->h.kicked) {
		s->h.running = s->h.kicked = false;
		*stop = (struct world_stop){ .kind = WORLD_KICKED };
		return 0;
	}
	handover_order(&s->h, ORDER_RESUME);
	ret = handover_wait(&s->h);
	s->h.running = false;
	if (ret) {
		*stop = (struct world_stop){ .kind = WORLD_DEAD };
		return 0;
	}
	get_regs(s, r);
	frame_stop(&s->frame, s->h.shared->signo, r, stop);
	if (stop->kind == WORLD_KICKED)
		s->h.kicked = false;
	return 0;
}

static void signal_kick(struct world *w)
{
	struct signal_world *s = w->priv;

	handover_kick(&s->h);
}

static int signal_calls(struct world *w, const struct world_call *calls, unsigned int nr)
{
	struct signal_world *s = w->priv;
	struct stub_control *c = s->h.control;
	struct world_call *to = (void *)((u8 *)w->data + (STUB_CALLS - STUB_CONTROL));

	if (handover_settle(&s->h, false))
		return -ESRCH;
	c->calls = nr;
	for (unsigned int n = 0; n < nr; n++)
		to[n] = calls[n];
	c->selector = DISPATCH_ALLOW;
	handover_order(&s->h, ORDER_CALL);
	if (handover_wait(&s->h))
		return -ESRCH;
	c->selector = DISPATCH_BLOCK;
	s->h.settled = true; /* it has not left the stub */
	return s->h.shared->result > -4096ull ? (int)s->h.shared->result : 0;
}

static int signal_settle(struct world *w)
{
	struct signal_world *s = w->priv;

	return handover_settle(&s->h, true);
}

static int signal_get_fpu(struct world *w, void *xsave, size_t size)
{
	struct signal_world *s = w->priv;

	frame_get_fpu(&s->frame, xsave, size);
	return 0;
}

static int signal_set_fpu(struct world *w, const void *xsave, size_t size, u64 fpu_mask)
{
	struct signal_world *s = w->priv;

	frame_set_fpu(&s->frame, xsave, size, fpu_mask);
	return 0;
}

/* What this host lacks for it. SUD came with Linux 5.11, which lets every processor that has
 * FSGSBASE use it. */
static const char *signal_missing(void)
{
	if (prctl(PR_SYSCALL_DISPATCH, DISPATCH_OFF, 0, 0, 0))
		return "Syscall User Dispatch (Linux 5.11)";
	if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_))
		return "instructions for FS and GS base (FSGSBASE)";
	if (getauxval(AT_MINSIGSTKSZ) > STUB_STACK_SIZE)
		return "signal frames of at most 32 KiB";
	return NULL;
}

static unsigned int signal_rules(const struct world *w, struct sandbox_rule *rule, unsigned int max)
{
	const struct sandbox_rule mine[] = {
		{ SYS_tgkill, 0, UINT32_MAX, (u32)w->pid },
		{ SYS_prlimit64, 0, UINT32_MAX, (u32)w->pid },
		{ SYS_sched_setaffinity, 0, UINT32_MAX, (u32)w->pid },
		{ SYS_wait4, 0, UINT32_MAX, (u32)w->pid },
		{ SYS_kill, 0, UINT32_MAX, (u32)w->pid },
	};
	unsigned int n = 0;

	for (; n < ARRAY_SIZE(mine) && n < max; n++)
		rule[n] = mine[n];
	return n;
}

#define FUTEX_WAIT 0
#define FUTEX_WAKE 1

static const struct world_gate gates[] = {
	{ stub_after_wait,
	  SYS_futex,
	  2,
	  { { 0, STUB_CONTROL + CONTROL_ORDER }, { 1, FUTEX_WAIT } } },
	{ stub_after_wake,
	  SYS_futex,
	  2,
	  { { 0, STUB_SHARED + SHARED_STOPPED }, { 1, FUTEX_WAKE } } },
	{ stub_after_report,
	  SYS_prlimit64,
	  4,
	  { { 0, 0 }, { 1, RLIMIT_LOCKS }, { 2, STUB_CONTROL + CONTROL_ORDER }, { 3, 0 } } },
	{ .after = stub_after_sigreturn, .nr = SYS_rt_sigreturn },
	{ .after = NULL },
};

const struct transport signal_transport = {
	.name = "signal",
	.missing = signal_missing,
	.stub = stub_code,
	.stub_end = stub_code_end,
	.gates = gates,
	.confine = signal_confine,
	.rules = signal_rules,
	.start = signal_start,
	.end = signal_end,
	.run = signal_run,
	.kick = signal_kick,
	.calls = signal_calls,
	.calls_at = STUB_CALLS,
	.settle = signal_settle,
	.get_fpu = signal_get_fpu,
	.set_fpu = signal_set_fpu,
};
