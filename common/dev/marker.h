/* SPDX-License-Identifier: MIT */
/*
 * Benchmark marker at port 0xfb0: a guest writes 1 where its measured section begins and 2 where it
 * ends. A read gives 0xfb, which tells a guest that it runs under fvbench; elsewhere the port
 * floats and the writes are lost. vCPU thread only.
 */
#ifndef FVB_MARKER_H
#define FVB_MARKER_H

#include "common/bus.h"
#include "common/types.h"

#define MARKER_PORT  0xfb0
#define MARKER_ID    0xfb
#define MARKER_BEGIN 1
#define MARKER_END   2

struct marker {
	void (*mark)(void *arg, unsigned int i);
	void *arg;
};

/* MARK gets 0 for MARKER_BEGIN, 1 for MARKER_END; other values are not reported. */
void marker_init(struct marker *marker, void (*mark)(void *arg, unsigned int i), void *arg);
int marker_attach(struct marker *marker, struct bus *pio);

#endif
