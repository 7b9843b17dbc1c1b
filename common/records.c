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

int records_open(struct records *rec, const struct record_paths *paths, struct vm *vm,
		 struct error *err)
{
	const char *const path[] = { paths->traps, paths->counters, paths->trace, paths->overhead };
	bool failed = false;
	int r;

	for (unsigned int i = 0; i < ARRAY_SIZE(path); i++)
		for (unsigned int j = 0; j < i; j++)
			if (args_same_file(path[i], path[j]))
				return fail(err, -EINVAL,
					    "--traps, --counters, --trace and --overhead need a "
					    "file each");
	r = vm->backend->open_records ? vm->backend->open_records(vm, err) : 0;

	if (r)
		return r;
	rec->path = *paths;
	rec->traps = open_record(paths->traps, &failed);
	rec->counters = open_record(paths->counters, &failed);
	rec->trace = open_record(paths->trace, &failed);
	rec->overhead = open_record(paths->overhead, &failed);
	vm->traps.trace = rec->trace;
	if (rec->trace)
		trap_trace_header(rec->trace);
	return failed ? -EIO : 0;
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
	if (rec->traps) {
		trapcsv_header(rec->traps);
		r = trapcsv_write(rec->traps, &key, &vm->traps);
		r = close_record(rec->traps, rec->path.traps, r);
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
