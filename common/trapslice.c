/* SPDX-License-Identifier: MIT */
/*
 * A log's beginning, end and slices of time. Slices are differences of the counters at the ends of
 * intervals, not sums of events: every cause that is counted is in them, those that translated code
 * or the host's kernel counts for itself among that, and a trap costs nothing more.
 */
#include "common/traplog.h"
#include "common/vm.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

struct traplog *traplog_new(void)
{
	void *p = mmap(NULL, sizeof(struct traplog), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void traplog_free(struct traplog *log)
{
	if (log)
		munmap(log, sizeof(*log));
}

void traplog_clear(struct traplog *log)
{
	const bool places = log->places;
	const u64 interval = log->interval;
	FILE *trace = log->trace;

	/* Slices beyond nr_slices were never written. */
	memset(log->slice, 0, log->nr_slices * sizeof(log->slice[0]));
	memset(log, 0, offsetof(struct traplog, slice));
	log->places = places;
	log->interval = interval;
	log->trace = trace;
}

/* The newest slice of CAUSE grows, when there is no room for another. */
static struct traplog_slice *newest(struct traplog *log, u32 cause)
{
	for (u32 n = log->nr_slices; n--;)
		if (log->slice[n].cause == cause)
			return &log->slice[n];
	return &log->slice[log->nr_slices - 1];
}

static void put_slice(struct traplog *log, u32 cause, u64 count, u64 cycles)
{
	struct traplog_slice *s;

	if (!count && !cycles)
		return;
	if (log->nr_slices == TRAPLOG_SLICES) {
		log->full = true;
		s = newest(log, cause);
		s->count += count;
		s->cycles += cycles;
		return;
	}
	log->slice[log->nr_slices++] =
		(struct traplog_slice){ log->slice_start, count, cycles, cause };
}

/* What came since the last look belongs to the slice that began then. */
static void look(struct traplog *log)
{
	struct vm *vm = log->vm;

	for (u32 i = 0; i < TRAP_NR; i++) {
		const struct trap_counter *c = &vm->traps.c[i];

		put_slice(log, i, c->count - log->seen_count[i], c->cycles - log->seen_cycles[i]);
		log->seen_count[i] = c->count;
		log->seen_cycles[i] = c->cycles;
	}
}

static void sync(struct vm *vm)
{
	if (vm->backend->sync_traps)
		vm->backend->sync_traps(vm);
}

/* The clock calls at or after the end of an interval; after several, the slices between them are
 * empty. */
static void on_timer(void *opaque)
{
	struct traplog *log = opaque;
	u64 now = clock_now(&log->vm->clock) - log->begin;

	sync(log->vm);
	look(log);
	log->slice_start = now - now % log->interval;
	timer_set(&log->vm->clock, &log->timer, log->begin + log->slice_start + log->interval);
}

void traplog_start(struct traplog *log, struct vm *vm)
{
	log->vm = vm;
	log->begin = clock_now(&vm->clock);
	log->instructions = vm->backend->instructions ? vm->backend->instructions(vm) : NULL;
	if (log->instructions)
		log->executed = *log->instructions;
	if (log->interval) {
		sync(vm);
		for (u32 i = 0; i < TRAP_NR; i++) {
			log->seen_count[i] = vm->traps.c[i].count;
			log->seen_cycles[i] = vm->traps.c[i].cycles;
		}
		timer_init(&vm->clock, &log->timer, on_timer, log);
		timer_set(&vm->clock, &log->timer, log->begin + log->interval);
	}
	vm->traps.log = log;
	traplog_resumed(log);
}

static void take_back(struct traplog *log)
{
	struct vm *vm = log->vm;
	u32 cause = TRAP_PORT_OUT, cycles = vm->end_mark_cycles;

	if (log->last.place && log->last.cause == cause) {
		log->last.place->count--;
		log->last.place->cycles -= log->last.cycles;
		log->apart[cause][log->last.bucket]--;
		if (log->last.bucket_insns < TRAP_BUCKETS)
			log->apart_insns[cause][log->last.bucket_insns]--;
	}
	/* As vm_marked_traps does. */
	if (vm->traps.c[cause].count > log->seen_count[cause])
		log->seen_count[cause]++;
	if (vm->traps.c[cause].cycles >= log->seen_cycles[cause] + cycles)
		log->seen_cycles[cause] += cycles;
}

void traplog_stop(struct traplog *log, bool mark)
{
	struct vm *vm = log->vm;

	if (!vm)
		return;
	sync(vm);
	if (mark)
		take_back(log);
	if (log->interval) {
		look(log);
		timer_set(&vm->clock, &log->timer, CLOCK_NEVER);
	}
	log->timed = vm->traps.timed & vm->traps.counted;
	vm->traps.log = NULL;
	log->vm = NULL;
}
