/* SPDX-License-Identifier: MIT */
#include "bench/hoststate.h"
#include "bench/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define CPU_DIR "/sys/devices/system/cpu/"

bool ticks_read(FILE *f, const cpu_set_t *set, struct ticks *sum)
{
	char line[512];
	bool found = false;

	memset(sum, 0, sizeof(*sum));
	/* Lines of processors come first, before some that may be very long. */
	while (fgets(line, sizeof(line), f) && !strncmp(line, "cpu", 3)) {
		unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
		unsigned int cpu;

		if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &cpu, &user,
			   &nice, &system, &idle, &iowait, &irq, &softirq, &steal) != 9 ||
		    cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, set))
			continue;
		sum->busy += user + nice + system + irq + softirq;
		sum->idle += idle + iowait;
		sum->steal += steal;
		found = true;
	}
	return found;
}

static void read_ticks(const cpu_set_t *set, struct ticks *sum)
{
	FILE *f = fopen("/proc/stat", "re");

	memset(sum, 0, sizeof(*sum));
	if (!f)
		return;
	ticks_read(f, set, sum);
	fclose(f);
}

/* A number that is the first line of a file of processor CPU's; NAN: there is none. */
static double cpu_number(unsigned int cpu, const char *file)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), CPU_DIR "cpu%u/%s", cpu, file);
	return fact_line(path, text, sizeof(text)) ? strtod(text, NULL) : NAN;
}

static double throttled(const struct pin *pin)
{
	return cpu_number(pin && pin->on ? pin->cpu : 0, "thermal_throttle/core_throttle_count");
}

static u64 timeval_ns(const struct timeval *tv)
{
	return (u64)tv->tv_sec * NSEC_PER_SEC + (u64)tv->tv_usec * 1000;
}

void host_read(struct host_reading *r, const struct pin *pin)
{
	struct pin_host host;
	struct rusage usage;
	struct timespec ts;
	cpu_set_t set;

	memset(r, 0, sizeof(*r));
	pin_host(&host);
	read_ticks(pin && pin->on ? &pin->vcpu : &host.allowed, &r->here);
	if (pin && pin->on) {
		set = host.siblings(pin->cpu);
		CPU_CLR(pin->cpu, &set);
		read_ticks(&set, &r->core);
	}
	memset(&set, 0xff, sizeof(set));
	read_ticks(&set, &r->all);
	getrusage(RUSAGE_CHILDREN, &usage);
	r->cpu_ns = timeval_ns(&usage.ru_utime) + timeval_ns(&usage.ru_stime);
	r->forced = (u64)usage.ru_nivcsw;
	r->own = (u64)usage.ru_nvcsw;
	r->throttled = throttled(pin);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	r->ns = (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

static struct ticks since(const struct ticks *before, const struct ticks *now)
{
	return (struct ticks){ now->busy - before->busy, now->idle - before->idle,
			       now->steal - before->steal };
}

/* PART of all that T has. */
static double share(u64 part, const struct ticks *t)
{
	u64 all = t->busy + t->idle + t->steal;

	return all ? (double)part / (double)all : NAN;
}

static double load_now(void)
{
	char text[FACT_TEXT];

	return fact_line("/proc/loadavg", text, sizeof(text)) ? strtod(text, NULL) : NAN;
}

void host_span(struct host_span *span, const struct host_reading *before, const struct pin *pin)
{
	double tick_ns = (double)NSEC_PER_SEC / (double)sysconf(_SC_CLK_TCK), others;
	struct host_reading now;
	struct ticks all;

	host_read(&now, pin);
	all = since(&before->all, &now.all);
	span->here = since(&before->here, &now.here);
	span->core = since(&before->core, &now.core);
	span->forced = (double)(now.forced - before->forced);
	span->own = (double)(now.own - before->own);
	span->cpu_ns = (double)(now.cpu_ns - before->cpu_ns);
	span->steal_share = share(span->here.steal, &span->here);
	span->core_busy_share = share(span->core.busy, &span->core);
	/* A sample shorter than some ticks seems to have used more than there was. */
	others = (double)all.busy - span->cpu_ns / tick_ns;
	span->others_share = (others > 0 ? others : 0) / (double)(all.busy + all.idle + all.steal);
	span->throttled = now.throttled - before->throttled;
	span->khz = pin && pin->on ? cpu_number(pin->cpu, "cpufreq/scaling_cur_freq") : NAN;
	span->load = load_now();
}

void host_each(const struct host_span *span,
	       void (*fn)(void *arg, const char *name, const char *unit, double value), void *arg)
{
	const struct {
		const char *name, *unit;
		double value;
	} metric[] = {
		{ "host.steal_share", "share", span->steal_share },
		{ "host.others_share", "share", span->others_share },
		{ "host.core_busy_share", "share", span->core_busy_share },
		{ "host.involuntary_switches", "count", span->forced },
		{ "host.voluntary_switches", "count", span->own },
		{ "host.cpu_time", "ns", span->cpu_ns },
		{ "host.load", "processes", span->load },
		{ "host.frequency", "kHz", span->khz },
		{ "host.throttled", "count", span->throttled },
	};

	for (size_t i = 0; i < ARRAY_SIZE(metric); i++)
		if (isfinite(metric[i].value))
			fn(arg, metric[i].name, metric[i].unit, metric[i].value);
}

static void add_ticks(struct ticks *sum, const struct ticks *t)
{
	sum->busy += t->busy;
	sum->idle += t->idle;
	sum->steal += t->steal;
}

void host_add(struct host_sum *sum, const struct host_span *span)
{
	add_ticks(&sum->here, &span->here);
	add_ticks(&sum->core, &span->core);
	if (span->throttled > 0)
		sum->throttled += span->throttled;
}

static const struct host_matters unknown = { -1, -1, -1, NAN, NAN, NAN, NAN };

/* Is the fact KEY as it should be? -1: the host does not say. */
static int fine(const char *key)
{
	char text[FACT_TEXT];

	for (const struct fact *f = host_facts; f->key; f++)
		if (!strcmp(f->key, key)) {
			enum fact_level level = f->get(text);

			return level == FACT_UNKNOWN ? -1 : level == FACT_FINE;
		}
	return -1;
}

void host_before(struct host_matters *m, const struct pin *pin)
{
	int still = fine("turbo");

	*m = unknown;
	m->governor = fine("governor");
	m->turbo = still < 0 ? -1 : !still;
	m->pinned = pin && pin->on;
	m->load_per_cpu = load_now() / (double)sysconf(_SC_NPROCESSORS_ONLN);
}

void host_after(struct host_matters *m, const struct host_sum *sum)
{
	*m = unknown;
	m->steal_share = share(sum->here.steal, &sum->here);
	m->core_busy_share = share(sum->core.busy, &sum->core);
	m->throttled = sum->throttled;
}

#define LOAD  0.5  /* per processor */
#define STEAL 0.01 /* of the time */
#define BUSY  0.05 /* of a hyperthread's time */

void host_warn(FILE *f, const struct host_matters *m)
{
	static const char start[] = "fvbench: warning: ";

	if (!m->governor)
		fprintf(f,
			"%sthe frequency governor is not performance: cpupower frequency-set "
			"-g performance\n",
			start);
	if (m->turbo > 0)
		fprintf(f,
			"%sturbo is on, so that times depend on heat: echo 1 > " CPU_DIR
			"intel_pstate/no_turbo, or 0 to cpufreq/boost\n",
			start);
	if (!m->pinned)
		fprintf(f, "%sthe vCPU thread may be moved between processors: --cpu-pin=auto\n",
			start);
	if (m->load_per_cpu > LOAD)
		fprintf(f, "%sload is %.2f per processor: let nothing else run, or wait a minute\n",
			start, m->load_per_cpu);
	if (m->steal_share > STEAL)
		fprintf(f,
			"%sthe hypervisor below took %.1f %% of the time: another machine, or "
			"more samples (--ci)\n",
			start, 100 * m->steal_share);
	if (m->core_busy_share > BUSY)
		fprintf(f,
			"%sthe vCPU's other hyperthread was busy %.0f %% of the time: pin to "
			"another core, or echo off > " CPU_DIR "smt/control\n",
			start, 100 * m->core_busy_share);
	if (m->throttled > 0)
		fprintf(f,
			"%sthe processor was throttled for heat %.0f times: cool it, or turn "
			"turbo off\n",
			start, m->throttled);
}
