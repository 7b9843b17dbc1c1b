/* SPDX-License-Identifier: MIT */
/*
 * Orders to a world's stub and waiting for it (stub_signal.h): shared words, spinning, futexes, and
 * what is not believed without the kernel's word.
 */
#ifndef FVB_SWBT_DIRECT_HANDOVER_H
#define FVB_SWBT_DIRECT_HANDOVER_H

#include "backends/swbt/direct/stub_signal.h"

#include <sched.h>

struct handover {
	struct world *w;
	struct stub_control *control;
	struct stub_shared *shared;
	u32 spin;		   /* looks before one sleeps; 0: sleep at once */
	cpu_set_t cpus;		   /* where this process may run */
	u32 rest, misses, penalty; /* waits without spinning to come; see judge_spinning */
	bool settled;		   /* the kernel has said so, and no order has been given since */
	bool leaving;		   /* it is another world's turn next: sleep, do not spin */
	volatile bool running;	   /* guest code may run, as far as we know */
	volatile bool kicked;	   /* and shall come back */
};

/*
 * What a world that has been told to stop has had of that. Time on the wall is nothing to go by: it
 * passes while the host has other things to do, while we are stopped, and while the machine below
 * does not run; the process's own clock may count the latter, too, but we do not look meanwhile.
 */
struct patience {
	u64 cpu;	     /* its processor time, ns, at the first look */
	unsigned int looks;  /* 0: not yet */
	unsigned int asleep; /* the latest ones, in which it slept in the stub and nothing would
				wake it */
};

/* Look: its processor time is CPU, it is ASLEEP or not. Has it had enough? */
bool patience_over(struct patience *p, u64 cpu, bool asleep);

/* W, CONTROL and SHARED are set; the rest is zero. W->spin does not count where there is just one
 * processor. */
void handover_init(struct handover *h);

/* Give an order. */
void handover_order(struct handover *h, u32 kind);

/* Wait for the world to stop. 0, or -ESRCH: it is dead, by itself or because it did not stop:
 * w->status, w->fate. */
int handover_wait(struct handover *h);

/* The world says that it has stopped. Have the kernel confirm that it sleeps in the stub, out of
 * which only an order leads. LEAVE: the next order will not come soon, so that it shall not spin,
 * maybe on the processor that another world is to run on. 0 or -ESRCH as above. */
int handover_settle(struct handover *h, bool leave);

/* Async-signal-safe, errno left alone: have the world stop soon. */
void handover_kick(struct handover *h);

#define HANDOVER_KICK SIGUSR1 /* sent to worlds */

#endif
