/* SPDX-License-Identifier: MIT */
/* The host kernel's tracepoints, as its tracefs shows them (Linux, Documentation/trace/events.rst).
 */
#ifndef FVB_TRACEFS_H
#define FVB_TRACEFS_H

#include "common/types.h"

/* The number that perf_event_open() knows SYSTEM:EVENT by. -ENOENT: there is none, or no tracefs is
 * mounted, or it may not be read. */
int tracefs_id(const char *system, const char *event);

/* Can this process read a tracefs at all? */
bool tracefs_readable(void);

/* Call FN for each event of SYSTEM, by name; what FN returns other than 0 ends that and is
 * returned. 0 also where there is no such SYSTEM. */
int tracefs_each(const char *system, int (*fn)(void *arg, const char *event), void *arg);

#endif
