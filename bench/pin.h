/* SPDX-License-Identifier: MIT */
/*
 * Which processor the vCPU thread runs on, and which all others. Linux hands a thread's processors
 * on to what it starts, so that the processes that engine trap runs guest code in stay with the
 * vCPU thread: the two take turns, and elsewhere each turn would wake another processor.
 */
#ifndef FVB_BENCH_PIN_H
#define FVB_BENCH_PIN_H

#include "common/error.h"
#include "common/types.h"

#include <sched.h>
#include <sys/types.h>

#define PIN_TEXT 128

struct pin {
	bool on;
	unsigned int cpu;    /* the vCPU thread's */
	cpu_set_t vcpu;	     /* just that */
	cpu_set_t others;    /* the other threads'; the same where there is nothing else */
	char text[PIN_TEXT]; /* OTHERS, as in LIST */
};

/* What the host offers to choose from. */
struct pin_host {
	cpu_set_t allowed;			 /* this process may run there */
	cpu_set_t isolated;			 /* the scheduler puts nothing there */
	cpu_set_t (*siblings)(unsigned int cpu); /* hyperthreads of CPU's core, CPU included */
};

/* Processors in LIST ("0,2-3") into SET, and the first that it names. False: it makes no sense. */
bool pin_list(const char *list, cpu_set_t *set, unsigned int *first);

/* This host. */
void pin_host(struct pin_host *host);

/*
 * LIST: the vCPU's processor first, then all others'; or "auto": an isolated processor, or else
 * the last that is allowed (the first gets most interrupts), and what is not its core for the
 * others. NULL: nothing is pinned. 0, or -EINVAL with ERR saying what HOST does not have.
 */
int pin_parse(struct pin *pin, const char *list, const struct pin_host *host, struct error *err);

/* The calling thread is the vCPU's, or what becomes it; or it is another. Without pinning, and for
 * NULL, nothing. */
void pin_vcpu(const struct pin *pin);
void pin_other(const struct pin *pin);

/*
 * Put the threads of process PID where they belong: VCPU (a thread's number; 0: those whose names
 * begin with "CPU ", as QEMU names them) on the vCPU's, all others on the others' processors.
 * Returns how many vCPU threads there were. Threads that end meanwhile are no error.
 */
unsigned int pin_tasks(const struct pin *pin, pid_t pid, pid_t vcpu);

#endif
