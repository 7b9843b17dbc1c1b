/* SPDX-License-Identifier: MIT */
#include "bench/peer.h"
#include "bench/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define QEMU	    "qemu-system-x86_64"
#define EXEC_FAILED 127
#define MICROVM	    "microvm"

/*
 * Under QEMU 7.2 not every start of Linux gets to init: microvm hangs in one of four, as the guest
 * looks for its clocks, and -M pc on a busy host gets its timer interrupts so late that the kernel
 * gives up. One that gives up, or does not get there within a fifteenth of the sample's time-out,
 * is started again.
 */
#define STARTS	 6
#define PATIENCE 15

static int probe_native(struct error *err)
{
	(void)err;
	return 0;
}

static int probe_qemu(struct error *err)
{
	const char *dirs = getenv("PATH");

	for (size_t len; dirs && *dirs; dirs += len + (dirs[len] == ':')) {
		char path[PATH_MAX];

		len = strcspn(dirs, ":");
		if (snprintf(path, sizeof(path), "%.*s/" QEMU, (int)len, dirs) <
			    (int)sizeof(path) &&
		    !access(path, X_OK))
			return 0;
	}
	return fail(err, -ENOENT, QEMU " is not installed; make deps installs it");
}

static int probe_qemu_kvm(struct error *err)
{
	const struct backend *kvm = backend_by_name("kvm");
	int ret = probe_qemu(err);

	/* What is no KVM for our machines is none for QEMU's. */
	return ret || !kvm ? ret : kvm->probe(err);
}

/* Model max unless it is one of the others. */
static const char *const cpu_models[] = { "max", "lean", "qemu64", MICROVM, NULL };

const struct backend peer_native = {
	.name = "native",
	.summary = "the work of compute guests and Linux workloads in an ordinary process",
	.probe = probe_native,
};
const struct backend peer_qemu_tcg = {
	.name = "qemu-tcg",
	.summary = "QEMU's emulator",
	.engines = cpu_models,
	.probe = probe_qemu,
};
const struct backend peer_qemu_kvm = {
	.name = "qemu-kvm",
	.summary = "QEMU with KVM",
	.probe = probe_qemu_kvm,
};

static const struct backend *const peers[] = { &peer_native, &peer_qemu_tcg, &peer_qemu_kvm };

bool is_peer(const struct backend *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		if (b == peers[i])
			return true;
	return false;
}

const struct backend *const *with_peers(const struct backend *const *table)
{
	static const struct backend *all[17];
	size_t n = 0;

	for (; table[n] && n < ARRAY_SIZE(all) - ARRAY_SIZE(peers) - 1; n++)
		all[n] = table[n];
	for (size_t i = 0; i < ARRAY_SIZE(peers); i++)
		all[n++] = peers[i];
	all[n] = NULL;
	return all;
}

bool peer_counts(const struct variant *peer, const struct counters *counters)
{
	for (unsigned int i = 0; counters && i < counters->nr; i++)
		if (counters->list[i].costly && !counters->list[i].reason[0])
			return peer->backend == &peer_native;
	return false;
}

static const char *cpu_model(const struct variant *peer)
{
	if (peer->backend == &peer_qemu_kvm)
		return "host";
	if (!strcmp(peer->engine, "lean"))
		return "max,erms=off,pku=off";
	return strcmp(peer->engine, MICROVM) ? peer->engine : "max";
}

static bool is_microvm(const struct variant *peer)
{
	return peer->backend == &peer_qemu_tcg && !strcmp(peer->engine, MICROVM);
}

void peer_options(const struct variant *peer, u64 mem_size, char *text, size_t size)
{
	text[0] = '\0';
	if (peer->backend != &peer_native)
		snprintf(text, size, mem_size ? "cpu=%s mem=%" PRIu64 "K" : "cpu=%s",
			 cpu_model(peer), (u64)(mem_size / KiB));
}

#define WORDS 40

struct command {
	char file[PATH_MAX], append[LINUX_APPEND], memory[32], events[32];
	struct counting counting;
	const char *argv[WORDS];
	size_t words;
};

static void add(struct command *c, const char *const *words)
{
	for (; *words && c->words < WORDS - 1; words++)
		c->argv[c->words++] = *words;
}

static void native_command(struct command *c)
{
	unsigned int n = counting_open_nr(&c->counting);

	snprintf(c->events, sizeof(c->events), COUNTERS_WORD "%u", n);
	add(c, (const char *const[]){ c->file, strstr(c->append, "iters="), n ? c->events : NULL,
				      NULL });
}

/* The machine that ours is, or for Linux one that is as plain. */
static void qemu_command(struct command *c, const struct sample_request *request)
{
	static const char *const always[] = {
		QEMU,
		"-nodefaults",
		"-no-user-config",
		"-no-reboot",
		"-display",
		"none",
		"-serial",
		"stdio",
		"-device",
		"isa-debug-exit,iobase=0xf4,iosize=4",
		"-name",
		"debug-threads=on", /* pin_tasks() knows the vCPU's by its name */
		NULL
	};
	bool kvm = request->variant->backend == &peer_qemu_kvm;

	snprintf(c->memory, sizeof(c->memory), "%" PRIu64 "K", (u64)(request->mem_size / KiB));
	add(c, always);
	add(c, (const char *const[]){ "-accel", kvm ? "kvm" : "tcg", NULL });
	if (is_microvm(request->variant))
		add(c, (const char *const[]){ "-M", MICROVM, NULL });
	add(c, (const char *const[]){ "-cpu", cpu_model(request->variant), "-m", c->memory,
				      "-append", c->append, NULL });
	if (request->bench->in_linux)
		add(c,
		    (const char *const[]){ "-kernel", request->kernel, "-initrd", c->file, NULL });
	else
		add(c, (const char *const[]){ "-device", "pc-testdev", "-kernel", c->file, NULL });
}

static int make_command(struct command *c, const char *dir, const struct sample_request *request,
			struct sample_raw *raw)
{
	bool native = request->variant->backend == &peer_native;
	int ret = bench_file(request->bench, dir, native, c->file, &raw->error);

	if (ret)
		return ret;
	machine_append(request, c->append);
	/* Of an emulator nobody could tell what is its guest's measured section. */
	if (native) {
		counting_open(&c->counting, request->counters, request->count, true, raw->counted);
		native_command(c);
	} else
		qemu_command(c, request);
	return 0;
}

/* Start it with what it prints going to *FD. */
static pid_t start(const struct command *c, int *fd)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends))
		return -1;
	pid = fork();
	if (!pid) {
		/* Whoever kills us after a time-out means the peer, too. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		counting_pass(&c->counting);
		if (!freopen("/dev/null", "r", stdin))
			_exit(EXEC_FAILED);
		execvp(c->argv[0], (char *const *)c->argv);
		_exit(EXEC_FAILED);
	}
	close(ends[1]);
	*fd = ends[0];
	if (pid < 0)
		close(ends[0]);
	return pid;
}

static u64 monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* All that is printed until the end. False: init's first line did not come within PATIENCE_NS (0:
 * wait). */
static bool collect(int fd, struct sample_raw *raw, u64 patience_ns)
{
	u64 end = monotonic_ns() + patience_ns;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char data[4096];
	ssize_t n = 1;

	while (n > 0) {
		u64 now = monotonic_ns();

		if (patience_ns && !raw->init_ticks) {
			if (now >= end)
				return false;
			if (poll(&pfd, 1, (int)((end - now) / 1000000) + 1) <= 0)
				continue;
		}
		n = read(fd, data, sizeof(data));
		if (n > 0)
			sample_print(raw, data, (size_t)n);
		else if (n < 0 && errno == EINTR)
			n = 1;
	}
	return true;
}

static void judge_end(const struct command *c, int status, struct sample_raw *raw)
{
	if (WIFSIGNALED(status))
		snprintf(raw->stop, sizeof(raw->stop), "%.100s died of signal %d", c->argv[0],
			 WTERMSIG(status));
	else if (WEXITSTATUS(status) == EXEC_FAILED)
		fail(&raw->error, -ENOENT, "cannot run %.150s", c->argv[0]);
	else
		raw->exit_status = WEXITSTATUS(status);
	raw->ended = !raw->error.text[0];
}

/* Why REQUEST cannot be done here, in the guest's words: it is not the sample that is at fault. */
static bool skipped(const struct sample_request *request, struct sample_raw *raw)
{
	bool native = request->variant->backend == &peer_native;

	if (native && !request->bench->native)
		sample_skip(raw, request->bench, "does not run natively");
	else if (is_microvm(request->variant) && !request->bench->boot)
		sample_skip(raw, request->bench,
			    "its guest cannot tell the time: for linux/boot only");
	else if (!native && request->bench->in_linux && access(request->kernel, R_OK))
		sample_skip(raw, request->bench, NO_KERNEL);
	else
		return false;
	return true;
}

/* Has process PID, ours, ended? It is not waited for yet. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
}

/* As soon as there is a vCPU thread, or not at all: what is fast enough may have ended. */
static void pin_qemu(const struct pin *pin, pid_t pid)
{
	const struct timespec pause = { 0, 1000000 };

	for (int i = 0; i < 1000 && !pin_tasks(pin, pid, 0) && !has_ended(pid); i++)
		nanosleep(&pause, NULL);
}

/* Run it once, with PATIENCE_NS as collect(). */
static void attempt(const struct command *c, const struct sample_request *request, u64 patience_ns,
		    struct sample_raw *raw)
{
	u64 before = monotonic_ns();
	int fd, status = 0;
	pid_t pid = start(c, &fd);
	bool ended;

	if (pid < 0) {
		fail(&raw->error, -errno, "cannot start %.150s: %s", c->argv[0], strerror(errno));
		return;
	}
	if (request->pin && request->pin->on && request->variant->backend == &peer_qemu_tcg)
		pin_qemu(request->pin, pid);
	ended = collect(fd, raw, patience_ns);
	close(fd);
	if (!ended)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	raw->wall_ns = monotonic_ns() - before;
	judge_end(c, status, raw);
}

/* As if nothing had been tried. */
static void forget(struct sample_raw *raw)
{
	raw->console_len = 0;
	raw->stop[0] = '\0';
	raw->exit_status = -1;
	raw->begin = __rdtsc();
}

static void peer_body(const char *dir, const struct sample_request *request, struct sample_raw *raw)
{
	bool guest = request->variant->backend == &peer_qemu_tcg && request->bench->in_linux;
	u64 patience_ns = guest ? request->timeout_ns / PATIENCE : 0;
	static struct command c;

	if (skipped(request, raw) || make_command(&c, dir, request, raw))
		return;
	for (int i = 0; i < (guest ? STARTS : 1); i++) {
		if (i)
			forget(raw);
		attempt(&c, request, patience_ns, raw);
		counting_end(&c.counting);
		if (raw->init_ticks || raw->error.text[0])
			return;
	}
	if (!guest)
		return;
	raw->exit_status = -1;
	snprintf(raw->stop, sizeof(raw->stop), "Linux did not get to init in %d starts", STARTS);
}

void peer_or_machine_body(void *arg, const struct sample_request *request, struct sample_raw *raw)
{
	if (is_peer(request->variant->backend))
		peer_body(arg, request, raw);
	else
		machine_body(arg, request, raw);
}
