/* SPDX-License-Identifier: MIT */
/*
 * The process without what it no longer needs: once a machine is made and its files are open, only
 * the system calls of sandbox.def and those that the backend lists are let through. Any other ends
 * the process with one line on stderr and exit status SANDBOX_STATUS; what escapes from a guest
 * into this process finds no way to files, networks or other processes.
 */
#ifndef FVB_SANDBOX_H
#define FVB_SANDBOX_H

#include "common/error.h"
#include "common/types.h"

#define SANDBOX_STATUS 4 /* as any other failure of the host (fvm --help) */

/* SYSCALL may be called if the bits MASK of its argument ARG (0 to 5) are VALUE; MASK 0: whatever
 * its arguments are. */
struct sandbox_rule {
	int syscall; /* __NR_... */
	u8 arg;
	u64 mask, value;
};

/* The end of a list of rules. */
#define SANDBOX_END           \
	{                     \
		.syscall = -1 \
	}

/*
 * Confine this process, all its threads, for good: seccomp(2), through libseccomp. EXTRA, ended by
 * SANDBOX_END, or NULL: what the backend needs beyond sandbox.def. A thread that blocks SIGSYS
 * dies of a forbidden call without the line. 0, or a negative errno with ERR filled; then nothing
 * has changed but that the process cannot gain privileges any more.
 */
int sandbox_enter(const struct sandbox_rule *extra, struct error *err);

#endif
