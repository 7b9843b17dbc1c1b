/* SPDX-License-Identifier: MIT */
/*
 * The birth of a world. The child of fork() has all that this process has; it gives that up in an
 * order in which each step still has what it needs. The last two, the rest of the address space and
 * the filter, are the stub's, which lies where nothing of it is taken away (stub.S).
 */
#include "backends/swbt/direct/world.h"

#include "backends/swbt/mmu.h"
#include "common/error.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILTER_AT  2048 /* in the stub's page: struct sock_fprog, then the program */
#define FILTER_MAX 240
#define LAST_STACK (64 * KiB)
#define LOW_HINT   0x200000000000 /* far from the stub */

/* Exit statuses of a child that did not get far enough to say more. */
enum { NOT_CONFINED = 120 };

u64 world_lowest(void)
{
	FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "re");
	unsigned long long low = 65536;

	if (f) {
		if (fscanf(f, "%llu", &low) != 1)
			low = 65536;
		fclose(f);
	}
	return low ? ALIGN_UP((u64)low, (u64)PAGE_SIZE) : PAGE_SIZE;
}

/* ---- the filter ------------------------------------------------------------------------------ */

struct filter {
	struct sock_filter i[FILTER_MAX];
	unsigned short nr;
};

static void put(struct filter *f, u16 code, u32 k, u8 yes, u8 no)
{
	if (f->nr < FILTER_MAX)
		f->i[f->nr++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct filter *f, size_t offset)
{
	put(f, BPF_LD | BPF_W | BPF_ABS, (u32)offset, 0, 0);
}

static void end(struct filter *f, u32 action)
{
	put(f, BPF_RET | BPF_K, action, 0, 0);
}

/* What is loaded must be A or B. */
static void must_be(struct filter *f, u32 a, u32 b)
{
	put(f, BPF_JMP | BPF_JEQ | BPF_K, a, 2, 0);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, b, 1, 0);
	end(f, SECCOMP_RET_TRAP);
}

/* Argument N, an address, must be below WORLD_HIGH. */
static void must_be_guests(struct filter *f, unsigned int n)
{
	size_t at = offsetof(struct seccomp_data, args) + n * 8;

	load(f, at + 4);
	put(f, BPF_JMP | BPF_JGT | BPF_K, (u32)(WORLD_HIGH >> 32), 3, 0);
	put(f, BPF_JMP | BPF_JEQ | BPF_K, (u32)(WORLD_HIGH >> 32), 0, 3);
	load(f, at);
	put(f, BPF_JMP | BPF_JGE | BPF_K, (u32)WORLD_HIGH, 0, 1);
	end(f, SECCOMP_RET_TRAP);
}

static void arguments(struct filter *f, const struct world *w, long nr)
{
	const size_t args = offsetof(struct seccomp_data, args);

	if (nr == __NR_mmap) {
		load(f, args + 3 * 8);
		must_be(f, MAP_SHARED | MAP_FIXED, MAP_SHARED | MAP_FIXED);
		load(f, args + 4 * 8);
		must_be(f, (u32)w->ram_fd, (u32)(w->copy_fd < 0 ? w->ram_fd : w->copy_fd));
	}
	must_be_guests(f, 0);
}

/* If it is call NR: allowed, with its arguments looked at if CHECK. */
static void allow(struct filter *f, const struct world *w, int nr, bool check)
{
	unsigned short at;

	load(f, offsetof(struct seccomp_data, nr));
	at = f->nr;
	put(f, BPF_JMP | BPF_JEQ | BPF_K, (u32)nr, 0, 0);
	if (check)
		arguments(f, w, nr);
	end(f, SECCOMP_RET_ALLOW);
	f->i[at].jf = (u8)(f->nr - at - 1);
}

/* What is at OFFSET must be VALUE, 64 bits. */
static void must_equal(struct filter *f, size_t offset, u64 value)
{
	load(f, offset);
	must_be(f, (u32)value, (u32)value);
	load(f, offset + 4);
	must_be(f, (u32)(value >> 32), (u32)(value >> 32));
}

/* The low half of the instruction pointer, which lies in the stub's page, is loaded. */
static void gate(struct filter *f, const struct world *w, const struct world_gate *g)
{
	unsigned short at = f->nr;

	put(f, BPF_JMP | BPF_JEQ | BPF_K, (u32)world_more_at(w->transport, g->after), 0, 0);
	load(f, offsetof(struct seccomp_data, nr));
	must_be(f, g->nr, g->nr);
	for (unsigned int n = 0; n < g->args; n++)
		must_equal(f, offsetof(struct seccomp_data, args) + g->arg[n].n * 8,
			   g->arg[n].value);
	end(f, SECCOMP_RET_ALLOW);
	f->i[at].jf = (u8)(f->nr - at - 1);
}

static void make_filter(struct filter *f, const struct world *w)
{
	static const int calls[] = { __NR_mmap, __NR_munmap, __NR_mprotect, __NR_pkey_mprotect };
	const size_t ip = offsetof(struct seccomp_data, instruction_pointer);

	f->nr = 0;
	load(f, offsetof(struct seccomp_data, arch));
	must_be(f, AUDIT_ARCH_X86_64, AUDIT_ARCH_X86_64);
	load(f, ip);
	put(f, BPF_ALU | BPF_AND | BPF_K, ~PAGE_MASK, 0, 0);
	must_be(f, (u32)WORLD_STUB, (u32)WORLD_STUB);
	load(f, ip + 4);
	must_be(f, (u32)(WORLD_STUB >> 32), (u32)(WORLD_STUB >> 32));
	load(f, ip);
	for (const struct world_gate *g = w->transport->gates; g && g->after; g++)
		gate(f, w, g);
	for (size_t n = 0; n < ARRAY_SIZE(calls); n++)
		allow(f, w, calls[n], true);
	allow(f, w, __NR_pkey_alloc, false);
	allow(f, w, __NR_modify_ldt, false);
	end(f, SECCOMP_RET_TRAP);
}

/* ---- the child ------------------------------------------------------------------------------- */

/* Memory that does not lie where a world has its stub, or NULL. */
static void *map_low(size_t size, int flags)
{
	for (u64 at = LOW_HINT; at < 2 * LOW_HINT; at += GiB) {
		void *p = mmap((void *)(uintptr_t)at, size, PROT_READ | PROT_WRITE,
			       flags | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (p != MAP_FAILED)
			return p;
	}
	return NULL;
}

/* The stub's page, still in ordinary memory. */
static u8 *make_stub(const struct world *w)
{
	u8 *page = map_low(PAGE_SIZE, MAP_PRIVATE);
	struct sock_fprog prog;
	struct filter f;

	if (!page)
		return NULL;
	make_filter(&f, w);
	if (f.nr == FILTER_MAX || FILTER_AT + 16 + sizeof(f.i) > PAGE_SIZE)
		return NULL;
	memset(page, 0xf4, PAGE_SIZE);
	memcpy(page, world_stub, (size_t)(world_stub_end - world_stub));
	prog.len = f.nr;
	prog.filter = (struct sock_filter *)(uintptr_t)(WORLD_STUB + FILTER_AT + 16);
	if (w->transport->stub)
		memcpy(page + (WORLD_STUB_MORE - WORLD_STUB), w->transport->stub,
		       (size_t)(w->transport->stub_end - w->transport->stub));
	memcpy(page + FILTER_AT, &prog, sizeof(prog));
	memcpy(page + FILTER_AT + 16, f.i, f.nr * sizeof(f.i[0]));
	return page;
}

/* The kernel writes to where these point whenever it likes. */
static int forget_thread(void)
{
	u8 *self = __builtin_thread_pointer();

	if (__rseq_size) {
		long r = -1;

		/* How long it was at registration is libc's secret. */
		for (unsigned int size = 32; r && size <= 1024; size += 32)
			r = syscall(__NR_rseq, self + __rseq_offset, size, 1, RSEQ_SIG);
		if (r)
			return -errno;
	}
	syscall(__NR_set_tid_address, 0);
	return syscall(__NR_set_robust_list, 0, 24) ? -errno : 0;
}

static int close_all_but(int a, int b)
{
	int low = a < b || b < 0 ? a : b, high = a > b ? a : b;

	if (low > 0 && close_range(0, (unsigned int)low - 1, 0))
		return -errno;
	if (high > low + 1 && close_range((unsigned int)low + 1, (unsigned int)high - 1, 0))
		return -errno;
	return close_range((unsigned int)high + 1, ~0u, 0) ? -errno : 0;
}

/* Nothing that is sent to us is for guest code; faults come through all the same. */
static int forget_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t all;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL))
		return -errno;
	for (int signo = 1; signo < _NSIG; signo++)
		sigaction(signo, &sa, NULL); /* not all can be */
	sigemptyset(&all);
	sigaddset(&all, SIGSEGV);
	sigaddset(&all, SIGBUS);
	sigaddset(&all, SIGILL);
	sigaddset(&all, SIGFPE);
	sigaddset(&all, SIGTRAP);
	sigaddset(&all, SIGSYS);
	return sigprocmask(SIG_UNBLOCK, &all, NULL) ? -errno : 0;
}

static int drop_rights(const struct world *w)
{
	static const struct rlimit none;

	setpgid(0, 0); /* a terminal's signals are for the VMM */
	prctl(PR_SET_NAME, w->name);
	/* Where the host can do it. It is as silent as ever elsewhere. */
	syscall(__NR_arch_prctl, ARCH_SET_CPUID, 0);
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    setrlimit(RLIMIT_CORE, &none))
		return -errno;
	return forget_thread();
}

struct last {
	struct world *w;
	u8 *page;
	void *data;
	size_t data_size;
};

static long move_to(u64 to, void *from, size_t size)
{
	const u64 how = MREMAP_MAYMOVE | MREMAP_FIXED;

	return world_syscall(__NR_mremap, (uintptr_t)from, size, size, how, to) == (long)to ? 0
											    : -1;
}

/* On a stack that is not where the stub is to be; this program's own code is not, either. Libraries
 * are where the kernel does not place mappings at random. */
static _Noreturn __attribute__((used)) void leave(struct last *last)
{
	if (world_syscall(__NR_munmap, WORLD_STUB, WORLD_TOP - WORLD_STUB, 0, 0, 0) ||
	    move_to(WORLD_STUB, last->page, PAGE_SIZE) ||
	    world_syscall(__NR_mprotect, WORLD_STUB, PAGE_SIZE, PROT_READ | PROT_EXEC, 0, 0) ||
	    (last->data_size && move_to(WORLD_DATA, last->data, last->data_size)) ||
	    (last->w->transport->confine && last->w->transport->confine(last->w)))
		world_syscall(__NR_exit_group, NOT_CONFINED, 0, 0, 0, 0);
	__asm__ volatile("jmp *%0"
			 :
			 : "r"(world_stub_at(world_stub_boot)), "b"(WORLD_STUB + FILTER_AT)
			 : "memory");
	__builtin_unreachable();
}

static _Noreturn void confine(struct world *w)
{
	u8 *stack = map_low(LAST_STACK, MAP_PRIVATE), *page = make_stub(w);
	struct last *last;

	if (!stack || !page || forget_signals() || drop_rights(w) ||
	    close_all_but(w->ram_fd, w->copy_fd))
		_exit(NOT_CONFINED);
	last = (struct last *)(void *)(stack + LAST_STACK - 256);
	*last = (struct last){ w, page, w->data, w->data_size };
	__asm__ volatile("mov %0, %%rsp; xor %%ebp, %%ebp; call leave"
			 :
			 : "r"(last), "D"(last)
			 : "memory");
	__builtin_unreachable();
}

static _Noreturn void child(struct world *w, int gate, pid_t parent)
{
	char go;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(NOT_CONFINED);
	while (read(gate, &go, 1) != 1)
		if (errno != EINTR)
			_exit(NOT_CONFINED);
	confine(w);
}

/* ---- the parent ------------------------------------------------------------------------------ */

void world_keep_children(void)
{
	struct sigaction sa;

	if (sigaction(SIGCHLD, NULL, &sa) ||
	    (sa.sa_handler != SIG_IGN && !(sa.sa_flags & SA_NOCLDWAIT)))
		return;
	if (sa.sa_handler == SIG_IGN)
		sa.sa_handler = SIG_DFL;
	sa.sa_flags &= ~SA_NOCLDWAIT;
	sigaction(SIGCHLD, &sa, NULL);
}

int world_fork(struct world *w, struct error *err)
{
	pid_t parent = getpid();
	int gate[2], r;

	world_keep_children();
	w->gate = -1;
	w->pid = 0;
	w->dead = false;
	if (w->data_size) {
		w->data = map_low(w->data_size, MAP_SHARED);
		if (!w->data)
			return fail(err, -ENOMEM, "out of memory for a guest's process");
	}
	if (pipe2(gate, O_CLOEXEC))
		return fail(err, -errno, "cannot make a pipe: %s", strerror(errno));
	w->pid = fork();
	if (!w->pid) {
		close(gate[1]);
		child(w, gate[0], parent);
	}
	r = -errno;
	close(gate[0]);
	w->gate = gate[1];
	if (w->pid > 0)
		return 0;
	w->pid = 0;
	return fail(err, r, "cannot make a process for the guest (fork): %s", strerror(-r));
}

int world_release(struct world *w)
{
	ssize_t n = write(w->gate, "", 1);

	close(w->gate);
	w->gate = -1;
	return n == 1 ? 0 : -EIO;
}

void world_end(struct world *w)
{
	if (w->gate >= 0)
		close(w->gate);
	w->gate = -1;
	if (w->pid && !w->dead) {
		kill(w->pid, SIGKILL);
		do {
			if (waitpid(w->pid, &w->status, __WALL) < 0 && errno != EINTR)
				break;
		} while (!WIFEXITED(w->status) && !WIFSIGNALED(w->status));
	}
	w->dead = true;
	w->pid = 0;
	if (w->data)
		munmap(w->data, w->data_size);
	w->data = NULL;
}

int world_is_dead(const struct world *w, struct error *err)
{
	if (w->fate)
		return fail(err, -EIO, "the guest's process (%s) was ended: %s", w->name, w->fate);
	if (WIFSIGNALED(w->status))
		return fail(err, -EIO, "the guest's process (%s) was killed by signal %d", w->name,
			    WTERMSIG(w->status));
	return fail(err, -EIO, "the guest's process (%s) ended with status %d", w->name,
		    WEXITSTATUS(w->status));
}
