/* SPDX-License-Identifier: MIT */
#include "bench/pin.h"
#include "bench/facts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPU_DIR "/sys/devices/system/cpu/"

/* A number below CPU_SETSIZE at *AT, which moves behind it. */
static bool take_cpu(const char **at, unsigned int *cpu)
{
	char *end;
	unsigned long n;

	if (!isdigit((unsigned char)**at))
		return false;
	n = strtoul(*at, &end, 10);
	if (n >= CPU_SETSIZE)
		return false;
	*at = end;
	*cpu = (unsigned int)n;
	return true;
}

bool pin_list(const char *list, cpu_set_t *set, unsigned int *first)
{
	unsigned int low, high;

	CPU_ZERO(set);
	for (bool begun = false;; begun = true) {
		if (!take_cpu(&list, &low))
			return false;
		high = low;
		if (*list == '-' && (list++, !take_cpu(&list, &high) || high < low))
			return false;
		if (!begun)
			*first = low;
		for (; low <= high; low++)
			CPU_SET(low, set);
		if (*list != ',')
			return !*list;
		list++;
	}
}

static cpu_set_t siblings_here(unsigned int cpu)
{
	char path[100], text[256];
	unsigned int first;
	cpu_set_t set;

	snprintf(path, sizeof(path), CPU_DIR "cpu%u/topology/thread_siblings_list", cpu);
	if (!fact_line(path, text, sizeof(text)) || !pin_list(text, &set, &first))
		CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return set;
}

void pin_host(struct pin_host *host)
{
	unsigned int first;
	char text[256];

	memset(host, 0, sizeof(*host));
	if (sched_getaffinity(0, sizeof(host->allowed), &host->allowed))
		CPU_SET(0, &host->allowed);
	if (!fact_line(CPU_DIR "isolated", text, sizeof(text)) ||
	    !pin_list(text, &host->isolated, &first))
		CPU_ZERO(&host->isolated);
	host->siblings = siblings_here;
}

static int first_of(const cpu_set_t *set)
{
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, set))
			return i;
	return -1;
}

static int last_of(const cpu_set_t *set)
{
	for (int i = CPU_SETSIZE - 1; i >= 0; i--)
		if (CPU_ISSET(i, set))
			return i;
	return -1;
}

/* A without B, unless that leaves nothing. */
static void leave_out(cpu_set_t *a, const cpu_set_t *b)
{
	cpu_set_t both, rest;

	CPU_AND(&both, a, b);
	CPU_XOR(&rest, a, &both);
	if (CPU_COUNT(&rest))
		*a = rest;
}

static void choose(struct pin *pin, const struct pin_host *host)
{
	int isolated = first_of(&host->isolated);
	cpu_set_t core;

	pin->cpu = (unsigned int)(isolated >= 0 ? isolated : last_of(&host->allowed));
	CPU_SET(pin->cpu, &pin->vcpu);
	pin->others = host->allowed;
	leave_out(&pin->others, &pin->vcpu);
	core = host->siblings(pin->cpu);
	leave_out(&pin->others, &core);
}

static void describe(struct pin *pin)
{
	size_t len = 0;

	for (unsigned int i = 0; i < CPU_SETSIZE && len < sizeof(pin->text); i++) {
		unsigned int end = i;

		if (!CPU_ISSET(i, &pin->others))
			continue;
		while (end + 1 < CPU_SETSIZE && CPU_ISSET(end + 1, &pin->others))
			end++;
		len += (size_t)snprintf(pin->text + len, sizeof(pin->text) - len,
					end > i ? "%s%u-%u" : "%s%u", len ? "," : "", i, end);
		i = end;
	}
}

int pin_parse(struct pin *pin, const char *list, const struct pin_host *host, struct error *err)
{
	cpu_set_t usable, there;

	memset(pin, 0, sizeof(*pin));
	if (!list)
		return 0;
	if (!strcmp(list, "auto")) {
		choose(pin, host);
	} else {
		if (!pin_list(list, &pin->others, &pin->cpu))
			return fail(err, -EINVAL,
				    "--cpu-pin takes auto or processors such as 3 or 3,0-1; not "
				    "'%.100s'",
				    list);
		CPU_OR(&usable, &host->allowed, &host->isolated);
		CPU_AND(&there, &pin->others, &usable);
		if (!CPU_EQUAL(&there, &pin->others))
			return fail(err, -EINVAL,
				    "--cpu-pin %.100s: not all of these processors are online and "
				    "allowed here (see taskset -p $$)",
				    list);
		CPU_SET(pin->cpu, &pin->vcpu);
		leave_out(&pin->others, &pin->vcpu);
	}
	pin->on = true;
	describe(pin);
	return 0;
}

void pin_vcpu(const struct pin *pin)
{
	if (pin && pin->on)
		sched_setaffinity(0, sizeof(pin->vcpu), &pin->vcpu);
}

void pin_other(const struct pin *pin)
{
	if (pin && pin->on)
		sched_setaffinity(0, sizeof(pin->others), &pin->others);
}

/* Is thread TID of PID called as QEMU calls a vCPU's? */
static bool named_vcpu(pid_t pid, pid_t tid)
{
	char path[64], name[32];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
	return fact_line(path, name, sizeof(name)) && !strncmp(name, "CPU ", 4);
}

unsigned int pin_tasks(const struct pin *pin, pid_t pid, pid_t vcpu)
{
	unsigned int found = 0;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	if (!pin || !pin->on)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		pid_t tid = (pid_t)atoi(entry->d_name);
		bool is_vcpu = vcpu ? tid == vcpu : tid && named_vcpu(pid, tid);
		const cpu_set_t *set = is_vcpu ? &pin->vcpu : &pin->others;

		if (tid && !sched_setaffinity(tid, sizeof(*set), set))
			found += is_vcpu;
	}
	if (dir)
		closedir(dir);
	return found;
}
