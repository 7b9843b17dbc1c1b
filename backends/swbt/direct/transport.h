/* SPDX-License-Identifier: MIT */
/*
 * How the VMM and a guest process hand the processor to each other. Two ways, one contract: ptrace
 * (ptrace.c), and signal frames in memory that both share (signal.c). A world is one guest process,
 * that is, one host address space (world.h).
 *
 * All of it is called on the thread that made the world, but for kick. Whatever comes out of a
 * world is the guest's to forge: registers are data, never trusted.
 */
#ifndef FVB_SWBT_DIRECT_TRANSPORT_H
#define FVB_SWBT_DIRECT_TRANSPORT_H

#include "backends/swbt/vcpu.h"

struct world;

/* The user-visible registers of a world, all of the host's width; selectors as the host has them. */
struct world_regs {
	u64 gpr[16]; /* enum gpr */
	u64 rip, rflags;
	u64 fs_base, gs_base; /* 64-bit code; elsewhere the descriptors' */
	u16 cs, ss, ds, es, fs, gs;
};

enum world_stop_kind {
	WORLD_FAULT,   /* an exception; RIP as the processor reports it */
	WORLD_SYSCALL, /* a system call that the host's kernel did not execute; RIP behind it */
	WORLD_KICKED,  /* kick() was called, nothing else happened */
	WORLD_DEAD,    /* the process is gone */
};

struct world_stop {
	enum world_stop_kind kind;
	int signo, code; /* WORLD_FAULT: si_signo, si_code. WORLD_DEAD: as of waitpid */
	u8 vector;	 /* enum vector, told from the above where the transport cannot see it */
	bool has_error;	 /* the processor's error code is known (signal frames have it) */
	u64 error;
	u64 address; /* #PF: si_addr, that is, CR2 */
};

struct transport {
	const char *name;

	/* Fork, confine (world.h) and stop a world before its first guest instruction. 0 or
	 * negative errno with ERR filled. END also after a failed start, and for one that died. */
	int (*start)(struct world *w, struct error *err);
	void (*end)(struct world *w);

	/* Load R, run guest code until STOP, and store R. 0 or negative errno: the world is lost. */
	int (*run)(struct world *w, struct world_regs *r, struct world_stop *stop);

	/* Make a run() in progress, or the next one, come back soon. Async-signal-safe. A guest
	 * cannot prevent it. */
	void (*kick)(struct world *w);

	/* Execute a system call of those that world.c lists in the stopped world: its result, or
	 * -errno. A world that is dead gives -ESRCH. */
	s64 (*call)(struct world *w, long nr, const u64 args[6]);

	/* The XSAVE image (standard format, all components of fpu_host_components()) of the
	 * stopped world: out, in. 0 or negative errno. */
	int (*get_fpu)(struct world *w, void *xsave, size_t size);
	int (*set_fpu)(struct world *w, const void *xsave, size_t size);
};

extern const struct transport ptrace_transport, signal_transport;

#endif
