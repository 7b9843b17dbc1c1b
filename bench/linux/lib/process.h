/* SPDX-License-Identifier: MIT */
/* What workloads share, beside nano.h. */
#ifndef LINUX_PROCESS_H
#define LINUX_PROCESS_H

#include "nano.h"

#include <sys/types.h>

#define BUSYBOX "/bin/busybox"

/* fail(WHAT) unless FINE. */
void need(bool fine, const char *what);

/* Wait for PID: its exit status, or -1 where there was no such child (PID < 0) or a signal ended
 * it. */
int wait_child(pid_t pid);

/* Run the program ARGV[0] with IN and OUT as standard input and output (-1: ours); as wait_child.
 */
int run_program(char *const argv[], int in, int out);

/* This process and its children to come stay on the processor that it is on. */
void stay_here(void);

#endif
