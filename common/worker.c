/* SPDX-License-Identifier: MIT */
#include "common/worker.h"
#include "common/thread.h"

#include <string.h>

static void append(struct job_list *list, struct job *job)
{
	job->next = NULL;
	if (list->first)
		list->last->next = job;
	else
		list->first = job;
	list->last = job;
}

static struct job *take(struct job_list *list)
{
	struct job *job = list->first;

	if (job)
		list->first = job->next;
	return job;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct job *job;

	pthread_mutex_lock(&w->mutex);
	for (;;) {
		job = take(&w->waiting);
		if (!job && w->stop)
			break;
		if (!job) {
			pthread_cond_wait(&w->wake, &w->mutex);
			continue;
		}
		pthread_mutex_unlock(&w->mutex);
		job->run(job);
		pthread_mutex_lock(&w->mutex);
		append(&w->done, job);
		/* One kick is enough for all that is done before it is answered. */
		if (!atomic_exchange(&w->any_done, true)) {
			pthread_mutex_unlock(&w->mutex);
			w->notify(w->arg);
			pthread_mutex_lock(&w->mutex);
		}
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

int worker_start(struct worker *w, void (*notify)(void *arg), void *arg, struct error *err)
{
	int r;

	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->wake, NULL);
	w->notify = notify;
	w->arg = arg;
	r = thread_start(&w->thread, work, w);
	if (r)
		return fail(err, r, "cannot start a device's thread: %s", strerror(-r));
	w->started = true;
	return 0;
}

void worker_stop(struct worker *w)
{
	if (!w->started)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->mutex);
	w->started = false;
}

void worker_submit(struct worker *w, struct job *job)
{
	pthread_mutex_lock(&w->mutex);
	append(&w->waiting, job);
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->mutex);
}

struct job *worker_done(struct worker *w)
{
	struct job *job;

	if (!atomic_load(&w->any_done))
		return NULL;
	pthread_mutex_lock(&w->mutex);
	job = take(&w->done);
	if (!job)
		atomic_store(&w->any_done, false);
	pthread_mutex_unlock(&w->mutex);
	return job;
}
