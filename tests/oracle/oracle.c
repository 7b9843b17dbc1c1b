/* SPDX-License-Identifier: MIT */
/*
 * The host CPU as oracle: random unprivileged instructions with random registers, flags and memory,
 * natively in a child process and through swbt in a guest; everything is compared.
 *
 * usage: oracle SEED CASES [FIRST]
 *
 * Each case goes through the step engine, through the translator one instruction at a time, and
 * through it in blocks with all that it can do. A quarter of them are sequences (sequence.c). A
 * failure prints one line with what repeats it. Exit status 1 if any case failed.
 */
#include "tests/oracle/compare.h"
#include "tests/oracle/guest.h"
#include "tests/oracle/native.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BATCH 256
#ifndef MAX_SHOW
#define MAX_SHOW 40
#endif
/* Far more than one takes: an instruction that does not end. */
#define SECONDS_PER_BATCH 30

/* What parent and child share. The pipes say when whose turn it is. */
struct shared {
	volatile u64 at; /* which case the child was at, should it die */
	struct outcome native[BATCH];
};

static void run_natively(const struct world *w, u64 seed, int in, int out, struct shared *s)
{
	u64 range[2];

	native_init(w);
	while (read(in, range, sizeof(range)) == sizeof(range)) {
		alarm(SECONDS_PER_BATCH);
		for (u64 n = 0; n < range[1]; n++) {
			static struct test_case c;

			s->at = range[0] + n;
			case_make(&c, w, seed, range[0] + n);
			native_run(&c, &s->native[n]);
		}
		if (write(out, range, sizeof(range)) != sizeof(range))
			break;
	}
	_exit(0);
}

static void complain(const struct test_case *c, const char *who, const char *what)
{
	char text[128];

	printf("seed %" PRIu64 " case %" PRIu64 " bytes ", c->seed, c->n);
	for (unsigned int n = 0; n < c->length; n++)
		printf("%02x", c->bytes[n]);
	for (unsigned int n = 0; n < (c->nr ? c->nr : 1); n++) {
		const struct insn *i = c->nr ? &c->insns[n] : &c->insn;

		insn_format(i, c->before.rip, text, sizeof(text));
		printf("%s%s", n ? "; " : " (", text);
	}
	printf("): %s: %s\n", who, what);
}

/* Does C agree in all guests with what became of it natively? */
static bool agrees(struct guest *const *g, const struct test_case *c, const struct world *w,
		   const struct outcome *native, bool show)
{
	static struct outcome here;
	char what[160];

	for (unsigned int k = 0; k < NR_GUESTS; k++) {
		guest_run(g[k], c, &here);
		if (!compare(c, w, native, &here, what, sizeof(what)))
			continue;
		if (show)
			complain(c, guest_names[k], what);
		return false;
	}
	return true;
}

/* Cases FIRST to FIRST + N - 1, all ways. Number of failures, or -1 if the child died. */
static int batch(struct guest *const *g, const struct world *w, struct shared *s,
		 const int pipes[2], u64 seed, u64 first, u64 n)
{
	static struct test_case c;
	u64 range[2] = { first, n };
	int failures = 0;

	if (write(pipes[1], range, sizeof(range)) != sizeof(range))
		return -1;
	if (read(pipes[0], range, sizeof(range)) != sizeof(range)) {
		case_make(&c, w, seed, s->at);
		complain(&c, "host", "the native run died");
		return -1;
	}
	for (u64 k = 0; k < n; k++) {
		case_make(&c, w, seed, first + k);
		failures += !agrees(g, &c, w, &s->native[k], failures < MAX_SHOW);
	}
	return failures;
}

int main(int argc, char **argv)
{
	u64 seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	u64 cases = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
	u64 first = argc > 3 ? strtoull(argv[3], NULL, 0) : 0, failed = 0, done = 0;
	struct shared *s =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int there[2], back[2];
	struct world w;
	struct guest *g[NR_GUESTS];
	pid_t child;

	world_init(&w);
	if (s == MAP_FAILED || pipe(there) || pipe(back))
		err(2, "oracle");
	fflush(stdout);
	child = fork();
	if (child < 0)
		err(2, "oracle: fork");
	if (!child) {
		close(there[1]);
		close(back[0]);
		run_natively(&w, seed, there[0], back[1], s);
	}
	close(there[0]);
	close(back[1]);
	for (unsigned int k = 0; k < NR_GUESTS; k++)
		g[k] = guest_new(&w, (enum guest_kind)k);
	while (done < cases && failed < MAX_SHOW) {
		u64 n = cases - done < BATCH ? cases - done : BATCH;
		int r = batch(g, &w, s, (int[]){ back[0], there[1] }, seed, first + done, n);

		if (r < 0) {
			failed++;
			break;
		}
		failed += (u64)r;
		done += n;
	}
	close(there[1]);
	waitpid(child, NULL, 0);
	for (unsigned int k = 0; k < NR_GUESTS; k++)
		guest_free(g[k]);
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", done > failed ? done - failed : 0,
	       failed);
	return failed ? 1 : 0;
}
