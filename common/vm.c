/* SPDX-License-Identifier: MIT */
#include "common/vm.h"

#include "common/hostflags.h"
#include "common/pc_pci.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Real-time signals queue and nothing else in a process uses them. */
#define KICK_SIGNAL (SIGRTMIN + 1)

/* The signal path's only state: which VM runs on this thread, and which one signals end. */
static _Thread_local struct vm *thread_vm;
static struct vm *_Atomic signal_vm;

static void on_kick_signal(int signo, siginfo_t *info, void *context)
{
	struct vm *vm;

	host_flags_clean();
	vm = thread_vm;
	(void)signo;
	(void)info;
	if (!vm)
		return;
	atomic_store_explicit(&vm->attention, 1, memory_order_relaxed);
	vm->backend->kick(vm, context);
}

static void on_stop_signal(int signo, siginfo_t *info, void *context)
{
	struct vm *vm;

	host_flags_clean();
	(void)info;
	(void)context;
	vm = atomic_load(&signal_vm);
	if (!vm)
		return;
	atomic_store(&vm->stop_signal, signo);
	vm_kick(vm);
}

static int install(int signo, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	/* A kick on top of another handler would find that, and not the guest's code under it. */
	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, KICK_SIGNAL);
	return sigaction(signo, &sa, NULL) ? -errno : 0;
}

int vm_catch_signals(struct vm *vm)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	struct sigaction old;

	atomic_store(&signal_vm, vm);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		int r;

		/* nohup means it. */
		if (signals[i] == SIGHUP && !sigaction(SIGHUP, NULL, &old) &&
		    old.sa_handler == SIG_IGN)
			continue;
		r = install(signals[i], on_stop_signal);
		if (r)
			return r;
	}
	return 0;
}

void vm_kick(struct vm *vm)
{
	atomic_store(&vm->attention, 1);
	pthread_kill(vm->thread, KICK_SIGNAL);
}

static void on_timeout(void *opaque)
{
	vm_stop(opaque, STOP_TIMEOUT, 0);
}

static int build_cpuid(struct vm *vm, struct error *err)
{
	const char *model = vm->config.cpu ? vm->config.cpu : "host";
	const struct backend *const *alike = vm->config.alike ? vm->config.alike : backends;
	int r = cpuid_build(&vm->cpuid, model, err);

	/* What one backend cannot run on this host is hidden on all that could run here, so that
	 * the guest takes the same path; one that cannot run at all does not count. */
	for (unsigned int i = 0; !r && alike[i]; i++)
		if (alike[i] == vm->backend || alike[i]->probe(NULL) == 0)
			r = alike[i]->cpuid_filter(&vm->cpuid, err);
	return r ?: cpuid_check(&vm->cpuid, model, err);
}

/* Who changes from one part to another finds it. */
static int start_account(struct vm *vm, struct error *err)
{
	vm->account = account_new();
	if (!vm->account)
		return fail(err, -ENOMEM, "out of memory for an account");
	vm->pc.pio.account = vm->pc.mmio.account = vm->account;
	return 0;
}

int vm_create(struct vm **out, const struct vm_config *config, struct error *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	int r;

	*out = NULL;
	if (!vm)
		return fail(err, -ENOMEM, "out of memory for a virtual machine");
	vm->config = *config;
	vm->backend = config->backend;
	vm->thread = pthread_self();
	r = vm->backend->probe(err);
	if (r)
		goto out;
	r = install(KICK_SIGNAL, on_kick_signal);
	if (!r)
		r = clock_init(&vm->clock, KICK_SIGNAL);
	if (r) {
		fail(err, r, "cannot set up the host timer: %s", strerror(-r));
		goto out;
	}
	timer_init(&vm->clock, &vm->timeout, on_timeout, vm);
	if (vm->backend->ram_file && vm->backend->ram_file(config))
		r = ram_init_file(&vm->ram, config->mem_size, err);
	else
		r = ram_init(&vm->ram, config->mem_size, err);
	if (!r)
		r = build_cpuid(vm, err);
	if (!r)
		r = pc_init(vm, err);
	if (!r && config->account)
		r = start_account(vm, err);
	if (r)
		goto out;
	/* From here on the kick signal may find the backend. */
	r = vm->backend->create(vm, err);
	if (r)
		goto out;
	thread_vm = vm;
	*out = vm;
	return 0;
out:
	vm_destroy(vm);
	return r;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	clock_fini(&vm->clock);
	if (atomic_load(&signal_vm) == vm)
		atomic_store(&signal_vm, NULL);
	if (thread_vm == vm)
		thread_vm = NULL;
	if (vm->priv)
		vm->backend->destroy(vm);
	pc_fini(vm);
	ram_fini(&vm->ram);
	account_free(vm->account);
	free(vm);
}

void vm_stop(struct vm *vm, enum stop_kind kind, int code)
{
	if (vm->stop.kind == STOP_NONE)
		vm->stop = (struct vm_stop){ kind, code };
	/* A backend looks at attention before it enters the guest again. */
	atomic_store_explicit(&vm->attention, 1, memory_order_relaxed);
}

static struct trap_span clocks(struct vm *vm)
{
	const u64 *insns = vm->backend->instructions ? vm->backend->instructions(vm) : NULL;

	return (struct trap_span){ clock_now(&vm->clock), host_tsc(), insns ? *insns : 0 };
}

/* How long the traps took to come, until now. */
static void time_traps(struct vm *vm)
{
	const struct trap_span now = clocks(vm);

	vm->traps.span.ns = now.ns - vm->began.ns;
	vm->traps.span.ticks = now.ticks - vm->began.ticks;
	vm->traps.span.instructions = now.instructions - vm->began.instructions;
}

/*
 * Copy the counters at a mark. Not in vm_mark itself: there the mark's own trap is half done, and
 * the time to copy would count as its cost.
 */
static void take_marks(struct vm *vm)
{
	for (unsigned int i = 0; i < VM_MARKS; i++) {
		if (!(vm->marks_wanted & BIT(i)))
			continue;
		/* What is done about a mark is not between them. */
		if (vm->account && i)
			account_point(vm->account, &vm->account->mark[i]);
		if (vm->backend->sync_traps)
			vm->backend->sync_traps(vm);
		time_traps(vm);
		vm->mark[i] = vm->traps;
		vm->marks_seen |= BIT(i);
		if (vm->traps.nr_events)
			vm->end_mark_cycles =
				vm->traps.last[(vm->traps.nr_events - 1) % TRAP_LAST].cycles;
		if (vm->config.on_mark)
			vm->config.on_mark(vm->config.on_mark_arg, vm, i);
		if (vm->account && !i)
			account_point(vm->account, &vm->account->mark[i]);
	}
	vm->marks_wanted = 0;
}

/* Everything that may have happened outside the guest since the last time. */
static void vm_service(struct vm *vm)
{
	enum account_part before;
	int signo;

	atomic_store(&vm->attention, 0);
	signo = atomic_load(&vm->stop_signal);
	if (signo)
		vm_stop(vm, STOP_SIGNAL, signo);
	if (vm->marks_wanted)
		take_marks(vm);
	before = account_enter(vm->account, ACCOUNT_DEVICES);
	clock_run(&vm->clock);
	pc_pci_poll(vm);
	if (vm->on_kick)
		vm->on_kick(vm->on_kick_arg);
	account_leave(vm->account, before);
}

/* HLT: sleep until something asks for attention. Interrupts only ever come up on this thread while
 * attention is paid, and the backend has looked at those there are: one that IF keeps out must not
 * keep us awake. The kick signal is open only inside ppoll, so that one cannot slip in between the
 * test and the sleep. */
static void vm_idle(struct vm *vm)
{
	enum account_part awake = account_enter(vm->account, ACCOUNT_IDLE);
	sigset_t kick, before;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &before);
	while (!atomic_load(&vm->attention))
		ppoll(NULL, 0, NULL, &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	account_leave(vm->account, awake);
}

void vm_select(struct vm *vm)
{
	thread_vm = vm;
}

/* Until it stops; a negative errno: it cannot run. */
static int run(struct vm *vm)
{
	int r;

	for (;;) {
		if (atomic_load_explicit(&vm->attention, memory_order_relaxed))
			vm_service(vm);
		if (vm->stop.kind != STOP_NONE)
			return 0;
		r = vm->backend->run(vm);
		if (r < 0)
			return r;
		if (r == RUN_HALTED)
			vm_idle(vm);
	}
}

int vm_run(struct vm *vm)
{
	int r;

	vm_select(vm);
	if (vm->config.timeout_ns)
		timer_set(&vm->clock, &vm->timeout, clock_now(&vm->clock) + vm->config.timeout_ns);
	if (vm->account)
		account_start(vm->account);
	vm->began = clocks(vm);
	r = run(vm);
	if (vm->account)
		account_point(vm->account, &vm->account->end);
	pc_say(vm);
	if (r < 0) {
		pc_pci_stop(vm, NULL);
		return r;
	}
	if (vm->backend->sync_traps)
		vm->backend->sync_traps(vm);
	time_traps(vm);
	return pc_pci_stop(vm, &vm->error);
}

void vm_mark(struct vm *vm, unsigned int i)
{
	if (i >= VM_MARKS)
		return;
	vm->marks_wanted |= BIT(i);
	atomic_store_explicit(&vm->attention, 1, memory_order_relaxed);
}

int vm_marked_traps(const struct vm *vm, struct trap_stats *out)
{
	struct trap_counter *c = &out->c[TRAP_PORT_OUT];
	u64 cycles = vm->end_mark_cycles;

	if (vm->marks_seen != BIT(VM_MARKS) - 1)
		return -ENODATA;
	trap_diff(out, &vm->mark[1], &vm->mark[0]);
	/* Both copies were taken after their mark's port write was accounted, so exactly the second
	 * one's lies between them. */
	if (c->count)
		c->count--;
	if (c->cycles >= cycles && c->hist[trap_bucket(cycles)]) {
		c->cycles -= cycles;
		c->hist[trap_bucket(cycles)]--;
	}
	return 0;
}
