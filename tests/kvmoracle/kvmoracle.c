/* SPDX-License-Identifier: MIT */
/*
 * KVM as oracle: the same random state and memory on a virtual machine of each backend, and what
 * both make of it compared.
 *
 * usage: kvmoracle SEED CASES [PART [FIRST]]
 *
 * Without PART, both parts. A failure prints one line with what repeats it. Exit status 1 if any
 * case failed.
 */
#include "tests/kvmoracle/differ.h"

#include <err.h>
#include <inttypes.h>
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
/* Far more than one takes: the machine itself hangs. */
#define SECONDS_PER_BATCH 120

struct request {
	u64 part, seed, first, n;
	bool verbose;
};

/* What parent (swbt) and child (kvm) share. The pipes say when whose turn it is. */
struct shared {
	volatile u64 at; /* which case the child was at, should it die */
	u64 excused; /* cases with a known difference */
	struct outcome kvm[BATCH];
};

static void kvm_side(int in, int out, struct shared *s)
{
	static struct ko_case c;
	struct request r;
	struct vm *vm = side_new("kvm");

	while (read(in, &r, sizeof(r)) == sizeof(r)) {
		alarm(SECONDS_PER_BATCH);
		for (u64 n = 0; n < r.n; n++) {
			s->at = r.first + n;
			case_make(&c, r.part, r.seed, r.first + n);
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

static void complain(const struct ko_case *c, const char *what)
{
	case_print(c);
	printf(": %s\n", what);
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
}

/* Both sides of R. Number of failures, or -1 if the child died. */
static int batch(struct vm **vm, struct shared *s, const int pipes[2], const struct request *r)
{
	static struct ko_case c;
	static struct outcome here;
	struct request done;
	const char *excuse;
	int failures = 0;
	char what[900];

	if (write(pipes[1], r, sizeof(*r)) != sizeof(*r))
		return -1;
	if (read(pipes[0], &done, sizeof(done)) != sizeof(done)) {
		case_make(&c, r->part, r->seed, s->at);
		complain(&c, "the run on kvm died");
		return -1;
	}
	for (u64 k = 0; k < r->n; k++) {
		case_make(&c, r->part, r->seed, r->first + k);
		side_run(vm, &c, &here);
		if (!differ(&c, &s->kvm[k], &here, what, sizeof(what), &excuse)) {
			s->excused += excuse != NULL;
			if (excuse && r->verbose)
				printf("case %" PRIu64 ": %s\n", c.n, excuse);
			continue;
		}
		complain(&c, what);
		if (r->verbose)
			show(&c, &s->kvm[k], &here);
		failures++;
	}
	return failures;
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	u64 cases = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
	u64 part = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
	u64 first = argc > 4 ? strtoull(argv[4], NULL, 0) : 0, failed = 0, passed = 0;
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int there[2], back[2];
	bool verbose = getenv("VERBOSE") != NULL;
	struct vm *vm;
	pid_t child;
	int status;

	if (s == MAP_FAILED || pipe(there) || pipe(back))
		err(2, "kvmoracle");
	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	child = fork();
	if (child < 0)
		err(2, "kvmoracle: fork");
	if (!child) {
		close(there[1]);
		close(back[0]);
		kvm_side(there[0], back[1], s);
	}
	close(there[0]);
	close(back[1]);
	vm = side_new("swbt");
	for (u64 p = PART_SINGLE; p <= PART_SEQUENCE; p++) {
		u64 all = part ? cases : cases / 2, done = 0;

		if (part && p != part)
			continue;
		while (done < all && failed < MAX_SHOW) {
			u64 n = all - done < BATCH ? all - done : BATCH;
			struct request r = { p, seed, first + done, n, verbose };
			int bad = batch(&vm, s, (int[]){ back[0], there[1] }, &r);

			if (bad < 0) {
				failed++;
				break;
			}
			failed += (u64)bad;
			passed += n - (u64)bad;
			done += n;
		}
	}
	close(there[1]);
	if (waitpid(child, &status, 0) == child && status)
		printf("the process with kvm ended with status %x\n", (unsigned int)status);
	vm_destroy(vm);
	printf("%" PRIu64 " passed (%" PRIu64 " with a known difference), %" PRIu64 " failed\n", passed,
	       s->excused, failed);
	return failed ? 1 : 0;
}
