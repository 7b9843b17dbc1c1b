/* SPDX-License-Identifier: MIT */
#include "bench/session.h"
#include "bench/peer.h"
#include "common/hostkind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define GRACE_NS (5 * NSEC_PER_SEC)

int complain(const char *command, const struct error *err, int status)
{
	fprintf(stderr, "fvbench %s: %s\n", command, err->text);
	return status;
}

/* Sorts by time, and does not repeat. */
static void make_run_id(char *text, size_t size)
{
	time_t now = time(NULL);
	u32 salt = (u32)getpid();
	struct tm tm;
	size_t n = strftime(text, size, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));

	if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) < 0)
		salt ^= (u32)clock();
	snprintf(text + n, size - n, "-%08x", salt);
}

int session_select(struct session *s, struct error *err)
{
	size_t n = 0;
	int nr;

	s->suite = suite_load(&n);
	s->bench = calloc(n + 1, sizeof(const struct bench *));
	if (!s->suite || !s->bench)
		return fail(err, -ENOMEM, "out of memory");
	nr = suite_select(s->suite, n, s->o.glob, s->o.globs, s->bench, err);
	if (nr < 0)
		return nr;
	s->run.bench = s->bench;
	s->run.benches = (unsigned int)nr;
	return 0;
}

/* Every variant's guest sees the same processor. */
static void set_alike(struct session *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->run.variants; i++)
		if (!is_peer(s->variant[i].backend))
			s->alike[n++] = s->variant[i].backend;
	s->run.alike = s->alike;
}

/* How many of the selected benchmarks run in Linux. */
static unsigned int nr_linux(const struct session *s)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < s->run.benches; i++)
		n += s->bench[i]->in_linux;
	return n;
}

/* The kernel, by a path that holds wherever a sample's process goes. */
static int find_kernel(struct session *s, struct error *err)
{
	char path[PATH_MAX];
	int ret = suite_kernel(s->o.kernel, s->guests, path, err);

	if (ret)
		return ret;
	s->run.kernel = s->kernel;
	if (realpath(path, s->kernel) || !s->o.kernel)
		return 0;
	return fail(err, -errno, "cannot read %.200s: %s", path, strerror(errno));
}

static void set_numbers(struct session *s)
{
	const struct options *o = &s->o;
	unsigned int guests = nr_linux(s);

	s->run.reps = (unsigned int)o->reps;
	if (!o->reps)
		s->run.reps = guests && guests == s->run.benches ? 3 : 5;
	s->run.reps = design_least(&o->design, s->run.reps);
	s->run.timeout_ns = o->timeout_ns;
	if (!o->timeout_ns)
		s->run.timeout_ns = (guests ? 300 : 60) * NSEC_PER_SEC;
	s->run.iterations = o->iterations;
	s->run.scale = o->scale;
	s->run.mem_size = o->mem_size;
}

static int set_events(struct session *s, struct error *err)
{
	if (!s->o.events)
		return 0;
	s->run.counters = &s->counters;
	s->run.countsum = &s->countsum;
	return counters_parse(&s->counters, s->o.events, err);
}

/* A backend that cannot run here, where the user has said to go on without. */
static void on_missing(void *arg, const char *why)
{
	struct session *s = arg;
	size_t len = strlen(s->missing);

	fprintf(stderr, "fvbench: left out: %s\n", why);
	snprintf(s->missing + len, sizeof(s->missing) - len, "%s%s", len ? "\n" : "", why);
}

int session_init(struct session *s, const struct backend *const *table, struct error *err)
{
	struct options *o = &s->o;
	struct cpuid_table cpuid;
	struct pin_host host;
	int ret = session_select(s, err);

	if (!ret)
		ret = cpuid_build(&cpuid, o->cpu, err);
	if (!ret)
		ret = suite_guest_dir(o->guests, s->guests, err);
	if (!ret)
		ret = find_kernel(s, err);
	if (ret)
		return ret;
	o->variants.missing = o->skip_missing ? on_missing : NULL;
	o->variants.missing_arg = s;
	ret = variants_parse(s->variant, o->backends ? table : backends, o->backends, &o->variants,
			     err);
	if (ret < 0)
		return ret;
	s->run.variants = (unsigned int)ret;
	s->run.design = o->design;
	s->run.warn = stderr;
	pin_host(&host);
	ret = pin_parse(&s->run.pin, o->design.pin, &host, err);
	if (ret)
		return ret;
	ret = set_events(s, err);
	if (ret)
		return ret;
	make_run_id(s->run_id, sizeof(s->run_id));
	s->runner = (struct sample_runner){ peer_or_machine_body, s->guests, GRACE_NS };
	s->run.run_id = s->run_id;
	s->run.asked = o;
	s->run.missing = s->missing;
	s->run.guests = s->guests;
	s->run.single = &s->single;
	s->run.host_kind = host_kind();
	s->run.variant = s->variant;
	set_alike(s);
	set_numbers(s);
	s->run.cpu = o->cpu;
	s->run.progress = !o->quiet && isatty(STDERR_FILENO);
	return 0;
}

void session_fini(struct session *s)
{
	countsum_fini(&s->countsum);
	free(s->bench);
	free(s->suite);
}
