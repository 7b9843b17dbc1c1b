/* SPDX-License-Identifier: MIT */
#include "backends/swbt/direct/handover.h"

#include "backends/swbt/direct/world.h"
#include "common/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NSEC	1000000000ull
#define LOOK_NS 10000000ull /* between two looks at what has become of a world */
/* Processor time and looks in which it should have stopped; and looks that find it asleep. */
#define DEAF_CPU_NS  1000000000ull
#define DEAF_LOOKS   20
#define ASLEEP_LOOKS 1000
#define SHORT_CYCLES 500000 /* what would have ended soon */
#define MISSES	     4
#define WAKES	     256 /* in vain, between two looks at what has become of a world */
#define REST_MAX     4096

/* ---- words ---------------------------------------------------------------------------------- */

static u32 load(const u32 *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Before later loads, too: either we see that the other side sleeps, or it sees this. */
static void store(u32 *word, u32 value)
{
	__atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static long futex(u32 *word, int op, u64 value, const void *arg, u32 *word2, u32 value3)
{
	return syscall(SYS_futex, word, op, value, arg, word2, value3);
}

static void wake(u32 *word)
{
	futex(word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static u64 now(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) ? 0 : (u64)ts.tv_sec * NSEC + (u64)ts.tv_nsec;
}

/* ---- spinning ---------------------------------------------------------------------------------
 */

/* Looks that take CYCLES: a PAUSE is 10 to 150 of them, depending on the processor. */
static u32 looks(u64 cycles)
{
	u64 start = host_tsc();

	for (unsigned int n = 0; n < 256; n++)
		__builtin_ia32_pause();
	return (u32)(256 * cycles / (host_tsc() - start + 1));
}

/* Who wakes another draws it to its own processor, and two that spin on one wait for each other's
 * time slice. APART: keep the world away from where we are now; else it may run anywhere. */
static void place(struct handover *h, bool apart)
{
	cpu_set_t set = h->cpus;
	int here = sched_getcpu();

	if (apart && here >= 0 && here < CPU_SETSIZE)
		CPU_CLR((size_t)here, &set);
	if (CPU_COUNT(&set))
		sched_setaffinity(h->w->pid, sizeof(set), &set);
}

void handover_init(struct handover *h)
{
	if (!sched_getaffinity(0, sizeof(h->cpus), &h->cpus) && CPU_COUNT(&h->cpus) > 1)
		h->spin = looks(h->w->spin);
	if (h->spin)
		place(h, true);
	h->control->spin = h->spin;
	h->control->order_max = RLIM_INFINITY;
	h->control->order = ORDER_STEP; /* not what the shared word begins with */
}

/* To spin is right while both have a processor. If it keeps being in vain, although what was waited
 * for came soon, there is one processor for both: sleep at once for some time, each time for
 * longer. */
static void judge_spinning(struct handover *h, bool hit, u64 slept)
{
	if (h->rest) {
		if (!--h->rest)
			place(h, true);
	} else if (hit) {
		h->misses = 0;
		h->penalty -= h->penalty / 8;
	} else if (slept < SHORT_CYCLES && ++h->misses == MISSES) {
		h->misses = 0;
		h->penalty = h->penalty > REST_MAX / 2 ? REST_MAX : 2 * h->penalty + 64;
		h->rest = h->penalty;
		place(h, false);
	}
}

void handover_order(struct handover *h, u32 kind)
{
	struct stub_control *c = h->control;

	c->spin = h->rest || h->leaving ? 0 : h->spin;
	h->settled = false;
	store(&c->order, (c->order & ~(u32)ORDER_KIND) + ORDER_STEP + kind);
	/* The guest can forge this flag, and so put its own processor to sleep for a while. */
	if (load(&h->shared->waits))
		wake(&c->order);
}

/* ---- worlds that do not stop ------------------------------------------------------------------
 */

static bool has_died(struct handover *h, int options)
{
	struct world *w = h->w;
	pid_t pid = w->dead ? 0 : waitpid(w->pid, &w->status, options | __WALL);

	if (pid == w->pid)
		w->dead = WIFEXITED(w->status) || WIFSIGNALED(w->status);
	else if (pid < 0 && errno == ECHILD) {
		w->dead = true;
		if (!w->fate)
			w->fate = "by somebody who waited for it in our place";
	}
	return w->dead;
}

/* Has the world said that it has carried out the order that stands, or stopped under it? */
static bool stopped(const struct handover *h)
{
	return load(&h->shared->stopped) == h->control->order;
}

/* How many threads sleep in the stub's futex call: 0 or 1. They are moved from one queue to the
 * same one, which wakes nobody. */
static bool asleep(struct handover *h)
{
	u32 *order = &h->control->order;

	return futex(order, FUTEX_CMP_REQUEUE, 0, (void *)1, order, *order) == 1;
}

/* Does the kernel know that the world has come to park at the last order? */
static bool parked(const struct handover *h)
{
	struct rlimit limit;

	return !prlimit(h->w->pid, RLIMIT_LOCKS, NULL, &limit) &&
	       limit.rlim_cur == h->control->order;
}

/* The processor time of a process: a clock that everybody may read. */
static clockid_t cpu_clock(const struct handover *h)
{
	return (clockid_t)(~(unsigned int)h->w->pid << 3 | 2);
}

bool patience_over(struct patience *p, u64 cpu, bool asleep)
{
	if (!p->looks)
		p->cpu = cpu;
	p->looks++;
	p->asleep = asleep ? p->asleep + 1 : 0;
	return (cpu - p->cpu > DEAF_CPU_NS && p->looks > DEAF_LOOKS) || p->asleep > ASLEEP_LOOKS;
}

static bool exhausted(struct handover *h, struct patience *p)
{
	return patience_over(p, now(cpu_clock(h)), asleep(h) && !stopped(h));
}

#define FORGED "the guest forged a stop of its process, which ran on"

static int end(struct handover *h, const char *why)
{
	h->w->fate = why;
	kill(h->w->pid, SIGKILL);
	while (!has_died(h, 0))
		;
	return -ESRCH;
}

/* Called now and then in a wait that a kick, or nothing but the stub's own work, has to end. */
static int look_after(struct handover *h, struct patience *p)
{
	if (has_died(h, WNOHANG))
		return -ESRCH;
	if (h->running && !h->kicked)
		return 0;
	if (exhausted(h, p))
		return end(h,
			   h->running ? "the guest has made its process deaf to signals" : FORGED);
	/* In this order: it says that it has stopped before it sleeps. */
	if (h->running && asleep(h) && !stopped(h))
		return end(h, "the guest has put its process to sleep in code that is not its own");
	return 0;
}

/* ---- waiting ----------------------------------------------------------------------------------
 */

static bool spin(struct handover *h)
{
	for (u32 n = h->rest ? 0 : h->spin; n; n--) {
		if (stopped(h))
			return true;
		__builtin_ia32_pause();
	}
	return stopped(h);
}

static int sleep_until_stop(struct handover *h)
{
	static const struct timespec tick = { .tv_nsec = LOOK_NS };
	struct patience p = { 0 };
	u32 *word = &h->shared->stopped, seen;
	int r = 0;

	for (unsigned int n = 1; !r; n++) {
		store(&h->shared->vmm_waits, 1);
		seen = load(word);
		if (seen == h->control->order)
			break;
		/* The guest can change the word, or wake us, as often as it likes. */
		if (((futex(word, FUTEX_WAIT, seen, &tick, NULL, 0) && errno != EAGAIN) ||
		     n % WAKES == 0) &&
		    !stopped(h))
			r = look_after(h, &p);
	}
	h->shared->vmm_waits = 0;
	return r;
}

int handover_wait(struct handover *h)
{
	bool hit = spin(h);
	u64 start = host_tsc();
	int r = hit ? 0 : sleep_until_stop(h);

	judge_spinning(h, hit, hit ? 0 : host_tsc() - start);
	return r;
}

int handover_settle(struct handover *h, bool leave)
{
	struct patience p = { 0 };
	int r;

	if (h->settled)
		return 0;
	h->leaving = leave;
	handover_order(h, ORDER_PARK);
	h->leaving = false;
	for (;;) {
		r = handover_wait(h);
		if (r)
			return r;
		/* It reports before it stops. */
		if (parked(h))
			break;
		if (exhausted(h, &p))
			return end(h, FORGED);
		store(&h->shared->stopped, ~h->control->order);
	}
	h->settled = true;
	return 0;
}

void handover_kick(struct handover *h)
{
	long pid = h->w->pid, r;

	h->kicked = true;
	if (h->running)
		__asm__ volatile("syscall"
				 : "=a"(r)
				 : "a"(SYS_tgkill), "D"(pid), "S"(pid), "d"((long)HANDOVER_KICK)
				 : "rcx", "r11", "memory");
}
