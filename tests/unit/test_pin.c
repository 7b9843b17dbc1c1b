/* SPDX-License-Identifier: MIT */
#include "bench/pin.h"
#include "common/thread.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <semaphore.h>
#include <string.h>
#include <unistd.h>

/* Four cores with two hyperthreads each: 0 and 4, 1 and 5, ... */
static cpu_set_t pairs(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % 4, &set);
	CPU_SET(cpu % 4 + 4, &set);
	return set;
}

static struct pin_host host_with(const char *allowed, const char *isolated)
{
	struct pin_host host = { .siblings = pairs };
	unsigned int first;

	CU_ASSERT_TRUE_FATAL(pin_list(allowed, &host.allowed, &first));
	CPU_ZERO(&host.isolated);
	if (isolated)
		CU_ASSERT_TRUE_FATAL(pin_list(isolated, &host.isolated, &first));
	return host;
}

static void test_lists(void)
{
	static const char *const bad[] = { "",	  "x",	"1,",  "1-",  "3-1",  ",1",
					   "1 2", "-1", "1-x", "1;2", "99999" };
	unsigned int first = 0;
	cpu_set_t set;

	CU_ASSERT_TRUE(pin_list("3,0-1", &set, &first));
	CU_ASSERT_EQUAL(first, 3);
	CU_ASSERT_EQUAL(CPU_COUNT(&set), 3);
	CU_ASSERT_TRUE(CPU_ISSET(0, &set) && CPU_ISSET(1, &set) && CPU_ISSET(3, &set));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CU_ASSERT_FALSE(pin_list(bad[i], &set, &first));
}

static void test_asked(void)
{
	struct pin_host host = host_with("0-3", NULL);
	struct error err = { "" };
	struct pin pin;

	CU_ASSERT_EQUAL(pin_parse(&pin, NULL, &host, &err), 0);
	CU_ASSERT_FALSE(pin.on);
	CU_ASSERT_EQUAL(pin_parse(&pin, "2", &host, &err), 0);
	CU_ASSERT_TRUE(pin.on);
	CU_ASSERT_EQUAL(pin.cpu, 2);
	CU_ASSERT_STRING_EQUAL(pin.text, "2");
	CU_ASSERT_EQUAL(pin_parse(&pin, "2,0-1,3", &host, &err), 0);
	CU_ASSERT_EQUAL(pin.cpu, 2);
	CU_ASSERT_STRING_EQUAL(pin.text, "0-1,3");
	CU_ASSERT_EQUAL(pin_parse(&pin, "1,4", &host, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "online and allowed"));
	CU_ASSERT_EQUAL(pin_parse(&pin, "any", &host, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "takes auto or"));
}

static void test_auto(void)
{
	struct pin_host host = host_with("0-7", NULL);
	struct pin pin;

	/* Nobody else on the same core. */
	CU_ASSERT_EQUAL(pin_parse(&pin, "auto", &host, NULL), 0);
	CU_ASSERT_EQUAL(pin.cpu, 7);
	CU_ASSERT_STRING_EQUAL(pin.text, "0-2,4-6");
	/* An isolated one is not among those allowed by default. */
	host = host_with("0,2-7", "1");
	CU_ASSERT_EQUAL(pin_parse(&pin, "auto", &host, NULL), 0);
	CU_ASSERT_EQUAL(pin.cpu, 1);
	CU_ASSERT_STRING_EQUAL(pin.text, "0,2-4,6-7");
	/* Just one core: better its hyperthread than the same processor. */
	host = host_with("2,6", NULL);
	CU_ASSERT_EQUAL(pin_parse(&pin, "auto", &host, NULL), 0);
	CU_ASSERT_EQUAL(pin.cpu, 6);
	CU_ASSERT_STRING_EQUAL(pin.text, "2");
	host = host_with("5", NULL);
	CU_ASSERT_EQUAL(pin_parse(&pin, "auto", &host, NULL), 0);
	CU_ASSERT_STRING_EQUAL(pin.text, "5");
}

struct other {
	sem_t done;
	pid_t tid;
	sem_t started;
};

static void *wait_in_thread(void *arg)
{
	struct other *o = arg;

	o->tid = gettid();
	sem_post(&o->started);
	sem_wait(&o->done);
	return NULL;
}

/* A thread that was there before is where others are, this one is where the vCPU is. */
static void test_tasks(void)
{
	struct pin_host host;
	struct other other;
	cpu_set_t before, set;
	pthread_t thread;
	struct pin pin;

	pin_host(&host);
	before = host.allowed;
	CU_ASSERT_EQUAL_FATAL(pin_parse(&pin, "auto", &host, NULL), 0);
	pin_vcpu(&pin);
	sem_init(&other.done, 0, 0);
	sem_init(&other.started, 0, 0);
	CU_ASSERT_EQUAL_FATAL(thread_start(&thread, wait_in_thread, &other), 0);
	sem_wait(&other.started);
	CU_ASSERT_EQUAL(pin_tasks(&pin, getpid(), gettid()), 1);
	CU_ASSERT_EQUAL(sched_getaffinity(0, sizeof(set), &set), 0);
	CU_ASSERT_TRUE(CPU_EQUAL(&set, &pin.vcpu));
	CU_ASSERT_EQUAL(sched_getaffinity(other.tid, sizeof(set), &set), 0);
	CU_ASSERT_TRUE(CPU_EQUAL(&set, &pin.others));
	/* None is called as QEMU calls them. */
	CU_ASSERT_EQUAL(pin_tasks(&pin, getpid(), 0), 0);
	pthread_setname_np(thread, "CPU 0/TCG");
	CU_ASSERT_EQUAL(pin_tasks(&pin, getpid(), 0), 1);
	sched_getaffinity(other.tid, sizeof(set), &set);
	CU_ASSERT_TRUE(CPU_EQUAL(&set, &pin.vcpu));
	sem_post(&other.done);
	pthread_join(thread, NULL);
	sched_setaffinity(0, sizeof(before), &before);
	pin.on = false;
	CU_ASSERT_EQUAL(pin_tasks(&pin, getpid(), 0), 0);
	pin_vcpu(NULL);
}

CU_TestInfo tests_pin[] = {
	{ "lists of processors", test_lists },
	{ "the processors that were asked for", test_asked },
	{ "a processor is chosen", test_auto },
	{ "threads go where they belong", test_tasks },
	CU_TEST_INFO_NULL,
};
