/* SPDX-License-Identifier: MIT */
/*
 * A thread for what may block: jobs are done in order, and handed back to the vCPU thread, which
 * asks for those that are done when it is kicked. The thread touches nothing but the job.
 */
#ifndef FVB_WORKER_H
#define FVB_WORKER_H

#include "common/error.h"
#include "common/types.h"

#include <pthread.h>
#include <stdatomic.h>

struct job {
	void (*run)(struct job *job); /* on the worker's thread */
	struct job *next;	      /* the worker's */
};

struct job_list {
	struct job *first, *last;
};

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct job_list waiting, done; /* under the mutex */
	bool started, stop;
	atomic_bool any_done;
	void (*notify)(void *arg); /* on the worker's thread: a job is done */
	void *arg;
};

/* Start the thread. 0, or negative errno with ERR filled. */
int worker_start(struct worker *w, void (*notify)(void *arg), void *arg, struct error *err);
/* Do all that waits, then end the thread. Harmless on a zeroed one. */
void worker_stop(struct worker *w);

/* Do JOB, which stays the worker's until worker_done returns it. */
void worker_submit(struct worker *w, struct job *job);
/* The next job that is done, or NULL: cheap if there is none. */
struct job *worker_done(struct worker *w);

#endif
