/* SPDX-License-Identifier: MIT */
#include "common/worker.h"

#include <CUnit/CUnit.h>
#include <signal.h>
#include <unistd.h>

#define JOBS 200

struct numbered {
	struct job job;
	unsigned int ran; /* as which one, from 1; 0: not yet */
};

static struct numbered jobs[JOBS];
static unsigned int runs;
static atomic_uint notified;
static atomic_bool hold;

static sigset_t blocked;

static void run(struct job *job)
{
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	while (atomic_load(&hold))
		usleep(100);
	((struct numbered *)job)->ran = ++runs;
}

static void on_done(void *arg)
{
	atomic_fetch_add((atomic_uint *)arg, 1);
}

static void start(struct worker *w)
{
	runs = 0;
	atomic_store(&notified, 0);
	atomic_store(&hold, false);
	CU_ASSERT_EQUAL_FATAL(worker_start(w, on_done, &notified, NULL), 0);
	for (unsigned int i = 0; i < JOBS; i++)
		jobs[i] = (struct numbered){ .job.run = run };
}

static void test_order(void)
{
	struct worker w;
	struct job *job;

	start(&w);
	CU_ASSERT_PTR_NULL(worker_done(&w));
	for (unsigned int i = 0; i < JOBS; i++)
		worker_submit(&w, &jobs[i].job);
	for (unsigned int i = 0; i < JOBS; i++) {
		while (!(job = worker_done(&w)))
			usleep(100);
		CU_ASSERT_PTR_EQUAL(job, &jobs[i].job);
		CU_ASSERT_EQUAL(jobs[i].ran, i + 1);
	}
	CU_ASSERT_PTR_NULL(worker_done(&w));
	CU_ASSERT(atomic_load(&notified) >= 1);
	/* Signals are for the vCPU's thread, but for those that tell a thread of its own faults. */
	CU_ASSERT_EQUAL(sigismember(&blocked, SIGTERM), 1);
	CU_ASSERT_EQUAL(sigismember(&blocked, SIGRTMIN + 1), 1);
	CU_ASSERT_EQUAL(sigismember(&blocked, SIGSEGV), 0);
	CU_ASSERT_EQUAL(sigismember(&blocked, SIGSYS), 0);
	worker_stop(&w);
	worker_stop(&w);
}

/* A job that is done after everything was taken is announced again; those in between are not. */
static void test_notify(void)
{
	struct worker w;

	start(&w);
	for (unsigned int i = 0; i < 10; i++) {
		unsigned int before = atomic_load(&notified);

		worker_submit(&w, &jobs[i].job);
		while (atomic_load(&notified) == before)
			usleep(100);
		CU_ASSERT_PTR_EQUAL(worker_done(&w), &jobs[i].job);
		CU_ASSERT_PTR_NULL(worker_done(&w));
	}
	CU_ASSERT_EQUAL(atomic_load(&notified), 10);
	worker_stop(&w);
}

static void test_stop(void)
{
	struct worker w;

	start(&w);
	atomic_store(&hold, true);
	for (unsigned int i = 0; i < JOBS; i++)
		worker_submit(&w, &jobs[i].job);
	atomic_store(&hold, false);
	worker_stop(&w);
	CU_ASSERT_EQUAL(runs, JOBS);
}

CU_TestInfo tests_worker[] = {
	{ "in order", test_order },
	{ "a notification for what was not there before", test_notify },
	{ "all is done before the end", test_stop },
	CU_TEST_INFO_NULL,
};
