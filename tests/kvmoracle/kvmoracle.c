/* SPDX-License-Identifier: MIT */
/*
 * KVM as oracle: the same random state and memory on a virtual machine of each backend, and what
 * both make of it compared.
 *
 * usage: kvmoracle SEED CASES [PART [FIRST]]
 *
 * Without PART, both parts. A failure prints one line with what repeats it, of a sequence as few
 * steps as make it fail; what does not fail again is the emulator's and only counted. In the
 * environment, VERBOSE=1 shows all state, LIMIT=n takes the first n steps, AGAINST=step puts that
 * engine in KVM's place. Exit status 1 if any case failed.
 */
#include "tests/kvmoracle/differ.h"
#include "tests/kvmoracle/known.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 64
#ifndef MAX_SHOW
#define MAX_SHOW 100
#endif
/* Far more than a case takes: it hangs, below where a signal would end it. */
#define SECONDS_PER_CASE 10

struct request {
	enum part part;
	u64 seed, first, n;
	unsigned int limit; /* steps of a sequence */
	bool verbose;
};

static const char *const engines[] = { "bt", "step" };
#define NR_ENGINES ARRAY_SIZE(engines)

/* What parent (swbt) and child (kvm) share. The pipes say when whose turn it is. */
struct shared {
	volatile u64 at; /* which case the child is at, should it die or hang */
	struct outcome kvm[BATCH];
};

/* The parent's. */
struct both {
	struct shared *s;
	int in, out;
	pid_t child;
	struct vm *vm[NR_ENGINES];
	u64 passed, failed, excused, unsteady;
};

/* A timer's signal may come at any time. */
static bool receive(int fd, struct request *r)
{
	ssize_t n;

	do
		n = read(fd, r, sizeof(*r));
	while (n < 0 && errno == EINTR);
	return n == sizeof(*r);
}

/* The child's answer. False: it died, or is at the same case for too long. */
static bool answered(int fd, const struct shared *s, struct request *r)
{
	struct pollfd answer = { .fd = fd, .events = POLLIN };
	u64 at = ~0ull;

	for (unsigned int waited = 0; waited < 10 * SECONDS_PER_CASE; waited++) {
		if (poll(&answer, 1, 100) > 0)
			return receive(fd, r);
		if (at != s->at)
			waited = 0;
		at = s->at;
	}
	return false;
}

static void kvm_side(int in, int out, struct shared *s)
{
	static struct ko_case c;
	struct request r;
	const char *engine = getenv("AGAINST");
	struct vm *vm = side_new_with(engine ? "swbt" : "kvm", engine,
					engine ? getenv("AGAINST_OPTIONS") : NULL);

	while (receive(in, &r)) {
		for (u64 n = 0; n < r.n; n++) {
			s->at = r.first + n;
			case_make(&c, r.part, r.seed, r.first + n, r.limit);
			if (r.verbose) {
				case_print(&c);
				putchar('\n');
				fflush(stdout);
				usleep(20000);
			}
			side_run(&vm, &c, &s->kvm[n]);
		}
		if (write(out, &r, sizeof(r)) != sizeof(r))
			break;
	}
	vm_destroy(vm);
	_exit(0);
}

static void complain(const struct ko_case *c, const char *engine, const char *what)
{
	case_print(c);
	printf(": %s: %s\n", engine, what);
	fflush(stdout);
}

/* All of it, for whoever looks into a failure. */
static void show(const struct ko_case *c, const struct outcome *kvm, const struct outcome *swbt)
{
	puts("---- before");
	cpu_state_print(&c->before, stdout);
	puts("---- kvm");
	cpu_state_print(&kvm->after, stdout);
	puts("---- swbt");
	cpu_state_print(&swbt->after, stdout);
	differ_print_memory(c, kvm, swbt);
	if (!c->nr_steps)
		return;
	printf("last step:");
	for (u64 at = c->step[c->nr_steps - 1].value; at < c->step[c->nr_steps - 1].value + 96;
	     at++)
		printf(" %02x", c->world.bytes[at]);
	putchar('\n');
}

static void start_child(struct both *b);

/* Run R on KVM. False: the child died or hung, and there is a new one. */
static bool on_kvm(struct both *b, const struct request *r)
{
	static struct ko_case c;
	struct request done;

	if (write(b->out, r, sizeof(*r)) == sizeof(*r) && answered(b->in, b->s, &done))
		return true;
	case_make(&c, r->part, r->seed, b->s->at, r->limit);
	complain(&c, "kvm", "died, or hung");
	kill(b->child, SIGKILL); /* not waited for: it may hang in the kernel */
	close(b->in);
	close(b->out);
	start_child(b);
	return false;
}

/* C on all engines against KVM's outcome of it. The engine that disagrees, or NULL. */
static const char *disagrees(struct both *b, const struct ko_case *c, const struct outcome *kvm,
			     const char **excuse, char *what, size_t len, bool verbose)
{
	static struct outcome here;

	*excuse = NULL;
	for (unsigned int n = 0; n < NR_ENGINES; n++) {
		side_run(&b->vm[n], c, &here);
		if (differ(c, kvm, &here, what, len, excuse)) {
			if (verbose)
				show(c, kvm, &here);
			return engines[n];
		}
		if (*excuse && verbose)
			printf("case %" PRIu64 ": %s: %s\n", c->n, *excuse, what);
	}
	return NULL;
}

/* R's case on all sides once more. The engine that disagrees, or NULL; false in *ALIVE: KVM died.
 */
static const char *once_more(struct both *b, const struct request *r, struct ko_case *c, char *what,
			     size_t len, bool *alive)
{
	const char *excuse;

	*alive = on_kvm(b, r);
	if (!*alive)
		return NULL;
	case_make(c, r->part, r->seed, r->first, r->limit);
	return disagrees(b, c, &b->s->kvm[0], &excuse, what, len, r->verbose);
}

/* Case N failed: again, with as few steps as make it fail twice. */
static bool fails_again(struct both *b, const struct request *r, u64 n)
{
	static struct ko_case c;
	struct request one = *r;
	const char *engine;
	char what[900];
	bool alive = true;

	one.first = n;
	one.n = 1;
	for (one.limit = r->part == PART_SEQUENCE ? 1 : MAX_STEPS; one.limit <= MAX_STEPS;
	     one.limit++) {
		engine = once_more(b, &one, &c, what, sizeof(what), &alive);
		if (engine)
			engine = once_more(b, &one, &c, what, sizeof(what), &alive);
		if (!alive)
			return true;
		if (engine) {
			complain(&c, engine, what);
			return true;
		}
	}
	b->unsteady++;
	return false;
}

/* Both sides of R. False: KVM's died. */
static bool batch(struct both *b, const struct request *r)
{
	static struct ko_case c;
	u64 again[BATCH], nr = 0;
	char what[900];

	if (!on_kvm(b, r))
		return false;
	for (u64 k = 0; k < r->n; k++) {
		const char *excuse;

		case_make(&c, r->part, r->seed, r->first + k, r->limit);
		if (disagrees(b, &c, &b->s->kvm[k], &excuse, what, sizeof(what), false))
			again[nr++] = r->first + k;
		b->excused += excuse != NULL;
	}
	for (u64 k = 0; k < nr; k++)
		b->failed += fails_again(b, r, again[k]);
	b->passed += r->n;
	return true;
}

/* As batch(), but a case at which KVM's side dies or hangs is one that failed: the rest goes on. */
static void patient_batch(struct both *b, struct request r)
{
	const u64 end = r.first + r.n;

	while (r.first < end && b->failed < MAX_SHOW) {
		u64 bad;

		r.n = end - r.first;
		if (batch(b, &r))
			return;
		b->failed++;
		b->passed++;
		bad = b->s->at;
		r.n = bad - r.first;
		if (r.n && !batch(b, &r))
			b->failed++;
		r.first = bad + 1;
	}
}

static void run_part(struct both *b, struct request r, u64 cases)
{
	u64 end = r.first + cases;

	for (; r.first < end && b->failed < MAX_SHOW; r.first += r.n) {
		r.n = end - r.first < BATCH ? end - r.first : BATCH;
		patient_batch(b, r);
	}
}

static void start_child(struct both *b)
{
	int there[2], back[2];

	if (pipe(there) || pipe(back))
		err(2, "kvmoracle");
	fflush(stdout);
	b->child = fork();
	if (b->child < 0)
		err(2, "kvmoracle: fork");
	if (!b->child) {
		close(there[1]);
		close(back[0]);
		kvm_side(there[0], back[1], b->s);
	}
	close(there[0]);
	close(back[1]);
	b->in = back[0];
	b->out = there[1];
}

static void start(struct both *b)
{
	b->s = mmap(NULL, sizeof(*b->s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->s == MAP_FAILED)
		err(2, "kvmoracle");
	signal(SIGPIPE, SIG_IGN);
	start_child(b);
	for (unsigned int n = 0; n < NR_ENGINES; n++)
		b->vm[n] = side_new_with("swbt", engines[n], n ? NULL : getenv("OPTIONS"));
}

static void finish(struct both *b)
{
	int status;

	close(b->out);
	if (waitpid(b->child, &status, 0) == b->child && status)
		printf("the process with kvm ended with status %x\n", (unsigned int)status);
	for (unsigned int n = 0; n < NR_ENGINES; n++)
		vm_destroy(b->vm[n]);
}

int main(int argc, char **argv)
{
	u64 cases = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
	u64 part = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	struct request r = { .seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1,
			     .first = argc > 4 ? strtoull(argv[4], NULL, 0) : 0,
			     .limit = MAX_STEPS,
			     .verbose = getenv("VERBOSE") };
	struct both b = { 0 };

	if (getenv("LIMIT"))
		r.limit = (unsigned int)strtoul(getenv("LIMIT"), NULL, 0);
	start(&b);
	for (r.part = PART_SINGLE; r.part <= PART_SEQUENCE; r.part++)
		if (!part || part == r.part)
			run_part(&b, r, part ? cases : cases / 2);
	finish(&b);
	known_print();
	printf("%" PRIu64 " with a known difference, %" PRIu64 " unsteady\n", b.excused,
	       b.unsteady);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n",
	       b.passed - (b.failed < b.passed ? b.failed : b.passed), b.failed);
	return b.failed ? 1 : 0;
}
