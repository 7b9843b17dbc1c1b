/* SPDX-License-Identifier: MIT */
#include "common/records.h"
#include "common/accountcsv.h"
#include "common/args.h"
#include "common/hostkind.h"
#include "common/trapcsv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static FILE *open_record(const char *path, bool *failed)
{
	FILE *f;

	if (!path)
		return NULL;
	f = fopen(path, "we");
	if (!f) {
		fprintf(stderr, "fvm: cannot write %s: %s\n", path, strerror(errno));
		*failed = true;
	}
	return f;
}

static int check_paths(const struct record_paths *p, struct error *err)
{
	const char *const path[] = { p->traps,	    p->counters,
				     p->trace,	    p->single.distances,
				     p->single.hot, p->single.timeline,
				     p->overhead };
	const char *twice = args_twice(path, ARRAY_SIZE(path));

	if (!twice)
		return 0;
	return fail(err, -EINVAL, "%s is named twice: what is recorded needs a file each", twice);
}

int records_open(struct records *rec, const struct record_paths *paths, struct vm *vm,
		 const char *kernel, struct error *err)
{
	bool failed = false;
	int r = check_paths(paths, err);

	if (!r && vm->backend->open_records)
		r = vm->backend->open_records(vm, err);
	if (r)
		return r;
	rec->path = *paths;
	rec->traps = open_record(paths->traps, &failed);
	rec->counters = open_record(paths->counters, &failed);
	rec->trace = open_record(paths->trace, &failed);
	rec->overhead = open_record(paths->overhead, &failed);
	if (failed)
		return -EIO;
	if (rec->trace)
		trap_trace_header(rec->trace);
	r = trapfiles_open(&rec->single, &paths->single, rec->trace, err);
	if (r)
		return r;
	trapfiles_guest(&rec->single, kernel);
	if (rec->single.log)
		traplog_start(rec->single.log, vm);
	return 0;
}

/* R: 0, or how writing went wrong already. */
static int close_record(FILE *f, const char *path, int r)
{
	int last = csv_close(f);

	r = r ?: last;
	if (r)
		fprintf(stderr, "fvm: %s is incomplete: %s\n", path, strerror(-r));
	return r;
}

static void write_counter(void *arg, const char *name, u64 value)
{
	FILE *f = arg;

	csv_text(f, name);
	fprintf(f, ",%" PRIu64 "\n", value);
}

int records_write(struct records *rec, struct vm *vm, const char *kernel, const char *irqchip)
{
	const char *slash = strrchr(kernel, '/');
	char run_id[64], options[CSV_OPTIONS];
	struct csv_key key = {
		.run_id = run_id,
		.backend = vm->backend->name,
		.engine = backend_engine(vm->backend, vm->config.engine),
		.options = options,
		.host_kind = host_kind(),
		.guest = slash ? slash + 1 : kernel,
	};
	struct error err = { "" };
	int r = 0;

	csv_options(options, sizeof(options), irqchip, vm->config.cpu, vm->ram.size, vm->backend,
		    &vm->config.options);
	snprintf(run_id, sizeof(run_id), "fvm-%lld-%d", (long long)time(NULL), getpid());
	if (rec->single.log) {
		traplog_stop(rec->single.log, false);
		r = trapfiles_write(&rec->single, &key, &err);
		if (r)
			fprintf(stderr, "fvm: %s\n", err.text);
	}
	if (rec->traps) {
		trapcsv_header(rec->traps);
		r |= close_record(rec->traps, rec->path.traps,
				  trapcsv_write(rec->traps, &key, &vm->traps));
	}
	if (rec->counters) {
		fputs("name,value\n", rec->counters);
		write_counter(rec->counters, "fvm.start_ns", rec->start);
		write_counter(rec->counters, "fvm.start_cpu_ns", rec->start_cpu);
		if (vm->backend->counters)
			vm->backend->counters(vm, write_counter, rec->counters);
		r |= close_record(rec->counters, rec->path.counters, 0);
	}
	r |= close_record(rec->trace, rec->path.trace, 0);
	if (rec->overhead) {
		accountcsv_header(rec->overhead);
		r |= close_record(rec->overhead, rec->path.overhead,
				  accountcsv_write(rec->overhead, &key, vm->account));
	}
	if (vm->backend->close_records && vm->backend->close_records(vm, &key, &err)) {
		fprintf(stderr, "fvm: %s\n", err.text);
		r = -EIO;
	}
	return r;
}

void records_free(struct records *rec)
{
	struct error err;

	trapfiles_close(&rec->single, &err);
}
