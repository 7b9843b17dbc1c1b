/* SPDX-License-Identifier: MIT */
/* What fvm writes about a run: traps, counters, a trace, and the backend's own records. */
#ifndef FVB_RECORDS_H
#define FVB_RECORDS_H

#include "common/trapfiles.h"
#include "common/vm.h"

#include <stdio.h>

/* Where to; NULL: not at all. */
struct record_paths {
	const char *traps, *counters, *trace, *overhead;
	struct trapfiles_ask single; /* files about single traps */
};

struct records {
	struct record_paths path;
	FILE *traps, *counters, *trace, *overhead;
	struct trapfiles single;
	/* When the program began, and how long it took from then to the guest's first instruction:
	 * wall time, and processor time with the loading of the program; the caller's. ns */
	u64 begin, start, start_cpu;
};

/* Open the files, and have VM log its traps; KERNEL is the guest's file: just before the guest
 * starts, so that a wrong path costs no run. 0, or negative errno with a line on stderr for each
 * that cannot be written, or with ERR filled. */
int records_open(struct records *rec, const struct record_paths *paths, struct vm *vm,
		 const char *kernel, struct error *err);

/* Write what is still to be written and close them. KERNEL: the guest's file; IRQCHIP: the word for
 * vm->config.irqchip. 0, or negative errno with a line on stderr for each that is incomplete. */
int records_write(struct records *rec, struct vm *vm, const char *kernel, const char *irqchip);

/* After the machine is gone. */
void records_free(struct records *rec);

#endif
