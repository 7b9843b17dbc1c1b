/* SPDX-License-Identifier: MIT */
#include "bench/sample.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

static void __attribute__((noreturn))
child(const struct sample_runner *runner, const struct sample_request *request,
      struct sample_raw *raw)
{
	sigset_t none;

	/* Ctrl-C is for the parent, which then kills us; and nobody else would if it died. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	pin_vcpu(request->pin);
	runner->body(runner->arg, request, raw);
	_exit(0);
}

/* Wait until the child ends. 1: it did, 0: the time is over, -EINTR: a signal came. */
static int wait_child(int pidfd, u64 limit_ns, const sigset_t *mask)
{
	u64 end = now_ns() + limit_ns;

	for (;;) {
		struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
		u64 now = now_ns(), left = now < end ? end - now : 0;
		struct timespec ts = { (time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC) };
		int n = ppoll(&pfd, 1, limit_ns ? &ts : NULL, mask);

		if (n > 0)
			return 1;
		if (n < 0)
			return -errno;
		if (!left)
			return 0;
	}
}

#define FIRST_LINE "init: first line"

void sample_print(struct sample_raw *raw, const void *data, size_t len)
{
	size_t room = SAMPLE_CONSOLE - raw->console_len, old = raw->console_len;
	size_t before = strlen(FIRST_LINE);

	if (len > room)
		len = room;
	memcpy(raw->console + old, data, len);
	raw->console_len += len;
	/* It may have come in pieces. */
	if (before > old)
		before = old;
	if (!raw->init_ticks &&
	    memmem(raw->console + old - before, before + len, FIRST_LINE, strlen(FIRST_LINE)))
		raw->init_ticks = __rdtsc() - raw->begin;
}

void sample_skip(struct sample_raw *raw, const struct bench *bench, const char *reason)
{
	raw->console_len = (size_t)snprintf(raw->console, sizeof(raw->console),
					    VERDICT_PREFIX "bench=%s mode=%u skip reason=\"%s\"\n",
					    bench_guest_name(bench), bench->mode, reason);
	raw->exit_status = verdict_status(VERDICT_SKIP);
	raw->ended = 1;
}

static void __attribute__((format(printf, 2, 3)))
set_failed(struct sample *s, const char *format, ...)
{
	va_list ap;

	s->status = SAMPLE_FAIL;
	va_start(ap, format);
	vsnprintf(s->reason, sizeof(s->reason), format, ap);
	va_end(ap);
}

/* Where the last line ends that the guest printed; of a Linux kernel that gave up, what it said of
 * that. */
static size_t end_of_words(const struct sample_raw *raw)
{
	static const char panic[] = "Kernel panic - ";
	const char *at = memmem(raw->console, raw->console_len, panic, sizeof(panic) - 1);
	size_t end = raw->console_len;

	if (at)
		for (end = (size_t)(at - raw->console);
		     end < raw->console_len && raw->console[end] != '\n'; end++)
			;
	while (end && strchr("\r\n ", raw->console[end - 1]))
		end--;
	return end;
}

/* That line, for a reason's end. */
static void last_words(const struct sample_raw *raw, char *text, size_t size)
{
	size_t end = end_of_words(raw), start, n = 0;

	for (start = end; start && raw->console[start - 1] != '\n'; start--)
		;
	text[0] = '\0';
	if (start == end)
		return;
	n = (size_t)snprintf(text, size, "; last words: ");
	for (; start < end && n + 1 < size; start++)
		text[n++] = raw->console[start] >= ' ' && raw->console[start] <= '~'
				    ? raw->console[start]
				    : '?';
	text[n] = '\0';
}

/* The guest's own word against how its machine ended. */
static void judge_guest(struct sample *s, const struct sample_request *request)
{
	const struct sample_raw *raw = s->raw;
	struct verdict *v = &s->verdict;
	char words[120];
	struct error err;
	int ret;

	last_words(raw, words, sizeof(words));
	if (raw->exit_status < 0) {
		set_failed(s, "%s%s", raw->stop, words);
		return;
	}
	ret = verdict_find(v, raw->console, raw->console_len, &err);
	if (ret) {
		set_failed(s, "%s%s", err.text, ret == -ENODATA ? words : "");
		return;
	}
	if (strcmp(v->bench, bench_guest_name(request->bench)) || v->mode != request->bench->mode) {
		set_failed(s, "guest says it is %s, %u-bit", v->bench, v->mode);
		return;
	}
	if (raw->exit_status != verdict_status(v->kind)) {
		set_failed(s, "guest's exit status %d contradicts its result line",
			   raw->exit_status);
		return;
	}
	if (request->bench->boot && v->kind == VERDICT_OK) {
		if (!raw->init_ticks) {
			set_failed(s, "init printed no first line");
			return;
		}
		v->cycles = raw->init_ticks;
	}
	ret = chunks_find(&s->chunks, raw->console, raw->console_len);
	if (ret == -EINVAL) {
		set_failed(s, "guest's line of chunks is malformed");
		return;
	}
	s->warmup = warmup_of(s->chunks.per_op, s->chunks.n);
	s->status = (enum sample_status)v->kind;
	snprintf(s->reason, sizeof(s->reason), "%s", v->reason);
}

/* Make the array TEXT one line of text, whatever it holds. */
static void make_line(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

/* After a crash the shared memory may hold anything: make every length and string safe. */
static void sanitize(struct sample_raw *raw)
{
	make_line(raw->error.text, sizeof(raw->error.text));
	make_line(raw->stop, sizeof(raw->stop));
	if (raw->console_len > SAMPLE_CONSOLE)
		raw->console_len = SAMPLE_CONSOLE;
	if (raw->nr_counters > SAMPLE_COUNTERS)
		raw->nr_counters = SAMPLE_COUNTERS;
	for (u32 i = 0; i < raw->nr_counters; i++)
		make_line(raw->counter[i].name, sizeof(raw->counter[i].name));
}

static void judge(struct sample *s, const struct sample_request *request, bool in_time, int wstatus)
{
	sanitize(s->raw);
	if (!in_time)
		set_failed(s, "did not end within its time-out and was killed");
	else if (WIFSIGNALED(wstatus))
		set_failed(s, "the virtual machine's process died of signal %d (%s)",
			   WTERMSIG(wstatus), strsignal(WTERMSIG(wstatus)));
	else if (s->raw->error.text[0])
		set_failed(s, "%s", s->raw->error.text);
	else if (WEXITSTATUS(wstatus) || !s->raw->ended)
		set_failed(s, "the virtual machine's process exited with status %d before its end",
			   WEXITSTATUS(wstatus));
	else
		judge_guest(s, request);
}

static int supervise(pid_t pid, const struct sample_runner *runner,
		     const struct sample_request *request, const sigset_t *mask, int *wstatus)
{
	u64 limit = request->timeout_ns ? request->timeout_ns + runner->grace_ns : 0;
	int pidfd = pidfd_open(pid, 0);
	int ret = pidfd < 0 ? -errno : wait_child(pidfd, limit, mask);

	if (ret <= 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, wstatus, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
	return ret;
}

int sample_take(const struct sample_runner *runner, const struct sample_request *request,
		const sigset_t *mask, struct sample *sample, struct error *err)
{
	struct host_reading before;
	int wstatus = 0, ret;
	pid_t pid;

	memset(sample, 0, sizeof(*sample));
	sample->counters = request->counters;
	sample->raw = mmap(NULL, sizeof(*sample->raw), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sample->raw == MAP_FAILED) {
		sample->raw = NULL;
		return fail(err, -errno, "no memory for a sample: %s", strerror(errno));
	}
	sample->raw->exit_status = -1;
	host_read(&before, request->pin);
	sample->raw->begin = __rdtsc();
	pid = fork();
	if (!pid)
		child(runner, request, sample->raw);
	ret = pid < 0 ? -errno : supervise(pid, runner, request, mask, &wstatus);
	if (ret < 0) {
		sample_free(sample);
		return fail(err, ret, "cannot run a virtual machine's process: %s", strerror(-ret));
	}
	host_span(&sample->host, &before, request->pin);
	judge(sample, request, ret > 0, wstatus);
	return 0;
}

void sample_free(struct sample *sample)
{
	if (sample->raw)
		munmap(sample->raw, sizeof(*sample->raw));
	sample->raw = NULL;
}

/* The counter whose name ends in .END; 0: there is none. */
static u64 counter(const struct sample_raw *raw, const char *end)
{
	for (u32 i = 0; i < raw->nr_counters; i++) {
		const char *dot = strrchr(raw->counter[i].name, '.');

		if (dot && !strcmp(dot + 1, end))
			return raw->counter[i].value;
	}
	return 0;
}

bool sample_stepped(const struct sample_raw *raw)
{
	return counter(raw, "stepped") && !counter(raw, "entries");
}

const char *sample_status_name(enum sample_status status)
{
	static const char *const name[] = { "ok", "fail", "skip" };

	return name[status];
}
