/* SPDX-License-Identifier: MIT */
/*
 * Counters of the host's processor and kernel (perf_event_open(2)), one event each: open, read, and
 * what is left of two readings where the event had to share a counter with others.
 *
 * Events are opened by the vCPU's thread, for itself, and are inherited by what it forks: the
 * processes of engines `trap` and `trap+patch`, a native program's children. So no two are a group:
 * the kernel does not read groups of inherited events.
 */
#ifndef FVB_BENCH_PMU_H
#define FVB_BENCH_PMU_H

#include "common/types.h"

#include <linux/perf_event.h>

struct pmu_event {
	struct perf_event_attr attr; /* what to count; format and inheritance are pmu_open's */
	const char *unit;	     /* "count", or "ns" of the kernel's clocks */
};

/* One event at one moment; all three only grow. */
struct pmu_reading {
	u64 value;
	u64 enabled; /* ns during which it should have counted, summed over threads */
	u64 running; /* ns during which it did */
};

/* What was counted between two moments. */
struct pmu_count {
	u64 value;    /* scaled up by 1 / SHARE */
	u64 raw;      /* as the counter had it */
	double share; /* of the time that it was counting: above 0, at most 1 */
};

/* Open EVENT for the calling thread and its later children. STOPPED: it counts from
 * PERF_EVENT_IOC_ENABLE on. A descriptor, or a negative errno. */
int pmu_open(const struct pmu_event *event, bool stopped);

/* Read the event behind FD. 0 or a negative errno. */
int pmu_read(int fd, struct pmu_reading *reading);

/*
 * What was counted from BEFORE to AFTER, scaled (rounded to nearest) as if the event had been
 * running all the time: value * enabled / running. -ENODATA where it never got a counter, or the
 * readings are not in order; OUT is as it was then.
 */
int pmu_between(const struct pmu_reading *before, const struct pmu_reading *after,
		struct pmu_count *out);

/* Why pmu_open(EVENT) failed with negative errno CODE, and what can be done: one line into TEXT. */
void pmu_reason(const struct pmu_event *event, int code, char *text, size_t size);

#endif
