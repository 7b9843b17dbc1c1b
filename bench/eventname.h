/* SPDX-License-Identifier: MIT */
/*
 * Names of events. Those of libpfm4 ("cycles", "dTLB-load-misses:u", "page-faults", the processor's
 * own such as "RETIRED_INSTRUCTIONS", raw ones such as "r01c4") with its modifiers (u, k: user
 * code, the kernel's; mg, mh: while a guest of kvm runs, while none does), and SYSTEM:EVENT for the
 * kernel's tracepoints.
 */
#ifndef FVB_BENCH_EVENTNAME_H
#define FVB_BENCH_EVENTNAME_H

#include "bench/pmu.h"
#include "common/error.h"

enum event_group { EVENT_HARDWARE, EVENT_SOFTWARE, EVENT_TRACEPOINT, EVENT_GROUPS };

/* "hardware", "software", "tracepoint". */
const char *event_group_name(enum event_group group);
enum event_group event_group(const struct pmu_event *event);

/*
 * NAME to what perf_event_open() wants; without modifiers user code and kernel, guests and host are
 * all counted. 0; -ENOENT: no such event or modifier on this host, ERR says so and names one that
 * may have been meant; -EINVAL: NAME asks for samples or more than one event.
 */
int event_encode(const char *name, struct pmu_event *event, struct error *err);

/*
 * Call FN for every event of libpfm4's that is not another name of one before it, generic ones
 * first, then this processor's own: by the name that people write, and what it is. What FN returns
 * other than 0 ends that and is returned; -ENOTSUP where libpfm4 does not work here.
 */
int event_each(int (*fn)(void *arg, const char *name, const char *text), void *arg);

/* "4.13" or what the library is. */
void event_library(char *text, size_t size);

#endif
