/* SPDX-License-Identifier: MIT */
#include "bench/pmu.h"
#include "bench/facts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int pmu_open(const struct pmu_event *event, bool stopped)
{
	struct perf_event_attr attr = event->attr;
	long fd;

	attr.size = sizeof(attr);
	attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
	attr.inherit = 1;
	attr.disabled = stopped;
	fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}

int pmu_read(int fd, struct pmu_reading *reading)
{
	ssize_t n = read(fd, reading, sizeof(*reading));

	if (n < 0)
		return -errno;
	return n == sizeof(*reading) ? 0 : -EIO;
}

int pmu_between(const struct pmu_reading *before, const struct pmu_reading *after,
		struct pmu_count *out)
{
	u64 value = after->value - before->value;
	u64 enabled = after->enabled - before->enabled;
	u64 running = after->running - before->running;
	unsigned __int128 scaled;

	if (after->value < before->value || after->enabled < before->enabled ||
	    after->running < before->running || !running || running > enabled)
		return -ENODATA;
	scaled = ((unsigned __int128)value * enabled + running / 2) / running;
	*out = (struct pmu_count){
		.value = scaled > UINT64_MAX ? UINT64_MAX : (u64)scaled,
		.raw = value,
		.share = (double)running / (double)enabled,
	};
	return 0;
}

/* Of events that a processor counts. */
static bool in_hardware(const struct pmu_event *event)
{
	return event->attr.type != PERF_TYPE_SOFTWARE && event->attr.type != PERF_TYPE_TRACEPOINT;
}

/* The kernel names a processor's PMU "cpu", those of hybrid ones "cpu_core" and "cpu_atom". */
static bool has_pmu(void)
{
	return !access("/sys/bus/event_source/devices/cpu", F_OK) ||
	       !access("/sys/bus/event_source/devices/cpu_core", F_OK);
}

static void forbidden(const struct pmu_event *event, char *text, size_t size)
{
	char level[32];

	if (!fact_line("/proc/sys/kernel/perf_event_paranoid", level, sizeof(level)))
		snprintf(text, size, "this kernel lets nobody count here");
	else if (!geteuid())
		snprintf(text, size,
			 "not permitted, although you are root: a container's filter or lockdown");
	else if (event->attr.type == PERF_TYPE_TRACEPOINT)
		snprintf(text, size, "not permitted (perf_event_paranoid is %.8s): be root", level);
	else
		snprintf(text, size,
			 "not permitted (perf_event_paranoid is %.8s): sysctl "
			 "kernel.perf_event_paranoid=1%s",
			 level,
			 event->attr.exclude_kernel ? "" : ", or count user code alone (:u)");
}

void pmu_reason(const struct pmu_event *event, int code, char *text, size_t size)
{
	switch (-code) {
	case EACCES:
	case EPERM:
		forbidden(event, text, size);
		break;
	case ENOSYS:
		snprintf(text, size, "this kernel has no perf events");
		break;
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		if (!in_hardware(event))
			snprintf(text, size, "this kernel does not count it");
		else if (has_pmu())
			snprintf(text, size, "this processor does not count it");
		else
			snprintf(text, size,
				 "this host shows no PMU (inside a virtual machine, ask for one)");
		break;
	case EINVAL:
		snprintf(text, size, "this host does not count it with such modifiers");
		break;
	default:
		snprintf(text, size, "cannot be opened: %s", strerror(-code));
	}
}
