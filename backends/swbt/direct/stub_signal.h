/* SPDX-License-Identifier: MIT */
/*
 * The instructions of ours that a world has for transport `signal`, and the pages that it shares
 * with the VMM. Read by stub_signal.S, too.
 *
 * Nothing here is hidden from the guest, which may read it, jump into it with any registers, and
 * write what lies in STUB_SHARED. So:
 *  - The stub obeys STUB_CONTROL alone, which only the VMM can write. What it does behind a system
 *    call depends on no register and no stack.
 *  - Told to park, it has the kernel note the order (as a resource limit that means nothing) and
 * waits. A world whose limit is the order that stands has passed that instruction, whoever led it
 * there, and is out of the guest's hands until the VMM lets it resume (handover.c,
 * handover_settle).
 *  - The instruction for system calls other than the gates' (signal.c) is dead, by Syscall User
 *    Dispatch, but for a world that is parked.
 */
#ifndef FVB_SWBT_DIRECT_STUB_SIGNAL_H
#define FVB_SWBT_DIRECT_STUB_SIGNAL_H

#include "backends/swbt/direct/world.h"

/* The pages at WORLD_DATA. */
#define STUB_CONTROL	WORLD_DATA	      /* a page: read-only in the world */
#define STUB_CALLS	(WORLD_DATA + 0x1000) /* a page: struct world_call, read-only too */
#define STUB_SHARED	(WORLD_DATA + 0x2000) /* a page: both write */
#define STUB_STACK	(WORLD_DATA + 0x3000) /* where the kernel puts signal frames */
#define STUB_STACK_SIZE 0x8000
#define STUB_DATA_SIZE	(0x3000 + STUB_STACK_SIZE)

/* Offsets in STUB_CONTROL (struct stub_control). */
#define CONTROL_SELECTOR 0
#define CONTROL_ORDER	 8
#define CONTROL_SPIN	 24
#define CONTROL_CALLS	 32
#define CONTROL_SEGMENTS 36
#define CONTROL_FRAME	 40
#define CONTROL_FS_BASE	 48
#define CONTROL_GS_BASE	 56
#define CONTROL_DS	 64
#define CONTROL_ES	 66
#define CONTROL_FS	 68
#define CONTROL_GS	 70

/* Offsets in STUB_SHARED (struct stub_shared). */
#define SHARED_STOPPED	 0
#define SHARED_WAITS	 4
#define SHARED_RESULT	 8
#define SHARED_SIGNO	 16
#define SHARED_FRAME	 24
#define SHARED_FS_BASE	 32
#define SHARED_GS_BASE	 40
#define SHARED_DS	 48
#define SHARED_ES	 50
#define SHARED_FS	 52
#define SHARED_GS	 54
#define SHARED_VMM_WAITS 56

/* An order is a serial number and one of these. */
#define ORDER_PARK   0 /* tell the kernel, and wait for the next */
#define ORDER_CALL   1 /* system calls */
#define ORDER_RESUME 2 /* guest code */
#define ORDER_KIND   3
#define ORDER_STEP   4

#ifndef __ASSEMBLER__

#include "common/types.h"

struct stub_control {
	u8 selector; /* of Syscall User Dispatch */
	/* A struct rlimit, of which `order` is the low half of the first member. */
	u32 order __attribute__((aligned(8))); /* futex word of the world */
	u32 order_high;
	u64 order_max;
	u32 spin; /* looks at `order` before the world sleeps */
	u32 unused;
	u32 calls;    /* to be made, of those in STUB_CALLS */
	u32 segments; /* DS to GS are to be loaded */
	u64 frame;    /* stack pointer for rt_sigreturn */
	u64 fs_base, gs_base;
	u16 ds, es, fs, gs;
};

struct stub_shared {
	/* Futex word of the VMM: the order that was carried out, or under which the guest faulted.
	 * A world that was told to park may say so twice, the second time after its next order:
	 * what is not about the order that stands does not count. */
	u32 stopped;
	u32 waits;  /* the world sleeps, or is about to */
	u64 result; /* of the last call */
	u64 signo, frame;
	u64 fs_base, gs_base;
	u16 ds, es, fs, gs;
	u32 vmm_waits; /* the VMM sleeps, or is about to: wake it */
};

/* Its instructions, in this process; in a world they are at WORLD_STUB_MORE. */
extern const u8 stub_code[], stub_code_end[];
extern const u8 stub_handler[];	   /* of all signals */
extern const u8 stub_after_wait[]; /* behind the system-call instructions */
extern const u8 stub_after_wake[];
extern const u8 stub_after_report[];
extern const u8 stub_after_sigreturn[];
extern const u8 stub_after_call[];

#endif
#endif
