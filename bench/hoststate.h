/* SPDX-License-Identifier: MIT */
/*
 * What the host did while a sample was taken: time stolen by the hypervisor below, other programs,
 * a busy hyperthread, context switches, frequency, throttling. And what to say about it to a
 * person. What the host does not tell is NAN.
 */
#ifndef FVB_BENCH_HOSTSTATE_H
#define FVB_BENCH_HOSTSTATE_H

#include "bench/pin.h"
#include "common/types.h"

#include <stdio.h>

/* Of processors, in units of 1 / sysconf(_SC_CLK_TCK) s; proc(5), /proc/stat. */
struct ticks {
	u64 busy, idle, steal;
};

/* Sum those of the processors in SET, of F in /proc/stat's format. False: none is there. */
bool ticks_read(FILE *f, const cpu_set_t *set, struct ticks *sum);

/* The host's counters at one time. */
struct host_reading {
	u64 ns;			      /* CLOCK_MONOTONIC */
	struct ticks here, core, all; /* where the vCPU may run; the other hyperthreads of the
				       * pinned one's core; all processors */
	u64 cpu_ns;		      /* processor time of children that were waited for */
	u64 forced, own;	      /* their context switches: involuntary, voluntary */
	double throttled;	      /* of the vCPU's processor, for heat; NAN: not counted */
};
void host_read(struct host_reading *r, const struct pin *pin);

/* What one sample met. */
struct host_span {
	struct ticks here, core; /* how far those went */
	double forced, own;	 /* context switches of the sample's processes */
	double cpu_ns;		 /* their processor time */
	double steal_share;	 /* 0..1 of the time of the processors the vCPU may run on */
	double core_busy_share;	 /* of the other hyperthreads' time; NAN: none, or not pinned */
	double others_share;	 /* of all processors' time: busy with other things than this */
	double throttled;	 /* times */
	double khz;		 /* frequency of the vCPU's processor at the end; NAN: unpinned */
	double load;		 /* over the last minute, at the end */
};

/* From BEFORE to now, the sample's processes having been waited for in between. */
void host_span(struct host_span *span, const struct host_reading *before, const struct pin *pin);

/* Call FN with each thing known of SPAN: a metric's name, unit and value. */
void host_each(const struct host_span *span,
	       void (*fn)(void *arg, const char *name, const char *unit, double value), void *arg);

/* Of all samples. Zeroed at the start. */
struct host_sum {
	struct ticks here, core;
	double throttled;
};
void host_add(struct host_sum *sum, const struct host_span *span);

/* What may be wrong with a host; NAN and -1 where it is not known. */
struct host_matters {
	int governor, turbo, pinned; /* is performance; is on; is */
	double load_per_cpu, steal_share, core_busy_share, throttled;
};
void host_before(struct host_matters *m, const struct pin *pin);
void host_after(struct host_matters *m, const struct host_sum *sum);

/* A line into F for each of M that makes times unsteady: what it is, and what to do. */
void host_warn(FILE *f, const struct host_matters *m);

#endif
