/* SPDX-License-Identifier: MIT */
#include "bench/machine.h"
#include "common/boot/boot.h"
#include "common/traplog.h"
#include "common/vm.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

struct machine {
	struct sample_raw *raw;
	const struct sample_request *request;
	struct vm *vm;
	/* The backend's counters at the first mark; those at the second go to raw. */
	u32 nr_before;
	struct sample_counter before[SAMPLE_COUNTERS];
	struct sample_counter *list;
	u32 *nr;
	struct counting counting;
};

static void on_console(void *arg, const void *data, size_t len)
{
	sample_print(arg, data, len);
}

static void on_counter(void *arg, const char *name, u64 value)
{
	struct machine *m = arg;
	struct sample_counter *c;

	if (*m->nr == SAMPLE_COUNTERS)
		return;
	c = &m->list[(*m->nr)++];
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->value = value;
}

/* What happened between the marks: the later value less the earlier one. A counter that went
 * down is a gauge and has no such difference. */
static void subtract_counters(struct machine *m)
{
	struct sample_raw *raw = m->raw;
	u32 kept = 0;

	for (u32 i = 0; i < raw->nr_counters; i++) {
		struct sample_counter c = raw->counter[i];
		u64 before = 0;

		for (u32 j = 0; j < m->nr_before; j++)
			if (!strcmp(m->before[j].name, c.name))
				before = m->before[j].value;
		if (c.value < before)
			continue;
		c.value -= before;
		raw->counter[kept++] = c;
	}
	raw->nr_counters = kept;
}

static void read_backend(struct machine *m, struct vm *vm, unsigned int i)
{
	if (!vm->backend->counters || !m->request->count)
		return;
	m->list = i ? m->raw->counter : m->before;
	m->nr = i ? &m->raw->nr_counters : &m->nr_before;
	*m->nr = 0;
	vm->backend->counters(vm, on_counter, m);
	if (i)
		subtract_counters(m);
}

static void log_traps(struct machine *m, struct vm *vm, unsigned int i)
{
	if (!m->request->log)
		return;
	if (i)
		traplog_stop(m->request->log, true);
	else
		traplog_start(m->request->log, vm);
}

/* The host's events are the inner bracket: reading the backend's counters is not counted. */
static void on_mark(void *arg, struct vm *vm, unsigned int i)
{
	struct machine *m = arg;

	if (i) {
		counting_end(&m->counting);
		log_traps(m, vm, i);
	}
	read_backend(m, vm, i);
	if (!i) {
		log_traps(m, vm, i);
		counting_begin(&m->counting);
	}
}

/* Of the whole run. */
static void all_counters(struct machine *m)
{
	m->list = m->raw->counter;
	m->nr = &m->raw->nr_counters;
	*m->nr = 0;
	if (m->vm->backend->counters)
		m->vm->backend->counters(m->vm, on_counter, m);
}

static int load(struct machine *m, const char *dir)
{
	const struct bench *bench = m->request->bench;
	char path[PATH_MAX], append[LINUX_APPEND];
	struct boot_params params = { .append = append };
	struct error *err = &m->raw->error;
	struct cpu_state entry;
	int ret;

	/* A path with a space or a comma would be no path of an initial ramdisk. */
	if (bench->in_linux && chdir(dir))
		return fail(err, -errno, "cannot enter %.200s: %s", dir, strerror(errno));
	ret = bench_file(bench, bench->in_linux ? "." : dir, false, path, err);
	if (ret)
		return ret;
	params.kernel = bench->in_linux ? m->request->kernel : path;
	params.initrd = bench->in_linux ? path : NULL;
	params.format = bench->in_linux ? BOOT_LINUX : BOOT_MULTIBOOT;
	machine_append(m->request, append);
	ret = boot_load(&m->vm->ram, &params, &entry, err);
	if (!ret)
		ret = m->vm->backend->set_state(m->vm, &entry, err);
	return ret;
}

void machine_append(const struct sample_request *request, char text[LINUX_APPEND])
{
	const struct bench *bench = request->bench;
	size_t n = 0;

	/* Nothing but the console, and that a guest that fails shall end. */
	if (bench->in_linux)
		n = (size_t)snprintf(text, LINUX_APPEND, "console=ttyS0 panic=-1 %s-- %s ",
				     bench->boot ? "" : "quiet ", bench_guest_name(bench));
	snprintf(text + n, LINUX_APPEND - n, "iters=%" PRIu64 "%s%s", request->iterations,
		 request->args ? " " : "", request->args ? request->args : "");
}

/* How the machine stopped, where that is not for the guest to say. */
static void describe_stop(struct sample_raw *raw, const struct vm *vm)
{
	static const char *const text[] = {
		[STOP_NONE] = "the machine stopped for no reason",
		[STOP_POWEROFF] = "guest switched the machine off",
		[STOP_RESET] = "guest reset the machine",
		[STOP_TRIPLE_FAULT] = "triple fault",
		[STOP_UNHANDLED] = "the backend cannot go on",
		[STOP_TIMEOUT] = "did not end within its time-out",
		[STOP_SIGNAL] = "stopped by a signal",
		[STOP_QUIT] = "stopped by the user",
	};

	if (vm->stop.kind == STOP_EXIT_PORT) {
		raw->exit_status = vm->stop.code;
		return;
	}
	snprintf(raw->stop, sizeof(raw->stop), "%s at rip %#" PRIx64 "%s%.120s",
		 text[vm->stop.kind], raw->state.rip, vm->error.text[0] ? ": " : "",
		 vm->error.text);
}

static int run(struct machine *m)
{
	struct sample_raw *raw = m->raw;
	u64 start = clock_now(&m->vm->clock);
	int ret;

	/* A boot has no marks: it is measured as a whole. */
	if (m->request->bench->boot && m->request->log)
		traplog_start(m->request->log, m->vm);
	ret = vm_run(m->vm);
	raw->wall_ns = clock_now(&m->vm->clock) - start;
	if (ret) {
		raw->error = m->vm->error;
		return ret;
	}
	ret = m->vm->backend->get_state(m->vm, &raw->state, &raw->error);
	if (ret)
		return ret;
	describe_stop(raw, m->vm);
	if (m->vm->account) {
		raw->account = *m->vm->account;
		raw->have_account = 1;
	}
	/* Of a guest without marks, too. */
	if (m->vm->account || (m->request->count && !m->vm->marks_seen))
		all_counters(m);
	if (m->request->bench->boot)
		raw->traps = m->vm->traps;
	raw->have_traps = m->request->bench->boot || !vm_marked_traps(m->vm, &raw->traps);
	if (m->request->bench->boot && m->request->log)
		traplog_stop(m->request->log, false);
	return 0;
}

static u64 monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

void machine_body(void *arg, const struct sample_request *request, struct sample_raw *raw)
{
	static struct machine m;
	const struct variant *v = request->variant;
	const struct vm_config config = {
		.backend = v->backend,
		.engine = v->engine[0] ? v->engine : NULL,
		.mem_size = request->mem_size,
		.options = v->options,
		.irqchip = v->irqchip,
		.cpu = request->cpu,
		.alike = request->alike,
		.timeout_ns = request->timeout_ns,
		.count_exits = request->count,
		.count_blocks = request->count_blocks,
		.account = request->account,
		.console = on_console,
		.console_arg = raw,
		.on_mark = on_mark,
		.on_mark_arg = &m,
	};
	u64 start = monotonic_ns();
	int ret;

	if (request->bench->in_linux && access(request->kernel, R_OK)) {
		sample_skip(raw, request->bench, NO_KERNEL);
		return;
	}
	m.raw = raw;
	m.request = request;
	counting_open(&m.counting, request->counters, request->count, false, raw->counted);
	ret = vm_create(&m.vm, &config, &raw->error);
	if (ret)
		return;
	ret = load(&m, arg);
	raw->start_ns = monotonic_ns() - start;
	/* Threads that the machine brought with it: they were begun where this one is. */
	pin_tasks(request->pin, getpid(), gettid());
	if (!ret)
		ret = run(&m);
	vm_destroy(m.vm);
	raw->ended = !ret;
}
