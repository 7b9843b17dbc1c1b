/* SPDX-License-Identifier: MIT */
/*
 * Vector registers of a traced process, as XSAVE images in standard format. The kernel takes whole
 * images alone, so one is kept for what is not the guest's (PKRU).
 */
#ifndef FVB_SWBT_DIRECT_PTRACE_FPU_H
#define FVB_SWBT_DIRECT_PTRACE_FPU_H

#include "common/types.h"

#include <stddef.h>
#include <sys/types.h>

struct ptrace_fpu {
	int regset;  /* as ptrace calls it: NT_X86_XSTATE, or NT_PRFPREG on hosts without XSAVE */
	size_t size; /* of the host's image */
	u8 *image;   /* as it was read last */
	struct {
		u32 at, len;
	} part[4]; /* of it, beyond x87 and SSE, that guests may have */
};

/* Process PID is stopped in all of these. 0 or negative errno; FINI also after a failed INIT, and
 * for what is zeroed. */
int ptrace_fpu_init(struct ptrace_fpu *f, pid_t pid);
void ptrace_fpu_fini(struct ptrace_fpu *f);

/* struct transport's get_fpu and set_fpu. */
int ptrace_fpu_get(struct ptrace_fpu *f, pid_t pid, void *xsave, size_t size);
int ptrace_fpu_set(struct ptrace_fpu *f, pid_t pid, const void *xsave, size_t size, u64 fpu_mask);

#endif
