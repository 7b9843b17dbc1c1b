/* SPDX-License-Identifier: MIT */
/*
 * Exact numbers of hardware exits by reason: the host kernel's tracepoint kvm:kvm_exit, counted by
 * one perf event a reason (exits.def), for this thread only. Also kvm:kvm_pio and kvm:kvm_mmio, in
 * which the accesses that the kernel answers itself show. Every exit passes every event's filter,
 * which costs it a microsecond or so: for counts, not for times.
 */
#ifndef FVB_KVM_TRACEPOINT_H
#define FVB_KVM_TRACEPOINT_H

#include "common/types.h"

#define TRACEPOINT_MAX 80

/* Rows that are not exit reasons. */
enum tracepoint_special { TP_TOTAL, TP_PIO_IN, TP_PIO_OUT, TP_MMIO, NR_TP_SPECIAL };

#define TP_NO_CAUSE (-1)

struct tracepoint_row {
	const char *name; /* "npf" */
	u32 first, last;  /* exit reasons */
	const char *filter;
	int cause; /* enum trap_cause or TP_NO_CAUSE */
};

struct tracepoints {
	const struct tracepoint_row *row; /* of this host's processor */
	unsigned int nr_rows;
	int fd[TRACEPOINT_MAX];	   /* the specials, then the rows; all one perf group */
	u64 value[TRACEPOINT_MAX]; /* as of tracepoints_read, in the same order */
	unsigned int nr;
};

/* Open them for the calling thread. 0, or a negative errno with nothing left open: no tracefs,
 * not permitted, or a kernel whose tracepoints have other fields. */
int tracepoints_open(struct tracepoints *tp);
void tracepoints_close(struct tracepoints *tp);

/* Bring value[] up to date: one system call. */
int tracepoints_read(struct tracepoints *tp);

/* Value of the row called NAME; 0 if this processor's table has none. */
u64 tracepoints_value(const struct tracepoints *tp, const char *name);

#endif
