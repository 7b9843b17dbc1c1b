/* SPDX-License-Identifier: MIT */
#ifndef FVB_HOSTFLAGS_H
#define FVB_HOSTFLAGS_H

/*
 * Give this thread the RFLAGS that C code expects. First in every signal handler that may interrupt
 * guest code: the kernel hands AC on to handlers, and with it set an unaligned access is a SIGBUS.
 */
static inline void host_flags_clean(void)
{
	/* The first step is over what a leaf function may keep below its stack pointer. */
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "push $2\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::
				 : "cc", "memory");
}

#endif
