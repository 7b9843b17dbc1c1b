/* SPDX-License-Identifier: MIT */
/*
 * A file of binary statistics (KVM_GET_STATS_FD): it describes itself, names vary by kernel.
 * Documentation/virt/kvm/api.rst of the Linux kernel, section 4.131.
 */
#ifndef FVB_KVM_STATFILE_H
#define FVB_KVM_STATFILE_H

#include "common/types.h"

struct statfile {
	int fd; /* -1: the kernel has none */
	u32 nr, desc_size, data_offset, data_size;
	u8 *desc; /* nr descriptors with their names */
	u8 *data; /* the values as of statfile_read */
};

/* Ask OF (the VM or the vCPU) for its statistics. On failure fd is -1, which is not an error to the
 * functions below: there is just nothing to see. */
void statfile_open(struct statfile *f, int of);
void statfile_close(struct statfile *f);

/* Bring data up to date: one system call. 0 or negative errno. */
int statfile_read(struct statfile *f);

/* Index of the statistic called NAME, or -ENOENT. */
int statfile_find(const struct statfile *f, const char *name);
const char *statfile_name(const struct statfile *f, u32 i);

/*
 * Value of statistic I. The kernel's unit is kept where its exponent is negative (nanoseconds stay
 * nanoseconds, their names say so); a positive exponent is multiplied out. A histogram is the sum
 * of its buckets: how many events it saw.
 */
u64 statfile_value(const struct statfile *f, u32 i);

#endif
