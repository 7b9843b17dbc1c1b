/* SPDX-License-Identifier: MIT */
#include "backends/kvm/tracepoint.h"
#include "common/tracefs.h"
#include "common/trap.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRAP_NONE TP_NO_CAUSE

static const struct tracepoint_row vmx_rows[] = {
#define VMX(name, first, last, filter, cause) { name, first, last, filter, TRAP_##cause },
#include "backends/kvm/exits.def"
};

static const struct tracepoint_row svm_rows[] = {
#define SVM(name, first, last, filter, cause) { name, first, last, filter, TRAP_##cause },
#include "backends/kvm/exits.def"
};

_Static_assert(ARRAY_SIZE(vmx_rows) + NR_TP_SPECIAL <= TRACEPOINT_MAX, "VMX rows fit");
_Static_assert(ARRAY_SIZE(svm_rows) + NR_TP_SPECIAL <= TRACEPOINT_MAX, "SVM rows fit");

static const struct {
	const char *event, *filter;
} specials[NR_TP_SPECIAL] = {
	[TP_TOTAL] = { "kvm_exit", NULL },
	[TP_PIO_IN] = { "kvm_pio", "rw == 0" },
	[TP_PIO_OUT] = { "kvm_pio", "rw == 1" },
	/* Type 0 is a read that has to wait for user space; it comes again as type 1. */
	[TP_MMIO] = { "kvm_mmio", "type != 0" },
};

/* One more event of the group; the first one leads it. */
static int add(struct tracepoints *tp, int id, const char *filter)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (u64)id,
		.read_format = PERF_FORMAT_GROUP,
	};
	int leader = tp->nr ? tp->fd[0] : -1;
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	tp->fd[tp->nr++] = fd;
	if (filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
		return -errno;
	return 0;
}

static int add_row(struct tracepoints *tp, int id, const struct tracepoint_row *row)
{
	char filter[160];
	int n;

	if (row->first == row->last)
		n = snprintf(filter, sizeof(filter), "exit_reason == %u", row->first);
	else
		n = snprintf(filter, sizeof(filter), "exit_reason >= %u && exit_reason <= %u",
			     row->first, row->last);
	if (row->filter)
		snprintf(filter + n, sizeof(filter) - (size_t)n, " && (%s)", row->filter);
	return add(tp, id, filter);
}

static bool cpu_has_svm(void)
{
	u32 a, b, c = 0, d;

	return __get_cpuid(0x80000001, &a, &b, &c, &d) && c & BIT(2);
}

int tracepoints_open(struct tracepoints *tp)
{
	bool svm = cpu_has_svm();
	int r = 0, id = 0;

	tp->nr = 0;
	tp->row = svm ? svm_rows : vmx_rows;
	tp->nr_rows = svm ? ARRAY_SIZE(svm_rows) : ARRAY_SIZE(vmx_rows);
	for (unsigned int i = 0; !r && i < NR_TP_SPECIAL; i++) {
		id = tracefs_id("kvm", specials[i].event);
		r = id < 0 ? id : add(tp, id, specials[i].filter);
	}
	id = tracefs_id("kvm", specials[TP_TOTAL].event);
	for (unsigned int i = 0; !r && i < tp->nr_rows; i++)
		r = add_row(tp, id, &tp->row[i]);
	if (r)
		tracepoints_close(tp);
	return r;
}

void tracepoints_close(struct tracepoints *tp)
{
	/* Members first: a group that loses its leader falls apart into single events. */
	while (tp->nr)
		close(tp->fd[--tp->nr]);
}

int tracepoints_read(struct tracepoints *tp)
{
	struct {
		u64 nr;
		u64 value[TRACEPOINT_MAX];
	} group;
	ssize_t want = (ssize_t)((1 + tp->nr) * sizeof(u64));

	if (read(tp->fd[0], &group, sizeof(group)) != want || group.nr != tp->nr)
		return -EIO;
	memcpy(tp->value, group.value, tp->nr * sizeof(u64));
	return 0;
}

u64 tracepoints_value(const struct tracepoints *tp, const char *name)
{
	for (unsigned int i = 0; i < tp->nr_rows; i++)
		if (!strcmp(tp->row[i].name, name))
			return tp->value[NR_TP_SPECIAL + i];
	return 0;
}
