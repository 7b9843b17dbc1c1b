/* SPDX-License-Identifier: MIT */
/*
 * The kernel's signal frame of 64-bit processes (arch/x86/include/asm/sigframe.h), read and written
 * in place while the process waits in its handler. All in it is the guest's to forge: the address,
 * and what rt_sigreturn would take on trust, are remembered from before any guest code ran.
 */
#ifndef FVB_SWBT_DIRECT_FRAME_H
#define FVB_SWBT_DIRECT_FRAME_H

#include "backends/swbt/direct/transport.h"

#include <signal.h>

struct signal_frame {
	u64 restorer;
	/* struct ucontext */
	u64 flags, link;
	struct {
		u64 sp;
		u32 flags, pad;
		u64 size;
	} stack;
	u64 greg[23]; /* REG_* of <ucontext.h> */
	u64 fpstate;  /* the XSAVE image's address, in the world */
	u64 reserved[8];
	u64 mask;
	siginfo_t info;
};

#define FRAME_SW      464 /* in the XSAVE image: struct _fpx_sw_bytes */
#define FRAME_SW_SIZE 48

#define FRAME_COMPONENTS 10 /* x87 to PKRU */

/* One world's frame. */
struct frame {
	struct signal_frame *at; /* here */
	u8 *xsave;		 /* here; at->fpstate there */
	u32 xsave_size;		 /* without what the kernel puts behind it */
	struct {
		u32 at, size;
	} component[FRAME_COMPONENTS]; /* of the image */
	/* What it was at the first signal. */
	u64 fpstate, flags;
	u64 stack_sp, stack_size;
	u32 stack_flags;
	u64 segments; /* greg[REG_CSGSFS] */
	u8 sw[FRAME_SW_SIZE];
};

/* The first frame, at SP in a stack of SIZE bytes that is mapped at STACK here and at BASE there.
 * 0, or -EPROTO if it is none that is understood. */
int frame_learn(struct frame *f, u8 *stack, u64 base, u64 size, u64 sp);

/* Out of and into a frame, but for what STUB_SHARED has: FS and GS base, DS, ES, FS, GS. frame_put
 * leaves one that rt_sigreturn takes, with the signals MASK blocked, and returns RFLAGS as they
 * will be: not all are loaded. */
void frame_get(const struct frame *f, struct world_regs *r);
u64 frame_put(struct frame *f, const struct world_regs *r, u64 mask);

/* What the signal SIGNO was. May correct R: see the vsyscall page in README.md. */
void frame_stop(const struct frame *f, u64 signo, struct world_regs *r, struct world_stop *stop);

/* As in struct transport. */
void frame_get_fpu(const struct frame *f, void *xsave, size_t size);
void frame_set_fpu(struct frame *f, const void *xsave, size_t size, u64 mask);

#endif
